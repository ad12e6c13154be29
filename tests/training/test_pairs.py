from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Judgement
from training.pairs import (
    JudgedQuery,
    collect_queries,
    make_pairs,
    queries_needed,
    split_for_choosing,
    split_queries,
)


def judgement(number: int, query: str, chunk: int, relevance: int = 1, text: str | None = None) -> Judgement:
    return Judgement(
        number, query, chunk, 1, "A", "aa", 1, 0, 9, text or f"passage {chunk}", relevance, None, None, "2026-01-01"
    )


def query(name: str, *chunks: int) -> JudgedQuery:
    return JudgedQuery(name, tuple((chunk, f"passage {chunk}") for chunk in chunks), (), ())


def test_approved_passages_are_positives_and_rejected_ones_hard_negatives() -> None:
    judged = [judgement(1, "q", 1), judgement(2, "q", 2), judgement(3, "q", 3, relevance=0), judgement(4, "r", 4)]
    pairs = make_pairs(collect_queries(judged).queries)
    assert [(pair.query, pair.positive, pair.negatives) for pair in pairs] == [
        ("q", "passage 1", ("passage 3",)),
        ("q", "passage 2", ("passage 3",)),
        ("r", "passage 4", ()),
    ]


def test_every_rejected_passage_is_a_hard_negative_of_some_pair() -> None:
    rejected = tuple((chunk, f"passage {chunk}") for chunk in (5, 6, 7))
    one, two = (replace(query("q", *chunks), rejected=rejected) for chunks in ((1,), (1, 2)))
    assert [pair.negatives for pair in make_pairs([one])] == [("passage 5", "passage 6", "passage 7")]
    assert [pair.negatives for pair in make_pairs([two])] == [("passage 5", "passage 7"), ("passage 6",)]


