"""Whether a page's text layer can be read, line by line: fonts without a proper encoding yield glyph codes for letters.

The measure is the plausibility of neighbouring characters, so it holds for any language in Latin letters; letters of
other scripts count as good, and digits, symbols and single letters, of which formulas are made, count neither way.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from core.types import Page
from indexer.lines import lines_of

# How common two Latin letters are beside each other, accents aside, in whichever of 29 languages they are most common:
# row is the first letter, column the second; 0 hardly ever, one more is twice as common. Counted from the Wikipedia
# profiles of the language detector langdetect 1.0.9 (Apache 2.0).
_LEVELS = (
    "97798788868979776998877887",
    "85437010733614700634724061",
    "80527009867535801566713077",
    "94299438955546820666646067",
    "77988686977879564998766576",
    "70037621642505700645504060",
    "83238255775655740655627082",
    "82059122746545735648846070",
    "86879676888879866888865586",
    "82249201805245710165632021",
    "94337026846654800676737072",
    "94469455876865730366746073",
    "97248373866565750654707043",
    "94789498976657822478645276",
    "76786875777888963886788257",
    "80317437742623850745624332",
    "60046000610000500010700030",
    "85578556856656843667756167",
    "94838359868655762478764068",
    "94219339844545820877756265",
    "75578565766888764786765566",
    "80237011742406710552620074",
    "93447135802537720661500082",
    "82345003500030420003503020",
    "95786755645679730775646043",
    "74457134735446730356545075",
)
# What glyph codes put between letters and text and formulas hardly do.
_ODD = frozenset('!`^$#%|}{~"\\?;<>\u00d7\u00f7') | {chr(code) for code in range(0xA1, 0xC0)}
_ODD_WEIGHT = 0.5
_GOOD_LETTER = 7.5
_ACCENTED_PAIR = 2.0
# Pages of prose have a mean of 7.7, of formulas, code and tables over 5.8, of glyph codes 1 to 4.5.
_READABLE_LEVEL = 5.2
# What it takes to see a change between readable and not, in levels: a single odd line among good ones is no change.
_CHANGE = 60.0
# Less than this, and what can be read are stray labels: of a page, and of a whole document.
_USABLE_SHARE_OF_PAGE = 0.15
_USABLE_SHARE = 0.1

_PAIR_LEVELS = {
    (chr(ord("a") + row), chr(ord("a") + column)): float(level)
    for row, levels in enumerate(_LEVELS)
    for column, level in enumerate(levels)
}
# Most tokens are such words, for which there is a shorter way to the same result.
_PLAIN_WORD = re.compile(r"\(?([A-Za-z][a-z]{3,})[.,:)]{0,2}")

_REPEATED = re.compile(r"(.)\1{2,}")
# Names of methods and columns in capitals are no words; glyph codes come in longer runs too.
_ACRONYM = re.compile(r"(?<![^\W\d_])[A-Z]{2,5}(?![^\W\d_])")
# Up to three letters between other characters, such as "exp" and "uY" in "exp(uY)", tell nothing.
_SYMBOLS_OF_FORMULAS = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,3}(?![^\W\d_])")
# So many characters without a meaning, and none with one, are a page in a font that maps to nothing.
_FEWEST_UNMAPPED = 40


@dataclass(frozen=True, slots=True)
class PageQuality:
    """Starts of the lines that can't be read, and how many pairs of characters told that they can or can't."""

    unreadable_lines: frozenset[int]
    readable: float
    unreadable: float

    @property
    def usable(self) -> bool:
        """False for a page of which nothing but stray labels can be read, and so for one that needs OCR."""
        return self.readable >= _USABLE_SHARE_OF_PAGE * self.unreadable


def page_quality(page: Page) -> PageQuality:
    """Which lines of the page's text layer can't be read: runs of implausible ones, or all, if it is not usable."""
    if page.blocks:  # text without fonts
        return PageQuality(frozenset(), 0.0, 0.0)
    lines = lines_of(page)
    every_line = frozenset(line.start for line in lines)
    unmapped = 0 if any(map(str.isalnum, page.text)) else sum(map(_is_unmapped, page.text))
    if unmapped >= _FEWEST_UNMAPPED:
        return PageQuality(every_line, 0.0, unmapped)
    evidence = [_line_evidence(page.text_of(line)) for line in lines]
    bad = _find_runs([total - _READABLE_LEVEL * pairs for pairs, total in evidence])
    quality = PageQuality(
        frozenset(line.start for line, is_bad in zip(lines, bad, strict=True) if is_bad),
        sum(pairs for (pairs, _), is_bad in zip(evidence, bad, strict=True) if not is_bad),
        sum(pairs for (pairs, _), is_bad in zip(evidence, bad, strict=True) if is_bad),
    )
    return quality if quality.usable else replace(quality, unreadable_lines=every_line)


def has_usable_text(pages: Sequence[Page]) -> bool:
    """Whether a document's text layer can be read in more than stray places; an empty one can."""
    qualities = [page_quality(page) for page in pages]
    unreadable = sum(quality.unreadable for quality in qualities)
    return sum(quality.readable for quality in qualities) >= _USABLE_SHARE * unreadable


