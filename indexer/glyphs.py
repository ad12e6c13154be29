"""A page's text layer as PDFium gives it: its characters, and its lines with their places, sizes and weights."""

import ctypes
import re
from functools import lru_cache
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from core.types import Line
from indexer.right_to_left import turn_words

# What two of UTF-16's units, or none, may stand behind.
_DOUBTFUL = re.compile(r"[\x00\ufffd\U00010000-\U0010ffff]")
# PDFium's own text has another character for a hyphen at a line end than its single characters have.
_HYPHEN = re.compile(r"\ufffe")
# PDFium takes a hyphen at a line end and the line end away together, and leaves one of the last two for both.
_LINE = re.compile(r"[^\r\n\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")

_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|medi\b|cmbx|cmssbx|sfbx", re.IGNORECASE)
_FONT_NAME_BYTES = 128
# A line's height and weight are told from a few of its characters.
_SAMPLED_CHARACTERS = 5


def read_text_layer(text_page: pdfium.PdfTextPage) -> tuple[str, tuple[Line, ...]]:
    """The page's text, of which character `i` is PDFium's character `i`, and its lines."""
    text = turn_words(text_page, _read_text(text_page))
    reader = _LineReader(text_page, text)
    return text, tuple(reader.read(*match.span()) for match in _LINE.finditer(text))


def _read_text(text_page: pdfium.PdfTextPage) -> str:
    """One character for each of PDFium's, at once where its own text has as many, else one by one."""
    count, page = text_page.count_chars(), text_page.raw
    buffer = (ctypes.c_ushort * (count + 1))()
    # The count comes with a final zero, and without the characters that PDFium's own text leaves out.
    if pdfium_c.FPDFText_GetText(page, 0, count, buffer) == count + 1:
        text = bytes(buffer)[: 2 * count].decode("utf-16-le", "replace")
        if len(text) == count and not _DOUBTFUL.search(text):
            return _HYPHEN.sub(lambda match: _character(pdfium_c.FPDFText_GetUnicode(page, match.start())), text)
    unicode_of = pdfium_c.FPDFText_GetUnicode
    return "".join([_character(unicode_of(page, index)) for index in range(count)])


def _character(code: int) -> str:
    """One character for one of PDFium's, whatever it is, so that offsets stay glyph indices."""
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(code)


class _LineReader:
    """Reads one page's lines. Most of reading a paper is spent here, so what PDFium writes into is made once."""

    def __init__(self, text_page: pdfium.PdfTextPage, text: str) -> None:
        # Not the helper, of which each call would ask anew for what it wraps.
        self._page: Any = text_page.raw
        self._text = text
        self._corners = tuple(ctypes.c_double() for _ in range(4))
        self._pointers = tuple(map(ctypes.byref, self._corners))
        self._box = pdfium_c.FS_RECTF()
        self._box_pointer = ctypes.byref(self._box)
        self._name = ctypes.create_string_buffer(_FONT_NAME_BYTES)

    def read(self, start: int, end: int) -> Line:
        left, bottom, right, top = self._place(start, end)
        sampled = self._sample(start, end)
        heights = sorted(map(self._height, sampled))
        # A sign such as "§" may come from another font than the words do.
        lettered = [index for index in sampled if self._text[index].isalnum()] or sampled
        bold = self._is_bold(lettered[0]) and self._is_bold(lettered[-1])
        return Line(start, end, left, bottom, right, top, font_size=heights[len(heights) // 2], bold=bold)

    def _sample(self, start: int, end: int) -> list[int]:
        """A few visible characters from all over the line; its first where none is visible."""
        step = max((end - start) // _SAMPLED_CHARACTERS, 1)
        sampled = [index for index in range(start, end, step) if not self._text[index].isspace()]
        return sampled or [index for index in range(start, end) if not self._text[index].isspace()][:1] or [start]

    def _place(self, start: int, end: int) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of the characters together; zeroes where none has a place."""
        left, top, right, bottom = self._corners
        count = pdfium_c.FPDFText_CountRects(self._page, start, end - start)
        if count <= 0:
            return 0.0, 0.0, 0.0, 0.0
        place = (float("inf"), float("inf"), float("-inf"), float("-inf"))
        for index in range(count):
            pdfium_c.FPDFText_GetRect(self._page, index, *self._pointers)
            place = (
                min(place[0], left.value),
                min(place[1], bottom.value),
                max(place[2], right.value),
                max(place[3], top.value),
            )
        return place

    def _height(self, index: int) -> float:
        """Of a character's loose box: the font's own height as displayed; the size leaves the text matrix out."""
        self._box.top = self._box.bottom = 0.0
        pdfium_c.FPDFText_GetLooseCharBox(self._page, index, self._box_pointer)
        return abs(self._box.top - self._box.bottom)

    def _is_bold(self, index: int) -> bool:
        """By the font's weight, or its name where that tells: many fonts, TeX's among them, state no weight."""
        if pdfium_c.FPDFText_GetFontWeight(self._page, index) >= _BOLD_WEIGHT:
            return True
        self._name[0] = b"\0"
        pdfium_c.FPDFText_GetFontInfo(self._page, index, self._name, _FONT_NAME_BYTES, None)
        return _names_bold(self._name.value)


@lru_cache(maxsize=1024)
def _names_bold(name: bytes) -> bool:
    return bool(_BOLD_NAME.search(name))
