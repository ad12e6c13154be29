"""From a page's characters to what one would type: hyphens at line ends, ligatures, accents, white space."""

import re
import unicodedata
from collections.abc import Iterable

# PDFium puts U+0002 (or U+FFFE) where it took a hyphen and the line end behind it away; U+00AD is a soft hyphen.
_LINE_END_HYPHEN = re.compile(r"(?<!\w)(\w{1,80})(?:[\x02\ufffe]\s*|\u00ad\s*|[-\u2010]\s*\n\s*(?=[a-z]))(\w+)")
# What every such hyphen has; to look for that first is several times as fast.
_MAY_BREAK = re.compile(r"[\x02\ufffe\u00ad]|[-\u2010]\s*\n")
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_WORD = re.compile(r"\w+(?:-\w+)*")
# TeX's old fonts have accents as signs of their own, before the letter. Before an "s" the acute one is an apostrophe.
ACCENTS = {
    "\u00b4": "\u0301",
    "\u00a8": "\u0308",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\u02c7": "\u030c",
    "\u02d8": "\u0306",
    "\u00af": "\u0304",
}
_LETTERS_WITH_ACCENTS = "acegiknouyzACEGIKNOUYZ\u0131"
_ACCENT_BEFORE = re.compile(
    f"(?<=[^\\W\\d_]) (?P<apart>[{''.join(ACCENTS)}]) (?P<behind>[{_LETTERS_WITH_ACCENTS}])"
    f"|(?P<accent>[{''.join(ACCENTS)}])(?P<letter>[{_LETTERS_WITH_ACCENTS}])"
)
_ACCENT_BEHIND = re.compile("\u0131(?P<accent>[\u00b4\u00a8\u02c6])")
_CEDILLA_BEHIND = re.compile("(?P<letter>[csCS])\u00b8")
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


def join_accents(text: str) -> str:
    """The text with accents that stand before their letters, or are set apart from a word's, on them."""
    text = _CEDILLA_BEHIND.sub("\\g<letter>\u0327", _ACCENT_BEHIND.sub("\\g<accent>\u0131", text))
    return _ACCENT_BEFORE.sub(_accented, text)


def _accented(match: re.Match[str]) -> str:
    letter = (match["letter"] or match["behind"]).replace("\u0131", "i")
    composed = unicodedata.normalize("NFC", letter + ACCENTS[match["accent"] or match["apart"]])
    # Where there is no such letter, it is no accent: a bar or a tilde between two signs.
    return composed if len(composed) == 1 else match[0]


def normalise_text(raw: str, vocabulary: Vocabulary) -> str:
    """The text as one would type it, on one line."""
    joined = raw
    # A second time for a word over three lines, whose middle part the first match has used up.
    for _ in range(2):
        if _MAY_BREAK.search(joined):
            joined = _LINE_END_HYPHEN.sub(vocabulary.join, joined)
    if not joined.isascii():
        joined = join_accents(joined.translate(_LIGATURES))
    return plain_characters(joined)


def plain_characters(text: str) -> str:
    """The text on one line, its ligatures as letters, its accents on them, without what can't be seen."""
    composed = text if text.isascii() else unicodedata.normalize("NFC", text.translate(_LIGATURES))
    return " ".join(composed.translate(_VISIBLE).split())


class _Visible(dict[int, str]):
    """What each character is shown as, found when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = character
        if character.isspace():
            shown = " "
        elif character in _DROPPED or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn", "Co"):
            shown = ""
        self[code] = shown
        return shown


_VISIBLE = _Visible()
