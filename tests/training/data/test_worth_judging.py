from core.types import ProposalKind
from training.data.worth_judging import (
    Found,
    Proposal,
    choose_uncovered,
    find_border,
    propose_at_border,
    propose_disagreements,
    take_turns,
)


def ranked(*chunks: int) -> tuple[tuple[int, float], ...]:
    return tuple((chunk, 1 - 0.01 * place) for place, chunk in enumerate(chunks))


ONE, OTHER = ranked(*range(1, 31)), ranked(99, *range(2, 31))


def test_models_disagree_on_what_only_one_of_them_ranks_among_its_first() -> None:
    proposals = propose_disagreements([Found("why?", ONE, OTHER)], "v2", "v1")
    assert [(p.chunk_id, p.rank) for p in proposals] == [(1, 1), (99, None)]
    assert proposals[0].reason == "rank 1 with v2, not among the first 20 with v1"
    assert proposals[1].reason == "not among the first 20 with v2, rank 1 with v1"


def test_a_judged_passage_is_not_proposed_again_and_one_model_alone_disagrees_with_nobody() -> None:
    assert [p.chunk_id for p in propose_disagreements([Found("why?", ONE, OTHER, {1: 0})], "v2", "v1")] == [99]
    assert propose_disagreements([Found("why?", ONE)], "v2", "v1") == []


def test_the_border_parts_approved_from_rejected_scores() -> None:
    hits = ((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.5), (5, 0.45), (6, 0.4))
    judged = {1: 1, 2: 1, 3: 1, 4: 0, 5: 0, 6: 0}
    assert find_border([Found("why?", hits, judged=judged)], floor=0.1) == 0.6
    # Too little is judged to tell.
    assert find_border([Found("why?", hits, judged={1: 1, 6: 0})], floor=0.1) == 0.1
    assert find_border([], floor=None) is None


def test_the_passages_nearest_to_the_border_come_first() -> None:
    hits = ((1, 0.9), (2, 0.62), (3, 0.5), (4, 0.59), (5, 0.3))
    proposals = propose_at_border([Found("why?", hits, judged={2: 1})], 0.6)
    assert [p.chunk_id for p in proposals][:2] == [4, 3]
    assert proposals[0].reason == "score 0.59, and answers begin at about 0.60"
    assert propose_at_border([Found("why?", hits)], None) == []


def test_papers_of_the_groups_judged_least_come_first_the_middle_one_before_others() -> None:
    groups = {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 2}
    middles = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.5, 5: 0.1, 6: 0.0}
    chosen = choose_uncovered(groups, {1: 4, 6: 2}, middles, most=10)
    assert chosen == [5, 2, 4, 3]
    assert choose_uncovered(groups, {}, middles, most=2) == [1, 5]


def test_each_kind_has_its_turn_and_no_passage_comes_twice() -> None:
    def of(kind: ProposalKind, *chunks: int) -> list[Proposal]:
        return [Proposal(kind, "why?", chunk, 1.0, "") for chunk in chunks]

    merged = take_turns([of(ProposalKind.DISAGREEMENT, 1, 2, 3), of(ProposalKind.BORDER, 9, 1)], most=4)
    assert [p.chunk_id for p in merged] == [1, 9, 2, 3]