def _find_runs(scores: Sequence[float]) -> list[bool]:
    """For each score, whether it lies in a bad run: the cut into runs that gathers most, at a price for each change."""
    good, bad = 0.0, -_CHANGE
    came_from: list[tuple[bool, bool]] = []  # for good and for bad: whether the one before was bad
    for score in scores:
        came_from.append((bad - _CHANGE > good, bad >= good - _CHANGE))
        good, bad = max(good, bad - _CHANGE) + score, max(bad, good - _CHANGE) - score
    verdicts: list[bool] = []
    is_bad = bad - _CHANGE > good
    for from_good, from_bad in reversed(came_from):
        verdicts.append(is_bad)
        is_bad = from_bad if is_bad else from_good
    return verdicts[::-1]


def _line_evidence(text: str) -> tuple[float, float]:
    """How many pairs of characters tell something, and the sum of their levels."""
    pairs = total = 0.0
    for of_token, level in map(_token_evidence, text.split()):
        pairs += of_token
        total += level
    return pairs, total


@lru_cache(maxsize=1 << 15)
def _token_evidence(token: str) -> tuple[float, float]:
    if (plain := _PLAIN_WORD.fullmatch(token)) and not _REPEATED.search(token):
        letters = plain[1].lower()
        return len(letters) - 1, sum(map(_PAIR_LEVELS.__getitem__, pairwise(letters)))
    token = _SYMBOLS_OF_FORMULAS.sub(" ", _REPEATED.sub(r"\1", token))
    if not _ODD.intersection(token):
        token = _ACRONYM.sub(" ", token)
    bases = token if token.isascii() else [unicodedata.normalize("NFD", character)[0] for character in token]
    latin = ["a" <= base.lower() <= "z" for base in bases]
    pairs = total = 0.0
    for index, (first, second) in enumerate(pairwise(bases)):
        if latin[index] and latin[index + 1]:
            pairs += 1
            total += _level(token[index : index + 2], first, second)
        elif (first in _ODD or second in _ODD) and _is_amid_letters(bases, index):
            pairs += _ODD_WEIGHT
    others = sum(not one and base.isalpha() and base not in _ODD for one, base in zip(latin, bases, strict=True))
    return pairs + others, total + _GOOD_LETTER * others


def _is_unmapped(character: str) -> bool:
    if character in "\r\n\t\x02":
        return False
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Co", "Cn")


def _level(pair: str, first: str, second: str) -> float:
    if first.islower() and second.isupper():
        return 0.0
    if not pair.isascii() and pair[0] != first and pair[1] != second:
        return _ACCENTED_PAIR
    return _PAIR_LEVELS[first.lower(), second.lower()]


def _is_amid_letters(bases: Sequence[str], index: int) -> bool:
    """Whether the pair at `index`, one of it odd, is inside a word: letters or odd ones before and behind it."""
    return 0 < index < len(bases) - 2 and all(
        base.isalnum() or base in _ODD for base in (bases[index - 1], bases[index + 2])
    )
