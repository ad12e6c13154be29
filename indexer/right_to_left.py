"""Words of Hebrew and Arabic in the order of reading, where a page's text layer has their letters as they look."""

import ctypes
import re
import unicodedata

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

# Letters and marks, presentation forms too. Digits and punctuation end a word: PDFium has them in their places.
_WORD = re.compile(
    r"(?:(?![\u0600-\u060f\u061b-\u061f\u0660-\u066d\u06d4\u06dd\u06de\u06f0-\u06f9])"
    r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]){2,}"
)


def turn_words(text_page: pdfium.PdfTextPage, text: str) -> str:
    """The page's text with each word's letters in the order of reading.

    PDFium gives the words of a line in order, but the letters of some from left to right. A word turned keeps its
    place, so its offsets still mark its glyphs, all of them together.
    """
    return _WORD.sub(lambda word: _turned(word[0]) if _runs_rightwards(text_page, *word.span()) else word[0], text)


def _runs_rightwards(text_page: pdfium.PdfTextPage, start: int, end: int) -> bool:
    left, other = ctypes.c_double(), ctypes.c_double()
    ignored = ctypes.c_double()
    get_box = pdfium_c.FPDFText_GetCharBox
    # A letter without a place tells nothing.
    known = get_box(text_page, start, left, ignored, ignored, ignored) and get_box(
        text_page, end - 1, other, ignored, ignored, ignored
    )
    return bool(known) and left.value < other.value


def _turned(word: str) -> str:
    """The letters the other way round, each with the marks that stand behind it."""
    letters: list[str] = []
    for character in word:
        if letters and unicodedata.combining(character):
            letters[-1] += character
        else:
            letters.append(character)
    return "".join(reversed(letters))
