"""Pages to chunks: whole sentences of one section, up to a number of tokens, with their places. Pure functions."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from core.types import Chunk, ChunkKind, OutlineEntry, Page, Span
from indexer.layout import Section, split_into_sections
from indexer.text import Vocabulary, normalise_text

_SENTENCE_END = re.compile(
    r"""(?:[.!?]["'”’)\]]*(?=\s+["'“‘(\[]?[^\Wa-z_])|[。！？][”’」』）]*)""",
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:et al|e\.g|i\.e|cf|vs|etc|viz|resp|approx|ca|figs?|tabs?|eqs?|eqns?|secs?|sects?|chaps?|refs?|nos?|vol|"
    r"pp?|ed|eds|dr|prof|mr|mrs|ms|st|inc|ltd|co|corp|dept|univ|proc|trans|conf|int|jan|feb|mar|apr|jun|jul|aug|sept?|oct|"
    r"nov|dec|def|thm|lem|prop|alg|w\.r\.t|a\.k\.a)|\b[A-Z])\.$",
    re.IGNORECASE,
)
# A word longer than this is a table rule, a hash or text without spaces; BERT's tokenizer would give it up as unknown.
_LONGEST_WORD = 80
_WORD = re.compile(rf"\S{{1,{_LONGEST_WORD}}}")
# Characters between two neighbours of a passage: a line end, some spaces. More is a line that was left out.
_LARGEST_GAP = 8
# A page's number and an offset in it, in one integer.
_OFFSET_BITS = 40
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """At most `max_tokens` a chunk, special ones not counted; `overlap_sentences` of the one before come again."""

    max_tokens: int = 200
    overlap_sentences: int = 1


@dataclass(frozen=True, slots=True)
class _Flow:
    """A section's characters as one text, and where each stands: page and offset packed, or nowhere for a line end."""

    raw: str
    places: NDArray[np.int64]
    heading: str | None
    kind: ChunkKind


@dataclass(frozen=True, slots=True)
class _Piece:
    """`raw[start:end]` of a flow, and its tokens: a sentence, a part of a long one, or the draft of a chunk."""

    flow: _Flow
    start: int
    end: int
    tokens: int = 0


CountTokens = Callable[[Sequence[str]], list[int]]
Measure = Callable[[Sequence[_Piece]], list[_Piece]]


def chunk_pages(
    pages: Sequence[Page], outline: Sequence[OutlineEntry], count_tokens: CountTokens, settings: ChunkingSettings
) -> list[Chunk]:
    """Chunks in reading order; every visible character of a line that is not left out is in at least one."""
    vocabulary = Vocabulary(page.text for page in pages)

    def measure(pieces: Sequence[_Piece]) -> list[_Piece]:
        texts = [normalise_text(piece.flow.raw[piece.start : piece.end], vocabulary) for piece in pieces]
        return [replace(piece, tokens=tokens) for piece, tokens in zip(pieces, count_tokens(texts), strict=True)]

    flows = [_make_flow(section) for section in split_into_sections(pages, outline)]
    sentences = measure([piece for flow in flows for piece in _split_sentences(flow)])
    sentences = _split_long(sentences, measure, settings.max_tokens)
    drafts = [draft for flow_sentences in _by_flow(sentences) for draft in _group(flow_sentences, settings)]
    # A tokenizer may see more tokens in a whole than in its parts.
    drafts = _halve_long(measure(drafts), measure, settings.max_tokens)
    chunks = [_make_chunk(draft, vocabulary) for draft in drafts]
    return sorted(
        (chunk for chunk in chunks if chunk.text), key=lambda chunk: (chunk.spans[0].page, chunk.spans[0].start)
    )


def _make_flow(section: Section) -> _Flow:
    texts, places = [], []
    for placed in section.lines:
        start, end = placed.line.start, placed.line.end
        texts.append(placed.text)
        places.append((placed.page.number << _OFFSET_BITS) + np.arange(start, end, dtype=np.int64))
        if not placed.text.endswith(("\x02", "\ufffe")):
            texts.append("\n")
            places.append(np.array([_NOWHERE], dtype=np.int64))
    heading = " ".join(normalise_text(section.heading, Vocabulary(())).split()) if section.heading else None
    return _Flow("".join(texts), np.concatenate(places), heading, section.kind)


def _split_sentences(flow: _Flow) -> Iterator[_Piece]:
    start = 0
    for match in _SENTENCE_END.finditer(flow.raw):
        if match[0].startswith(".") and _ABBREVIATION.search(
            flow.raw[max(start, match.start() - 12) : match.start() + 1]
        ):
            continue
        yield _Piece(flow, start, match.end())
        start = match.end()
    if flow.raw[start:].strip() or start == 0:
        yield _Piece(flow, start, len(flow.raw))


def _split_long(sentences: Sequence[_Piece], measure: Measure, max_tokens: int) -> list[_Piece]:
    """The sentences, one over the limit as runs of words that keep it."""
    result: list[_Piece] = []
    for sentence in sentences:
        words = [match.span() for match in _WORD.finditer(sentence.flow.raw[sentence.start : sentence.end])]
        endless = any(end - start == _LONGEST_WORD for start, end in words)
        if sentence.tokens > max_tokens or endless:
            first = sentence.start
            pieces = [replace(sentence, start=first + start, end=first + end) for start, end in words]
            result += _pack(measure(pieces), max_tokens)
        else:
            result.append(sentence)
    return result


def _pack(words: Sequence[_Piece], max_tokens: int) -> Iterator[_Piece]:
    """Runs of neighbouring words, each as long as the limit lets it be."""
    run = words[0]
    for word in words[1:]:
        if run.tokens + word.tokens > max_tokens:
            yield run
            run = word
        else:
            run = replace(run, end=word.end, tokens=run.tokens + word.tokens)
    yield run


def _by_flow(sentences: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    for _, group in groupby(sentences, key=lambda sentence: id(sentence.flow)):
        yield list(group)


def _group(sentences: Sequence[_Piece], settings: ChunkingSettings) -> Iterator[_Piece]:
    """Drafts of chunks: as many sentences as fit, beginning with the last ones of the draft before."""
    start = 0
    while start < len(sentences):
        end, tokens = start, 0
        while end < len(sentences) and tokens + sentences[end].tokens <= settings.max_tokens:
            tokens += sentences[end].tokens
            end += 1
        end = max(end, start + 1)
        if end == len(sentences):
            # What is left over at the end of a section is filled up from before rather than left a fragment.
            start = _reach_back(sentences, start, tokens, settings)
        yield replace(sentences[start], end=sentences[end - 1].end)
        if end == len(sentences):
            return
        start = _overlap_start(sentences, start, end, settings)


def _reach_back(sentences: Sequence[_Piece], start: int, tokens: int, settings: ChunkingSettings) -> int:
    while start > 0 and tokens + sentences[start - 1].tokens <= settings.max_tokens // 2:
        start -= 1
        tokens += sentences[start].tokens
    return start


def _overlap_start(sentences: Sequence[_Piece], start: int, end: int, settings: ChunkingSettings) -> int:
    """Where the next chunk begins: up to so many sentences back, while they leave room for what is new."""
    first, tokens = end, sentences[end].tokens
    while first - 1 > start and end - first < settings.overlap_sentences:
        tokens += sentences[first - 1].tokens
        if tokens > settings.max_tokens:
            break
        first -= 1
    return first


def _halve_long(drafts: Sequence[_Piece], measure: Measure, max_tokens: int) -> list[_Piece]:
    result: list[_Piece] = []
    waiting = list(reversed(drafts))
    while waiting:
        draft = waiting.pop()
        if draft.tokens <= max_tokens or draft.end - draft.start == 1:
            result.append(draft)
        else:
            middle = draft.start + _middle(draft.flow.raw[draft.start : draft.end])
            halves = measure([replace(draft, end=middle), replace(draft, start=middle)])
            waiting += reversed(halves)
    return result


def _middle(text: str) -> int:
    """A white space near the middle, or the middle itself."""
    half = len(text) // 2
    space = text.find(" ", half, half + 100)
    return space if space > 0 else half


def _make_chunk(draft: _Piece, vocabulary: Vocabulary) -> Chunk:
    flow = draft.flow
    text = normalise_text(flow.raw[draft.start : draft.end], vocabulary)
    return Chunk(text, _spans(flow, draft.start, draft.end), flow.heading, flow.kind)


def _spans(flow: _Flow, start: int, end: int) -> tuple[Span, ...]:
    """The stretches of page text the range covers, without white space at their ends."""
    raw = np.array([not character.isspace() for character in flow.raw[start:end]])
    places = flow.places[start:end][raw]
    places = places[places != _NOWHERE]
    if not len(places):
        return ()
    gaps = np.flatnonzero((np.diff(places) > _LARGEST_GAP) | (np.diff(places) < 0))
    firsts = np.concatenate([[0], gaps + 1])
    lasts = np.concatenate([gaps, [len(places) - 1]])
    mask = (1 << _OFFSET_BITS) - 1
    return tuple(
        Span(int(places[first] >> _OFFSET_BITS), int(places[first] & mask), int(places[last] & mask) + 1)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    )
