import random

from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.pairs import JudgedQuery, TrainingPair, make_pairs
from training.recipe.batches import make_batches, make_plain_batches

judged = st.lists(
    st.tuples(st.sets(st.integers(0, 12), min_size=1, max_size=3), st.sets(st.integers(13, 16), max_size=2)),
    min_size=2,
    max_size=25,
)


def pairs_of(sets: list[tuple[set[int], set[int]]]) -> list[TrainingPair]:
    return make_pairs(
        JudgedQuery(
            f"q{n}",
            tuple((chunk, f"p{chunk}") for chunk in sorted(relevant)),
            tuple((chunk, f"p{chunk}") for chunk in sorted(rejected)),
            (),
        )
        for n, (relevant, rejected) in enumerate(sets)
    )


@settings(max_examples=200, deadline=None)
@given(judged, st.integers(2, 8))
def test_no_batch_has_a_query_or_passage_twice_or_an_answer_as_a_negative(
    sets: list[tuple[set[int], set[int]]], size: int
) -> None:
    pairs = pairs_of(sets)
    batches = list(make_batches(pairs, size, random.Random(0)))
    for batch in batches:
        assert 1 <= len(batch) <= size
        assert len({pair.query for pair in batch}) == len(batch)
        assert len({pair.positive for pair in batch}) == len(batch)
        for pair in batch:
            negatives = {one.positive for one in batch if one is not pair}
            negatives |= {text for one in batch for text in one.negatives}
            assert not negatives & pair.relevant


@settings(max_examples=100, deadline=None)
@given(judged, st.integers(2, 8))
def test_every_pair_that_can_teach_is_in_exactly_one_batch(sets: list[tuple[set[int], set[int]]], size: int) -> None:
    pairs = pairs_of(sets)
    used = [id(pair) for batch in make_batches(pairs, size, random.Random(1)) for pair in batch]
    assert len(used) == len(set(used))
    left = [pair for pair in pairs if id(pair) not in used]
    assert all(not pair.negatives for pair in left)


def test_the_order_follows_the_seed() -> None:
    pairs = pairs_of([({n}, set()) for n in range(12)])
    first, again, other = (list(make_batches(pairs, 4, random.Random(seed))) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_two_writings_of_a_question_are_in_two_batches() -> None:
    pairs = make_pairs(
        [
            JudgedQuery("state-of-the-art search", ((1, "p1"),), (), ()),
            JudgedQuery("State of the art search?", ((2, "p2"),), (), ()),
            JudgedQuery("another", ((3, "p3"),), (), ()),
            JudgedQuery("one more", ((4, "p4"),), (), ()),
        ]
    )
    batches = list(make_batches(pairs, 4, random.Random(0)))
    assert all(not {"p1", "p2"} <= {pair.positive for pair in batch} for batch in batches)


def test_no_pair_is_left_over_where_there_is_one_more_than_a_batch_takes() -> None:
    batches = list(make_batches(pairs_of([({n}, set()) for n in range(17)]), 16, random.Random(0)))
    assert [len(batch) for batch in batches] == [9, 8]


def test_a_negative_of_two_pairs_does_not_keep_them_apart() -> None:
    pairs = pairs_of([({1}, {13}), ({2}, {13})])
    assert [len(batch) for batch in make_batches(pairs, 2, random.Random(0))] == [2]


def test_plain_batches_are_all_pairs_as_they_come() -> None:
    pairs = pairs_of([({1}, set()) for _ in range(6)])
    assert [len(batch) for batch in make_plain_batches(pairs, 4, random.Random(0))] == [4, 2]
