"""Questions that a paper may answer, from its own headings and sentences. Simple rules, no model; a start, not more."""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from core.types import ChunkKind, StoredChunk
from core.words import COMMON_WORDS

_NUMBER = re.compile(
    r"^(?:(?:appendix|chapter|section|§)\s*)?(?:[A-Z]?\.?\d+(?:\.\d+)*[.):]?|[IVX]+[.):]|[A-Z](?:\.\d+)*[.):])\s+(?=\S)",
    re.I,
)
_LETTERS = re.compile(r"[^\W\d_]")
# What papers call their parts, whatever they are about.
_USUAL = re.compile(
    r"abstract|introduction|background|related work|preliminar|overview|motivation|method|approach|experiment|"
    r"evaluation|result|discussion|conclusion|summary|future work|limitation|acknowledg|reference|bibliograph|"
    r"appendix|notation|contents|contribution|setup|implementation|analysis|dataset|author|funding|supplement|"
    r"^(?:the |our |a |more |other )?"
    r"(?:problems?(?: statement| definition)?|algorithms?|models?|systems?|proofs?|examples?|types|corollaries)$",
    re.I,
)
_ABBREVIATED = re.compile(
    r"\b((?:[A-Z][\w’'-]*\s+(?:of |and |for |the |in )?){1,5}[A-Z]?[\w’'-]+)\s+\(([A-Z][A-Za-z]{1,7})\)"
)
_NAMED = re.compile(
    r"\b(?:is|are|we|was|were)\s+(?:often\s+|also\s+|usually\s+)?(?:called|termed|known as|referred to as|call)\s+"
    r"(?:an?\s+|the\s+)?[“\"'`]?((?:[\w-]+\s?){1,4}?)[”\"'’]?(?=[,.;:)]|\s(?:and|which|that|if|when|because|is|in|of)\b)"
)
_DEFINED = re.compile(
    r"(?:^|(?<=[.!?]\s))(?:An?\s+|The\s+)?((?:[\w-]+\s){0,3}[\w-]+)\s+(?:is|are)\s+defined\s+(?:as|by|to be)\b"
)
_CAPITAL_WITHIN = re.compile(r"(?<=[a-z,] )[A-Z][^\W\d_A-Z]+\b")
_SMALL = re.compile(r"\b[^\W\d_A-Z]+\b")
_LONGEST, _SHORTEST = 60, 3
_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class SuggestedQuestion:
    """A question, and the passage of the paper that gave rise to it."""

    query: str
    chunk_id: int
    page: int


def suggest_questions(chunks: Sequence[StoredChunk], most: int = 8) -> list[SuggestedQuestion]:
    """Questions from the paper's terms, then from its headings, each subject once; none where it has neither."""
    body = [chunk for chunk in chunks if chunk.kind is ChunkKind.BODY]
    names = _find_names(body)
    found: dict[str, SuggestedQuestion] = {}
    for subject, question, chunk in (*_of_terms(body, names), *_of_headings(body, names)):
        key = re.sub(r"\W+", " ", subject.casefold()).strip().removesuffix("s")
        if key and key not in found:
            found[key] = SuggestedQuestion(question, chunk.id, chunk.page)
    return list(found.values())[:most]


def _of_terms(chunks: Sequence[StoredChunk], names: Set[str]) -> Iterator[tuple[str, str, StoredChunk]]:
    for chunk in chunks:
        for full, short in _ABBREVIATED.findall(chunk.text):
            if named := _words_of(short, full.split()):
                is_or_are = "are" if short.endswith("s") else "is"
                yield short, f"What {is_or_are} {named} ({short})?", chunk
        for pattern in (_NAMED, _DEFINED):
            for term in pattern.findall(chunk.text):
                if _is_term(term := " ".join(term.split())):
                    yield term, f"What is meant by {_lowered(term, names)}?", chunk


def _of_headings(chunks: Sequence[StoredChunk], names: Set[str]) -> Iterator[tuple[str, str, StoredChunk]]:
    seen = set()
    for chunk in chunks:
        if chunk.section is None or chunk.section in seen:
            continue
        seen.add(chunk.section)
        name = _NUMBER.sub("", " ".join(chunk.section.split())).rstrip(".: ")
        letters = len(_LETTERS.findall(name))
        if _USUAL.search(name) or letters < 0.7 * len(name.replace(" ", "")) or not 4 <= len(name) <= _LONGEST:
            continue
        # Digits that stand at a name's end mark a footnote, as behind an author.
        if len(name.split()) > _MOST_WORDS or re.search(r"\d", name):
            continue
        asked = name if name.endswith("?") else f"What is said about {_lowered(name, names)}?"
        yield name, asked, chunk


def _words_of(short: str, words: Sequence[str]) -> str:
    """The last of these words that the abbreviation stands for, by their initials in order; empty for none."""
    for first in reversed(range(len(words))):
        initials = "".join(part[:1] for word in words[first:] for part in word.split("-")).casefold()
        letters = iter(initials)
        if initials[:1] == short[:1].casefold() and all(one in letters for one in short.casefold().removesuffix("s")):
            return " ".join(words[first:])
    return ""


def _is_term(term: str) -> bool:
    words = term.casefold().split()
    return (
        _SHORTEST <= len(term) <= _LONGEST
        and not set(words) <= COMMON_WORDS
        and words[0] not in COMMON_WORDS
        and words[-1] not in COMMON_WORDS
        # "is called directly" names nothing.
        and not (len(words) == 1 and words[0].endswith("ly"))
        and len(_LETTERS.findall(term)) > 0.7 * len(term.replace(" ", ""))
    )


def _find_names(chunks: Iterable[StoredChunk]) -> set[str]:
    """Words with a capital within sentences that stand nowhere without, of one or of many: "Tor" in a paper on it."""
    capital: set[str] = set()
    small: set[str] = set()
    for chunk in chunks:
        capital.update(_CAPITAL_WITHIN.findall(chunk.text))
        small.update(_SMALL.findall(chunk.text))
    return {word for word in capital if not small & {word.lower(), word.lower().removesuffix("s")}}


def _lowered(name: str, names: Set[str]) -> str:
    """As it stands within a sentence: names and abbreviations keep their capitals."""
    if name.isupper() and " " in name:
        capitals = {word.upper(): word for word in names}
        return re.sub(r"\w+", lambda match: capitals.get(match[0], match[0].lower()), name)
    return re.sub(
        r"\b(?:[A-Z][^\W\d_A-Z]+|A)\b", lambda match: match[0] if match[0] in names else match[0].lower(), name
    )
