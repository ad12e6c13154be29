"""Read a PDF, and show its pages, with PDFium.

Imported by the child process that reads one file, so it imports neither PyTorch nor NumPy-heavy packages.
"""

import ctypes
import io
import logging
import math
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL.Image import Image

from core.errors import PasswordError, ReadError
from core.formats import PDF_HEADER_BYTES, DocumentFormat
from core.types import Box, Line, Metadata, OutlineEntry, Page, PageSource, PaperFile, PaperText
from indexer.boxes import join_on_lines
from indexer.glyphs import read_text_layer
from indexer.metadata import Front, find_authors, find_identifiers, find_title, find_year
from indexer.quality import has_usable_text, page_quality
from indexer.text import ACCENTS

logger = logging.getLogger(__name__)

# PDFium is not safe to call from two threads, not even for two documents.
_PDFIUM = threading.Lock()

_JPEG_QUALITY = 85
_MOST_PIXELS = 30_000_000
# JPEG knows no longer side than 65,500.
_LONGEST_SIDE = 20_000
_WIDEST_PICTURE = 3000
_MOST_OUTLINE_ENTRIES = 5000
# A space is none where it is so much narrower than those beside it, given so many.
_KERNED_GAP = 0.55
_FEWEST_GAPS = 3
# In heights of a line.
_COLUMN_GAP = 1.0
_GAP_IN_A_WORD = 0.15
_SMALL_SIGN = 0.85
_RAISED = 0.15
_MOST_FRONT_LINES = 30
# A scan may have a page number, or the notice of who downloaded it, as its text layer.
_LETTERS_OF_A_STAMP = 400
_SHARE_OF_A_SCAN = 0.5


def read_paper(path: Path, name: str | None = None, password: str | None = None) -> PaperText:
    """All pages' text with its places, outline and metadata. Raises ReadError, in one sentence that names `name`."""
    name = name or path.name
    _require_pdf(path, name)
    with _PDFIUM, _open(path, name, password) as document:
        pages = tuple(_read_page(document, number) for number in range(1, len(document) + 1))
        front = _read_front(document, pages[0]) if pages[0].lines else Front(pages[0])
        if pages[0].needs_ocr:
            front = Front(replace(pages[0], text="", lines=()))
        outline = tuple(_read_outline(document))
        declared = document.get_metadata_dict()
    return PaperText(pages, outline, find_metadata(front, declared, name))


def require_text(pages: Sequence[Page], name: str) -> None:
    """Raise ReadError, in one sentence that names `name`, where nothing of the pages can be read."""
    cure = "Add a better scan, or one with a text layer."
    if any(page.source is PageSource.FAILED for page in pages):
        cure = "Retry it; or add a better scan, or one with a text layer."
    if any(page.needs_ocr for page in pages):
        cure = "Set WHETSTONE_OCR to on, so that the text of its pictures is recognised, then retry it."
    if not any(page.text.strip() for page in pages):
        of_pages = "its only page" if len(pages) == 1 else f"any of its {len(pages)} pages"
        raise ReadError(f"'{name}' has no text on {of_pages}{_why(pages)}. {cure}")
    if not has_usable_text(pages):
        raise ReadError(f"The text of '{name}' is unreadable{_why(pages)}. {cure}")


def _why(pages: Sequence[Page]) -> str:
    """The commonest reason, where there is one."""
    reasons = Counter(page.reason for page in pages if page.reason)
    return f": {reasons.most_common(1)[0][0]}" if reasons else ""


def render_page(file: PaperFile, number: int, width_px: int) -> bytes:
    """A page's picture as JPEG of this width. Raises ReadError where there is no such page."""
    with _PDFIUM, _open(file.path, file.name, file.password) as document:
        page = _get_page(document, number, file.name)
        width, height = page.get_size()
        # A page may be as high and narrow as a ribbon.
        scale = min(
            min(max(width_px, 50), _WIDEST_PICTURE) / width,
            math.sqrt(_MOST_PIXELS / (width * height)),
            _LONGEST_SIDE / max(width, height),
        )
        picture = page.render(scale=scale).to_pil().convert("RGB")
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_JPEG_QUALITY)
    return target.getvalue()


def render_picture(file: PaperFile, number: int, scale: float, most_pixels: int) -> tuple[Image, float, float]:
    """A page's picture in colour, of at most so many pixels, and its size in points."""
    with _PDFIUM, _open(file.path, file.name, file.password) as document:
        page = _get_page(document, number, file.name)
        width, height = page.get_size()
        scale = min(scale, math.sqrt(most_pixels / (width * height)))
        return page.render(scale=scale).to_pil().convert("RGB"), width, height


def passage_boxes(file: PaperFile, number: int, start: int, end: int) -> list[Box]:
    """Where characters `start` to `end` stand on the page's picture: about one box a line."""
    with _PDFIUM, _open(file.path, file.name, file.password) as document:
        page = _get_page(document, number, file.name)
        text = page.get_textpage()
        corners = [text.get_rect(index) for index in range(text.count_rects(start, end - start))]
        boxes = (_to_box(page, *corner) for corner in corners)
        return join_on_lines(box for box in boxes if box is not None)


