"""How a result's passages are put before the reader: spread over papers, and what adjoins together. Pure functions."""

from collections import Counter
from collections.abc import Sequence

from core.types import Hit, StoredChunk

# Between two passages that follow each other stands a blank or a line's end, which is two characters.
_GAP = 2


def spread_over_papers(hits: Sequence[Hit], most: int) -> list[Hit]:
    """The same hits: first those that are among the `most` best of their paper, then the others."""
    seen: Counter[int] = Counter()
    first: list[Hit] = []
    rest: list[Hit] = []
    for hit in hits:
        seen[hit.chunk.document_id] += 1
        (first if seen[hit.chunk.document_id] <= most else rest).append(hit)
    return first + rest


def group_adjoining(hits: Sequence[Hit]) -> list[tuple[Hit, ...]]:
    """Hits that overlap or follow each other in one paper together, best first; the groups in order of their best."""
    groups: list[list[Hit]] = []
    for hit in hits:
        touching = [group for group in groups if any(adjoin(hit.chunk, other.chunk) for other in group)]
        if not touching:
            groups.append([hit])
            continue
        # A passage between two others makes one group of theirs.
        first = touching[0]
        for group in touching[1:]:
            first += group
            groups.remove(group)
        first.append(hit)
    position = {hit.chunk.id: place for place, hit in enumerate(hits)}
    return [tuple(sorted(group, key=lambda hit: position[hit.chunk.id])) for group in groups]


def adjoin(one: StoredChunk, other: StoredChunk) -> bool:
    """Whether the passages overlap, or the one begins where the other ends, in the same part of the same paper."""
    if (one.document_id, one.kind, one.section) != (other.document_id, other.kind, other.section):
        return False
    return _meet(one, other, _GAP)


def overlap(one: StoredChunk, other: StoredChunk) -> bool:
    """Whether the passages have characters of the paper in common."""
    return one.document_id == other.document_id and _meet(one, other, -1)


def _meet(one: StoredChunk, other: StoredChunk, gap: int) -> bool:
    return any(
        a.page == b.page and a.start <= b.end + gap and b.start <= a.end + gap for a in one.spans for b in other.spans
    )
