"""The split: nothing that hangs together on two sides, and always enough left to train on."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.connected import Learnt
from training.data.pairs import JudgedQuery, make_pairs
from training.data.split import Split, split_for_choosing, split_queries
from training.recipe.batches import make_batches


def query(name: str, *chunks: int) -> JudgedQuery:
    return JudgedQuery(name, tuple((chunk, f"passage {chunk}") for chunk in chunks), (), ())


def trainable(split: Split) -> bool:
    """Whether all it trains on makes a batch, and all but each fold does."""
    rounds = [split.train, *([one for one in split.train if one not in fold] for fold in split.folds)]
    return all(list(make_batches(make_pairs(queries), 8, random.Random(0))) for queries in rounds)


def test_a_labelled_set_is_split_for_choosing_without_a_shared_passage() -> None:
    queries = [query(f"q{n}", n // 2) for n in range(60)]
    train, choose = split_for_choosing(queries, 0)
    assert len(train) + len(choose) == 60
    assert 6 <= len(choose) <= 12
    assert not {one.relevant for one in train} & {one.relevant for one in choose}
    assert split_for_choosing(queries[:8], 0) == (tuple(queries[:8]), ())


def test_nearly_the_same_questions_stay_together() -> None:
    queries = [query("how is attention computed here", 1), query("how is self attention computed here", 2)]
    queries += [query(f"x{n}", 10 + n) for n in range(10)]
    for seed in range(10):
        split = split_queries(queries, seed)
        sides = [{one.text for one in side if "attention" in one.text} for side in (split.train, split.held_out)]
        assert sorted(map(len, sides)) == [0, 2]


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
    split = split_queries(queries, 0, Learnt(frozenset({"q0", "q7"})), choose=False)
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


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=2), min_size=20, max_size=60), st.integers(0, 5))
def test_whatever_hangs_together_what_is_left_can_be_trained_on(passages: list[set[int]], seed: int) -> None:
    queries = [query(f"q{n}", *sorted(chunks)) for n, chunks in enumerate(passages)]
    split = split_queries(queries, seed, choose=False)
    if len(set.union(*passages)) > 1:
        assert trainable(split) or not split.held_out
    for fold in split.folds:
        others = {chunk for one in split.train if one not in fold for chunk, _ in one.relevant}
        assert not {chunk for one in fold for chunk, _ in one.relevant} & others


@pytest.mark.parametrize("sizes", [(23, 1), (12, 12), (14, 5, 5), (20, 1, 1, 1, 1), (8, 8, 8)])
def test_questions_on_a_few_passages_are_still_trained_on(sizes: tuple[int, ...]) -> None:
    queries = [query(f"q{number} {n}", number) for number, size in enumerate(sizes) for n in range(size)]
    split = split_queries(queries, 0, choose=False)
    assert trainable(split)
    assert split.folds == ()
    if sizes[0] > 8:
        assert f"{sizes[0]} of the 24 new questions hang together" in split.obstacle


def test_questions_of_one_pattern_are_parted() -> None:
    subjects = [f"{one}{two}" for one in "abcdef" for two in "uvwxyz"]
    for count in (24, 36):
        queries = [
            query(f"What is the main contribution of the {subject} paper?", number)
            for number, subject in enumerate(subjects[:count])
        ]
        split = split_queries(queries, 0, choose=False)
        assert len(split.folds) == 4
        assert split.obstacle == ""


def test_new_questions_beside_many_learnt_ones_are_not_all_held_out() -> None:
    queries = [query(f"q{n}", n) for n in range(120)]
    for unseen, folds in ((19, 4), (5, 0), (60, 0)):
        learnt = Learnt(frozenset(f"q{n}" for n in range(unseen, 120)))
        split = split_queries(queries, 0, learnt, choose=False)
        trained = {one.text for one in split.train}
        assert learnt.words <= trained
        assert len(split.folds) == folds
        assert len(trained - learnt.words) >= 0.7 * unseen
        assert not learnt.words & {one.text for one in split.held_out}
    split = split_queries(queries, 0, Learnt(frozenset(one.text for one in queries)), choose=False)
    assert split.obstacle == "The start model has learnt from all 120 questions before"