def test_a_labelled_set_is_split_for_choosing_without_a_shared_passage() -> None:
    queries = [query(f"q{n}", n // 2) for n in range(60)]
    train, choose = split_for_choosing(queries, 0)
    assert len(train) + len(choose) == 60
    assert 6 <= len(choose) <= 12
    assert not {one.relevant for one in train} & {one.relevant for one in choose}
    assert split_for_choosing(queries[:8], 0) == (tuple(queries[:8]), ())


def test_queries_with_rejected_passages_only_are_no_pairs() -> None:
    assert collect_queries([judgement(1, "q", 1, relevance=0)]).queries == ()


def test_two_writings_of_a_question_are_one() -> None:
    collected = collect_queries([judgement(1, "What is Paxos?", 1), judgement(2, "what is  paxos", 2)])
    assert [(one.text, len(one.relevant)) for one in collected.queries] == [("What is Paxos?", 2)]


def test_a_text_both_approved_and_rejected_for_a_question_is_left_out_and_counted() -> None:
    judged = [
        judgement(1, "q", 1, text="same"),
        judgement(2, "q", 2, relevance=0, text="same"),
        judgement(3, "q", 3),
    ]
    collected = collect_queries(judged)
    assert [found.judgement_ids for found in collected.contradictions] == [(1, 2)]
    assert collected.queries[0].relevant == ((3, "passage 3"),)
    assert collected.queries[0].rejected == ()


def test_opposite_verdicts_for_one_gist_contradict_and_those_for_two_questions_do_not() -> None:
    judged = [
        judgement(1, "How is attention computed?", 1),
        judgement(2, "how attention is computed", 1, relevance=0),
        judgement(3, "What is C?", 3),
        judgement(4, "What is C++?", 3, relevance=0),
    ]
    collected = collect_queries(judged)
    (found,) = collected.contradictions
    assert (found.judgement_ids, found.text) == ((1, 2), "passage 1")
    assert [one.text for one in collected.queries] == ["What is C?"]


def test_nearly_the_same_questions_stay_together() -> None:
    queries = [query("how is attention computed here", 1), query("how is self attention computed here", 2)]
    queries += [query(f"x{n}", 10 + n) for n in range(10)]
    for seed in range(10):
        split = split_queries(queries, seed)
        sides = [{one.text for one in side if "attention" in one.text} for side in (split.train, split.held_out)]
        assert sorted(map(len, sides)) == [0, 2]


def test_how_many_more_questions_are_needed() -> None:
    assert [queries_needed(count) for count in (0, 19, 20, 50)] == [20, 1, 0, 0]


def test_questions_that_share_a_passage_stay_together_through_others() -> None:
    queries = [query("a", 1), query("b", 1, 2), query("c", 2), *(query(f"x{n}", 10 + n) for n in range(9))]
    for seed in range(10):
        split = split_queries(queries, seed)
        sides = [{one.text for one in side} & {"a", "b", "c"} for side in (split.train, split.held_out)]
        assert {"a", "b", "c"} in sides


def test_a_split_is_the_same_every_time() -> None:
    queries = [query(f"q{n}", n) for n in range(40)]
    assert split_queries(queries, 3) == split_queries(queries, 3)
    assert split_queries(queries, 3) != split_queries(queries, 4)


def test_few_questions_have_no_choosing_set_of_their_own_and_many_have() -> None:
    few, many = (split_queries([query(f"q{n}", n) for n in range(count)], 0) for count in (12, 60))
    assert few.chosen_on_held_out
    assert len(few.held_out) == 3
    assert not many.chosen_on_held_out
    assert (len(many.train), len(many.choose), len(many.held_out)) == (36, 9, 15)


def test_a_few_dozen_questions_are_cross_validated_and_none_is_held_back() -> None:
    queries = [query(f"q{n}", n // 2) for n in range(30)]
    split = split_queries(queries, 0, choose=False)
    assert len(split.train) == len(split.held_out) == 30
    assert len(split.folds) == 4
    assert not split.choose
    assert sorted(one.text for fold in split.folds for one in fold) == sorted(one.text for one in queries)
    for fold in split.folds:
        others = {chunk for one in split.train if one not in fold for chunk, _ in one.relevant}
        assert not {chunk for one in fold for chunk, _ in one.relevant} & others
    for count in (12, 60):
        assert split_queries([query(f"q{n}", n) for n in range(count)], 0, choose=False).folds == ()


def test_what_was_learnt_before_is_in_no_fold() -> None:
    queries = [query(f"q{n}", n) for n in range(36)]
    split = split_queries(queries, 0, {"q0", "q7"}, choose=False)
    assert len(split.train) == 36
    assert not {"q0", "q7"} & {one.text for one in split.held_out}


def test_two_questions_are_both_trained_on() -> None:
    split = split_queries([query("a", 1), query("b", 2)], 0)
    assert (len(split.train), split.held_out) == (2, ())
    assert len(split_queries([query("a", 1), query("b", 2), query("c", 3)], 0).held_out) == 1


def test_questions_that_all_hang_together_are_all_trained_on() -> None:
    split = split_queries([query(f"q{n}", 1) for n in range(8)], 0)
    assert len(split.train) == 8
    assert split.held_out == ()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=3), min_size=2, max_size=60), st.integers(0, 5))
def test_no_passage_is_on_two_sides_and_no_question_is_lost(passages: list[set[int]], seed: int) -> None:
    queries = [query(f"q{n}", *sorted(chunks)) for n, chunks in enumerate(passages)]
    split = split_queries(queries, seed)
    sides = [split.train, split.held_out, () if split.chosen_on_held_out else split.choose]
    assert split.train
    assert sorted(one.text for side in sides for one in side) == sorted(one.text for one in queries)
    chunks = [{chunk for one in side for chunk, _ in one.relevant} for side in sides]
    assert not chunks[0] & chunks[1]
    assert not chunks[0] & chunks[2]
    assert not chunks[1] & chunks[2]
