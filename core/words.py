"""Words without their case or accents; those of English that say nothing about what a question is about."""

import re
import unicodedata

# Those that are no white space.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
COMMON_WORDS = frozenset(
    """
    a about an and are as at be been by can could did do does for from had has have how i if in into is it its may of on
    or our should so such than that the their them then there these they this those to was we were what when where which
    who why will with would you your
    """.split()  # noqa: SIM905
)


def tidy_name(name: str) -> str:
    """The name with its white space folded, and without control characters, which a terminal would obey."""
    return " ".join(_CONTROL.sub("", name).split())


def same_name(one: str, other: str) -> bool:
    """Whether these are one name, whatever its case, and however its accents are written."""
    return _without_case(one) == _without_case(other)


def plain(text: str) -> str:
    """The text without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


def holds_words(text: str, words: str) -> bool:
    """Whether all these words stand in the text, also as parts of others, whatever their case and accents."""
    known = plain(text)
    return all(word in known for word in plain(words).split())


def _without_case(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