def _require_pdf(path: Path, name: str) -> None:
    with path.open("rb") as file:
        head = file.read(PDF_HEADER_BYTES)
    if not head:
        raise ReadError(f"'{name}' is empty. Download it again.")
    if b"%PDF-" not in head:
        raise ReadError(
            f"'{name}' is not a PDF: it does not begin like one. Download it again, or convert it to PDF. "
            f"What else can be added ends in {', '.join(f'.{format}' for format in DocumentFormat if format != 'pdf')}."
        )


@contextmanager
def _open(path: Path, name: str, password: str | None) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(path, password)
    except pdfium.PdfiumError as error:
        # PDFium's code may be left over from another file, so the file itself has the last word.
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD and b"/Encrypt" in path.read_bytes():
            if password is None:
                raise PasswordError(f"'{name}' is encrypted. Retry it with its password.") from error
            raise PasswordError(f"The password given does not open '{name}'. Retry it with another.") from error
        if error.err_code == pdfium_c.FPDF_ERR_SECURITY:
            raise ReadError(
                f"'{name}' is encrypted in a way that can't be read here. Print it to a new PDF, then add that."
            ) from error
        raise ReadError(f"'{name}' is broken: it can't be opened as a PDF. Download it again.") from error
    try:
        if len(document) == 0:
            raise ReadError(f"'{name}' has no pages. Download it again.")
        yield document
    finally:
        document.close()


def _get_page(document: pdfium.PdfDocument, number: int, name: str) -> pdfium.PdfPage:
    if not 1 <= number <= len(document):
        raise ReadError(f"'{name}' has {len(document)} pages, so it has no page {number}.")
    try:
        return document[number - 1]
    except pdfium.PdfiumError as error:
        raise ReadError(f"Page {number} of '{name}' is broken and can't be shown.") from error


# --- text --------------------------------------------------------------------------------------


def _read_page(document: pdfium.PdfDocument, number: int) -> Page:
    """One page; a broken page is an empty one, so that it does not take the others with it."""
    try:
        page = document[number - 1]
        width, height = page.get_size()
        text_page = page.get_textpage()
    except pdfium.PdfiumError as error:
        logger.warning("page %d: %s", number, error)
        return Page(number, "", 0.0, 0.0, source=PageSource.FAILED, reason="the page is broken")
    text, lines = read_text_layer(text_page)
    drawn = bool(text.strip()) or pdfium_c.FPDFPage_CountObjects(page) > 0
    # Where there is text enough, there is no need to look for pictures.
    has_picture = sum(map(str.isalnum, text)) < _LETTERS_OF_A_STAMP and _covered_by_a_picture(page)
    text_page.close()
    page.close()
    return _judge_text(Page(number, text, width, height, lines), drawn, has_picture)


def _covered_by_a_picture(page: pdfium.PdfPage) -> bool:
    """Whether a picture takes most of the page, as a scan's does."""
    width, height = page.get_size()
    for index in range(pdfium_c.FPDFPage_CountObjects(page)):
        found = pdfium_c.FPDFPage_GetObject(page, index)
        if pdfium_c.FPDFPageObj_GetType(found) != pdfium_c.FPDF_PAGEOBJ_IMAGE:
            continue
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        if pdfium_c.FPDFPageObj_GetBounds(found, left, bottom, right, top):
            area = (right.value - left.value) * (top.value - bottom.value)
            if area > _SHARE_OF_A_SCAN * width * height:
                return True
    return False


def _judge_text(page: Page, drawn: bool, has_picture: bool) -> Page:
    """The page with its source, and whether its picture may show more than its text layer tells."""
    if not drawn:
        return replace(page, source=PageSource.EMPTY, reason="the page is blank")
    if not page.text.strip():
        return replace(page, source=PageSource.EMPTY, reason="it is a picture without a text layer", needs_ocr=True)
    if has_picture:
        return replace(page, needs_ocr=True)
    if not page_quality(page).usable:
        reason = "its fonts give codes in place of letters"
        return replace(page, source=PageSource.FAILED, reason=reason, needs_ocr=True)
    return page


def _read_front(document: pdfium.PdfDocument, page: Page) -> Front:
    """The first page with the gaps between its words marked, and where signs are raised."""
    pdf_page = document[page.number - 1]
    text_page = pdf_page.get_textpage()
    characters = list(page.text)
    raised: set[int] = set()
    for line in page.lines[:_MOST_FRONT_LINES]:
        _mark_gaps(text_page, page, line, characters)
        raised.update(_raised_signs(text_page, page, line))
        _place_accents(text_page, page, line, characters)
    text_page.close()
    pdf_page.close()
    return Front(replace(page, text="".join(characters)), frozenset(raised))


