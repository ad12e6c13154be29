"""PDFs made to harm whoever reads them: without end, without bottom, or out of all measure."""

import zlib

from tests.papers import HEIGHT, WIDTH

_BOX = f"/MediaBox [0 0 {WIDTH} {HEIGHT}]"
_FONT = "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
_TEXT = b"BT /F1 10 Tf 72 700 Td (One line that can be read in any case, whatever else there is.) Tj ET"


def nested_arrays(depth: int) -> bytes:
    """An array in an array, and so on."""
    return _pdf(_catalog(f"/Deep {'[' * depth}{']' * depth}"), _pages(), _page(), _stream(_TEXT))


def page_tree_in_itself() -> bytes:
    """The pages are their own children."""
    return _pdf(_catalog(), "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>", _page(), _stream(_TEXT))


def deep_page_tree(depth: int) -> bytes:
    """A page below so many nodes with one child each."""
    nodes = [f"<< /Type /Pages /Parent {n - 1} 0 R /Kids [{n + 1} 0 R] /Count 1 >>" for n in range(5, 5 + depth)]
    return _pdf(
        _catalog(), "<< /Type /Pages /Kids [5 0 R] /Count 1 >>", _page(), _stream(_TEXT), *nodes, _page(4 + depth)
    )


def page_tree_that_boasts() -> bytes:
    """One page, and the word of two thousand million."""
    return _pdf(_catalog(), f"<< /Type /Pages /Kids [3 0 R] /Count {(1 << 31) - 1} >>", _page(), _stream(_TEXT))


def outline_in_itself() -> bytes:
    """An entry that is its own child and its own successor."""
    entry = "<< /Title (Again) /Parent 5 0 R /First 6 0 R /Next 6 0 R /Dest [3 0 R /Fit] >>"
    outline = "<< /Type /Outlines /First 6 0 R /Last 6 0 R /Count 1 >>"
    return _pdf(_catalog("/Outlines 5 0 R"), _pages(), _page(), _stream(_TEXT), outline, entry)


def form_in_itself() -> bytes:
    """A form that draws itself."""
    form = _stream(
        b"/F Do /F Do",
        f"/Type /XObject /Subtype /Form /BBox [0 0 {WIDTH} {HEIGHT}] /Resources << /XObject << /F 5 0 R >> >>",
    )
    page = f"<< /Type /Page /Parent 2 0 R {_BOX} /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>"
    return _pdf(_catalog(), _pages(), page, _stream(b"/F Do"), form)


def many_pages(count: int) -> bytes:
    """So many pages, all with the same content."""
    kids = " ".join(f"{n} 0 R" for n in range(5, 5 + count))
    pages = f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"
    return _pdf(_catalog(), pages, _page(), _stream(_TEXT), *[_page()] * count)


def flate_bomb(megabytes: int, layers: int = 2) -> bytes:
    """A few kilobytes that become so many megabytes of white space in a page's content."""
    squeeze = zlib.compressobj(9)
    content = b"".join([*(squeeze.compress(b" " * (1 << 20)) for _ in range(megabytes)), squeeze.flush()])
    for _ in range(layers - 1):
        content = zlib.compress(content, 9)
    filters = f"/Filter [{'/FlateDecode ' * layers}]"
    return _pdf(_catalog(), _pages(), _page(), _stream(content, filters))


def much_text(megabytes: int) -> bytes:
    """A page with so many megabytes of words."""
    words = b"(all work and no play makes a dull paper, as everybody knows who has read one such) Tj T*\n"
    lines = b"BT /F1 10 Tf 12 TL 72 700 Td\n" + words * ((megabytes << 20) // len(words)) + b"ET"
    return _pdf(_catalog(), _pages(), _page(), _stream(zlib.compress(lines), "/Filter /FlateDecode"))


def _catalog(more: str = "") -> str:
    return f"<< /Type /Catalog /Pages 2 0 R {more} >>"


def _pages() -> str:
    return "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def _page(parent: int = 2) -> str:
    return f"<< /Type /Page /Parent {parent} 0 R {_BOX} /Contents 4 0 R {_FONT} >>"


def _stream(content: bytes, more: str = "") -> bytes:
    return f"<< /Length {len(content)} {more} >>\nstream\n".encode() + content + b"\nendstream"


def _pdf(*objects: str | bytes) -> bytes:
    """A file of these objects, numbered from 1; the first is the catalog."""
    out, starts = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        starts.append(len(out))
        out += f"{number} 0 obj\n".encode() + (content if isinstance(content, bytes) else content.encode())
        out += b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(starts) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{start:010d} 00000 n \n".encode() for start in starts)
    return bytes(out + f"trailer\n<< /Size {len(starts) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode())
