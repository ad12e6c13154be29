from training.data.pairs import JudgedQuery, TrainingPair, make_pairs
from training.recipe.mining import Hit, mine_negatives


def pair(
    query: str = "q", positive: str = "yes", others: tuple[str, ...] = (), rejected: tuple[str, ...] = ()
) -> TrainingPair:
    relevant = tuple(enumerate((positive, *others)))
    return make_pairs([JudgedQuery(query, relevant, tuple(enumerate(rejected)), ())])[0]


HITS = (
    Hit("too near", 0.79),
    Hit("yes", 0.8),
    Hit("also yes", 0.7),
    Hit("wrong", 0.6),
    Hit("worse", 0.5),
    Hit("no", 0.4),
)


def test_negatives_are_the_best_hits_below_the_positive_that_nobody_approved() -> None:
    mined = mine_negatives([pair(others=("also yes",))], {"q": HITS}, 2)
    assert mined.pairs[0].negatives == ("wrong", "worse")
    assert mined.sentence == "Hard negatives were mined for 1 of 1 pairs, up to 95% of the positive's score."


def test_rejected_passages_come_first_and_are_not_mined_again() -> None:
    mined = mine_negatives([pair(others=("also yes",), rejected=("wrong",))], {"q": HITS}, 1)
    assert mined.pairs[0].negatives == ("wrong", "worse")


def test_the_margin_gives_way_when_it_would_starve_and_says_so() -> None:
    near = {"q": (Hit("nearly", 0.79), Hit("yes", 0.8))}
    mined = mine_negatives([pair()], near, 1)
    assert (mined.share, mined.pairs[0].negatives) == (1.0, ("nearly",))
    assert mined.sentence.endswith("up to 100% of the positive's score; the usual 95% left too many pairs without any.")


def test_a_few_pairs_without_negatives_do_not_move_the_margin() -> None:
    pairs = [pair(f"q{n}") for n in range(8)]
    hits = {f"q{n}": HITS for n in range(7)} | {"q7": (Hit("nearly", 0.79), Hit("yes", 0.8))}
    mined = mine_negatives(pairs, hits, 1)
    assert (mined.share, mined.without) == (0.95, 1)
    assert mined.pairs[7].negatives == ()


def test_a_positive_with_a_negative_cosine_has_negatives_below_it() -> None:
    hits = {"q": (Hit("yes", -0.1), Hit("nearly", -0.101), Hit("wrong", -0.5))}
    assert mine_negatives([pair()], hits, 2).pairs[0].negatives == ("wrong",)


def test_a_positive_that_is_not_among_the_hits_counts_as_the_last_of_them() -> None:
    hits = {"q": (Hit("first", 0.9), Hit("second", 0.7), Hit("last", 0.5))}
    mined = mine_negatives([pair()], hits, 3)
    assert mined.share == 1.0
    assert mined.pairs[0].negatives == ("last",)