def _mark_gaps(text_page: pdfium.PdfTextPage, page: Page, line: Line, characters: list[str]) -> None:
    """Mark the line's spaces by their width: a tab between columns, an invisible one within a word.

    PDFium sees a space in wide-set words, as in "REAC T", and but one between two authors side by side.
    """
    gaps = {
        index: text_page.get_charbox(index + 1)[0] - text_page.get_charbox(index - 1)[2]
        for index in range(line.start + 1, line.end - 1)
        if page.text[index] == " " and pdfium_c.FPDFText_IsGenerated(text_page, index) == 1
    }
    narrow = _KERNED_GAP * median(gaps.values()) if len(gaps) >= _FEWEST_GAPS else 0.0
    for index, gap in gaps.items():
        if gap < narrow:
            characters[index] = "\u200b"
        elif gap > _COLUMN_GAP * line.font_size:
            characters[index] = "\t"


def _place_accents(text_page: pdfium.PdfTextPage, page: Page, line: Line, characters: list[str]) -> None:
    """Put each accent that is a sign of its own on the letter it stands over, wherever PDFium names it in the line."""
    accents = [index for index in range(line.start, line.end) if page.text[index] in ACCENTS]
    if not accents:
        return
    letters = {
        index: text_page.get_charbox(index) for index in range(line.start, line.end) if page.text[index].isalpha()
    }
    for accent in accents:
        left, _, right, _ = text_page.get_charbox(accent)
        middle = (left + right) / 2
        under = [index for index, box in letters.items() if box[0] <= middle <= box[2]]
        if not under:
            continue
        letter = page.text[under[0]].replace("\u0131", "i")
        composed = unicodedata.normalize("NFC", letter + ACCENTS[page.text[accent]])
        if len(composed) != 1:
            continue
        characters[under[0]], characters[accent] = composed, "\u200b"
        _close_gap(page, line, accent, letters, characters)


def _close_gap(
    page: Page, line: Line, accent: int, letters: dict[int, tuple[float, float, float, float]], characters: list[str]
) -> None:
    """Take the spaces around an accent away where the letters beside it are of one word."""
    before = next((index for index in range(accent - 1, line.start - 1, -1) if not page.text[index].isspace()), None)
    behind = next((index for index in range(accent + 1, line.end) if not page.text[index].isspace()), None)
    if before not in letters or behind not in letters:
        return
    if letters[behind][0] - letters[before][2] < _GAP_IN_A_WORD * line.font_size:
        for index in range(before + 1, behind):
            characters[index] = "\u200b"


def _raised_signs(text_page: pdfium.PdfTextPage, page: Page, line: Line) -> list[int]:
    """Characters that are smaller than the line's and stand higher, as the marks of footnotes and institutions do."""
    boxes = {
        index: text_page.get_charbox(index, loose=True)
        for index in range(line.start, line.end)
        if not page.text[index].isspace()
    }
    if not boxes:
        return []
    # A line with many marks may have been measured by one of them.
    height = median(top - bottom for _, bottom, _, top in boxes.values())
    base = median(bottom for _, bottom, _, top in boxes.values() if top - bottom >= height)
    return [
        index
        for index, (_, bottom, _, top) in boxes.items()
        if top - bottom < _SMALL_SIGN * height and bottom > base + _RAISED * height
    ]


def _to_box(page: pdfium.PdfPage, left: float, bottom: float, right: float, top: float) -> Box | None:
    """Page points to shares of the displayed picture; PDFium knows about crop boxes and rotation. None if outside."""
    scale = 10_000
    first, second = (_to_device(page, scale, x, y) for x, y in ((left, top), (right, bottom)))
    xs = sorted(min(max(x / scale, 0.0), 1.0) for x in (first[0], second[0]))
    ys = sorted(min(max(y / scale, 0.0), 1.0) for y in (first[1], second[1]))
    if xs[0] == xs[1] or ys[0] == ys[1]:
        return None
    return Box(left=xs[0], top=ys[0], width=xs[1] - xs[0], height=ys[1] - ys[0])


def _to_device(page: pdfium.PdfPage, scale: int, x: float, y: float) -> tuple[int, int]:
    device_x, device_y = pdfium_c.c_int(), pdfium_c.c_int()
    pdfium_c.FPDF_PageToDevice(page, 0, 0, scale, scale, 0, x, y, device_x, device_y)
    return device_x.value, device_y.value


# --- outline and metadata ----------------------------------------------------------------------


def _read_outline(document: pdfium.PdfDocument) -> Iterator[OutlineEntry]:
    for bookmark in islice(document.get_toc(), _MOST_OUTLINE_ENTRIES):
        title, destination = bookmark.get_title(), bookmark.get_dest()
        index = destination.get_index() if destination else None
        if title and index is not None:
            yield OutlineEntry(title.strip(), index + 1, bookmark.level + 1)


def find_metadata(front: Front, declared: dict[str, str], name: str) -> Metadata:
    """Title, authors, year and identifiers by what the file declares and by its first page."""
    doi, arxiv_id = find_identifiers(front.page)
    return Metadata(
        title=find_title(declared.get("Title"), front, name),
        authors=find_authors(declared.get("Author"), front),
        year=find_year(front.page),
        doi=doi,
        arxiv_id=arxiv_id,
    )
