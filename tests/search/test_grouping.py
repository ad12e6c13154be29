from core.types import ChunkKind, Hit, Span, StoredChunk
from search.grouping import adjoin, group_adjoining, overlap, spread_over_papers


def chunk(id: int, document: int, *spans: tuple[int, int, int], section: str = "1", kind: str = "body") -> StoredChunk:
    return StoredChunk(id, document, "t", "f", "text", tuple(Span(*span) for span in spans), section, ChunkKind(kind))


def hits(*chunks: StoredChunk) -> list[Hit]:
    return [Hit(rank, 0.5, one) for rank, one in enumerate(chunks, start=1)]


def test_at_most_so_many_of_a_paper_come_first() -> None:
    ranked = hits(
        *(chunk(id, document, (1, id * 10, id * 10 + 5)) for id, document in enumerate((1, 1, 1, 2, 1, 3, 2)))
    )
    assert [hit.chunk.id for hit in spread_over_papers(ranked, 1)] == [0, 3, 5, 1, 2, 4, 6]
    assert [hit.chunk.id for hit in spread_over_papers(ranked, 2)] == [0, 1, 3, 5, 6, 2, 4]
    assert spread_over_papers(ranked, 9) == ranked


def test_passages_that_overlap_or_follow_each_other_adjoin() -> None:
    one = chunk(1, 1, (1, 0, 100))
    assert adjoin(one, chunk(2, 1, (1, 80, 200)))
    assert adjoin(chunk(2, 1, (1, 102, 200)), one)
    assert adjoin(one, chunk(2, 1, (2, 0, 10), (1, 90, 120)))
    assert not adjoin(one, chunk(2, 1, (1, 103, 200)))
    assert not adjoin(one, chunk(2, 1, (2, 0, 100)))
    assert not adjoin(one, chunk(2, 2, (1, 80, 200)))
    assert not adjoin(one, chunk(2, 1, (1, 102, 200), section="2"))
    assert not adjoin(one, chunk(2, 1, (1, 102, 200), kind="table"))
    assert overlap(one, chunk(2, 1, (1, 99, 200)))
    assert not overlap(one, chunk(2, 1, (1, 100, 200)))


def test_what_adjoins_is_one_group_where_its_best_stands() -> None:
    ranked = hits(
        chunk(1, 1, (1, 0, 10)),
        chunk(2, 2, (1, 0, 10)),
        chunk(3, 1, (1, 20, 30)),
        chunk(4, 2, (1, 11, 15)),
        chunk(5, 1, (1, 11, 19)),
    )
    assert [[hit.rank for hit in group] for group in group_adjoining(ranked)] == [[1, 3, 5], [2, 4]]
    assert group_adjoining([]) == []
