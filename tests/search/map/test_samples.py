from core.types import ChunkKind
from search.map.samples import choose_passages


def papers(*sizes: int, kind: str = ChunkKind.BODY) -> list[tuple[int, int, str]]:
    return [(paper, 1000 * paper + number, kind) for paper, size in enumerate(sizes) for number in range(size)]


def test_a_small_library_is_shown_whole() -> None:
    assert len(choose_passages(papers(10, 20))) == 30


def test_a_large_one_is_bounded_and_every_paper_is_in_it() -> None:
    chosen = choose_passages(papers(*[50] * 300), most=600)
    assert len(chosen) == 600
    assert len({paper for paper, _ in chosen}) == 300
    assert len(choose_passages(papers(*[3] * 500), most=100)) == 500


def test_what_is_chosen_is_spread_over_the_paper() -> None:
    chosen = [passage for _, passage in choose_passages(papers(100), most=5)]
    assert chosen == [0, 25, 50, 74, 99]


def test_running_text_comes_before_reference_lists() -> None:
    references = papers(4, kind=ChunkKind.REFERENCE)
    assert choose_passages([*references, (0, 99, ChunkKind.BODY)]) == [(0, 99)]
    assert len(choose_passages(references)) == 4
