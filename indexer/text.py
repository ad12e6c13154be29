"""From a page's characters to what one would type: hyphens at line ends, ligatures, accents, white space."""

import re
import unicodedata
from collections.abc import Iterable

# PDFium puts U+0002 (or U+FFFE) where it took a hyphen and the line end behind it away; U+00AD is a soft hyphen.
_LINE_END_HYPHEN = re.compile(r"(?<!\w)(\w{1,80})(?:[\x02\ufffe]\s*|\u00ad\s*|[-\u2010]\s*\n\s*(?=[a-z]))(\w+)")
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_WORD = re.compile(r"\w+(?:-\w+)*")
_DROPPED = {"\ufffd", "\ufffe", "\u00ad"}


class Vocabulary:
    """The words a document uses away from line ends: they tell a broken word from a broken compound."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: set[str] = set()
        for text in texts:
            without_breaks = _LINE_END_HYPHEN.sub(" ", text)
            for word in _WORD.findall(without_breaks.casefold()):
                self._words.add(word)
                self._words.update(word.split("-"))

    def join(self, broken: re.Match[str]) -> str:
        """The word whose parts stand on two lines, with its hyphen if that belongs to it."""
        first, second = broken[1], broken[2]
        one, two = first.casefold(), second.casefold()
        if broken.string[broken.end() : broken.end() + 1] == "-":
            return f"{first}-{second}"  # of several parts, such as English-to-German
        if one + two in self._words:
            return first + second
        if f"{one}-{two}" in self._words or (min(len(one), len(two)) > 2 and {one, two} <= self._words):
            return f"{first}-{second}"
        return first + second


def normalise_text(raw: str, vocabulary: Vocabulary) -> str:
    """The text as one would type it, on one line."""
    joined = _LINE_END_HYPHEN.sub(vocabulary.join, raw)
    # A second time for a word over three lines, whose middle part the first match has used up.
    joined = _LINE_END_HYPHEN.sub(vocabulary.join, joined)
    composed = unicodedata.normalize("NFC", joined.translate(_LIGATURES))
    visible = "".join(_visible(character) for character in composed)
    return " ".join(visible.split())


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    if character in _DROPPED or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn", "Co"):
        return ""
    return character
