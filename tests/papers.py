"""Small PDFs, written by hand, for tests: text at given places, and files broken in given ways."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pypdf
import pypdfium2 as pdfium

WIDTH, HEIGHT = 612, 792
LEFT, TOP = 72, 720
LEADING = 14


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text and where it begins, in points from the bottom left."""

    text: str
    x: float = LEFT
    y: float = TOP
    size: float = 10
    bold: bool = False
    upright: bool = False
    invisible: bool = False


def make_pdf(pages: Sequence[Sequence[Text]], info: dict[str, str] | None = None, page_attributes: str = "") -> bytes:
    """A valid PDF with these lines, in Helvetica."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    objects += ["<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    objects += ["<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>"]
    kids = []
    for lines in pages:
        content = "\n".join(_show(line) for line in lines)
        objects.append(f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> {page_attributes} >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    trailer = ""
    if info:
        entries = " ".join(f"/{key} ({_escape(value)})" for key, value in info.items())
        objects.append(f"<< {entries} >>")
        trailer = f" /Info {len(objects)} 0 R"
    return _assemble(objects, trailer)


def make_paper(title: str, paragraphs: Sequence[str], info: dict[str, str] | None = None) -> bytes:
    """A one-column paper: a large title, then the paragraphs, as many pages as they take, numbered at the foot."""
    lines = [Text(title, y=TOP, size=18)]
    pages, y = [lines], TOP - 40
    for paragraph in paragraphs:
        for text in _wrap(paragraph):
            if y < 80:
                lines, y = [], TOP
                pages.append(lines)
            lines.append(Text(text, y=y))
            y -= LEADING
        y -= LEADING
    for number, page in enumerate(pages, start=1):
        page.append(Text(str(number), x=WIDTH / 2, y=36))
    return make_pdf(pages, info)


def zipped(files: Mapping[str, bytes]) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def lines_down(texts: Sequence[str], x: float = LEFT, y: float = TOP) -> list[Text]:
    """Lines one below the other."""
    return [Text(text, x=x, y=y - LEADING * number) for number, text in enumerate(texts)]


def encrypt(pdf: bytes, user_password: str, owner_password: str = "owner") -> bytes:
    writer = pypdf.PdfWriter(clone_from=BytesIO(pdf))
    writer.encrypt(user_password, owner_password, algorithm="AES-256")
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def with_outline(pdf: bytes, entries: Sequence[tuple[str, int]]) -> bytes:
    """The PDF with an outline of (title, page from 1)."""
    writer = pypdf.PdfWriter(clone_from=BytesIO(pdf))
    for title, page in entries:
        writer.add_outline_item(title=title, page_number=page - 1)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def scan(pdf: bytes, text_layer: bytes | None = None, dots: int = 150) -> bytes:
    """The PDF's pages as pictures, under the (invisible) text of another PDF where one is given."""
    with pdfium.PdfDocument(pdf) as document:
        pictures = [page.render(scale=dots / 72).to_pil().convert("L") for page in document]
    target = BytesIO()
    pictures[0].save(target, "PDF", save_all=True, append_images=pictures[1:], resolution=dots)
    if text_layer is None:
        return target.getvalue()
    writer = pypdf.PdfWriter(clone_from=BytesIO(target.getvalue()))
    for page, layer in zip(writer.pages, pypdf.PdfReader(BytesIO(text_layer)).pages, strict=True):
        page.merge_page(layer)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def join(*pdfs: bytes) -> bytes:
    """One PDF with the pages of all."""
    writer = pypdf.PdfWriter()
    for pdf in pdfs:
        writer.append(BytesIO(pdf))
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _show(line: Text) -> str:
    font = "F2" if line.bold else "F1"
    turn = "0 1 -1 0" if line.upright else "1 0 0 1"
    mode = " 3 Tr" if line.invisible else ""
    return f"BT /{font} {line.size} Tf{mode} {turn} {line.x} {line.y} Tm ({_escape(line.text)}) Tj ET"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _wrap(paragraph: str, width: int = 90) -> list[str]:
    lines, line = [], ""
    for word in paragraph.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def _assemble(objects: Sequence[str], trailer: str) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def make_slow_pdf(levels: int = 5) -> bytes:
    """A small page that draws a form ten times, which draws another ten times, and so on: it takes a minute."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"]
    objects += [
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 4 0 R "
        "/Resources << /XObject << /F 5 0 R >> >> >>",
        "<< /Length 5 >>\nstream\n/F Do\nendstream",
    ]
    for level in range(levels):
        draw = "/F Do " * 10 if level < levels - 1 else "0 0 600 700 re f " * 10
        resources = f"/Resources << /XObject << /F {len(objects) + 2} 0 R >> >>" if level < levels - 1 else ""
        objects.append(
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 {WIDTH} {HEIGHT}] {resources} /Length {len(draw)} >>\n"
            f"stream\n{draw}\nendstream"
        )
    return _assemble(objects, "")
