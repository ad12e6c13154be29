from core.types import Judgement
from training.data.agreement import agree
from training.data.coverage import measure_coverage
from training.data.pairs import collect_queries, make_pairs


def judgement(number: int, giver: str, chunk: int, relevance: int, query: str = "q", text: str = "") -> Judgement:
    words = text or f"passage {chunk}"
    at = "2026-01-01T12:00:00"
    return Judgement(
        number, query, chunk, 1, "A", "aa", 1, 0, 9, words, relevance, None, None, at, judge=giver, giver=giver
    )


def test_verdicts_that_agree_are_one_pair_and_the_majority_counts() -> None:
    judged = [
        judgement(1, "anna", 1, 1), judgement(2, "bert", 1, 1), judgement(3, "cleo", 1, 0),
        judgement(4, "anna", 2, 0), judgement(5, "bert", 2, 0),
    ]  # fmt: skip
    collected = collect_queries(judged)
    (pair,) = make_pairs(collected.queries)
    assert (pair.positive, pair.negatives) == ("passage 1", ("passage 2",))
    assert collected.queries[0].judgement_ids == (1, 2, 4, 5)
    assert (collected.contradictions, collected.disagreements) == ((), ())


def test_a_tie_is_left_out_and_counted() -> None:
    judged = [judgement(1, "anna", 1, 1), judgement(2, "bert", 1, 0), judgement(3, "anna", 2, 1)]
    collected = collect_queries(judged)
    assert [query.relevant for query in collected.queries] == [((2, "passage 2"),)]
    assert collected.queries[0].rejected == ()
    assert (collected.contradictions, collected.disagreements) == ((), ((1, 2),))


def test_two_writings_of_a_question_are_one_for_two_people_and_a_person_s_own_contradiction_stays_theirs() -> None:
    one, other = "How is attention computed?", "how attention is computed"
    assert agree([judgement(1, "anna", 1, 1, one), judgement(2, "bert", 1, 0, other)]).disagreements == ((1, 2),)
    unsure = [judgement(1, "anna", 1, 1, one), judgement(2, "anna", 1, 0, other)]
    assert [found.judgement_ids for found in collect_queries(unsure).contradictions] == [(1, 2)]
    both = collect_queries([*unsure, judgement(3, "bert", 1, 0, one)])
    assert ([found.judgement_ids for found in both.contradictions], both.disagreements) == ([(1, 2, 3)], ())


def test_of_a_passage_and_a_part_of_it_the_part_answers() -> None:
    judged = [
        judgement(1, "anna", 1, 1, text="Ice floats. It is light."), judgement(2, "bert", 1, 1, text="It is light."),
    ]  # fmt: skip
    (query,) = collect_queries(judged).queries
    assert query.relevant == ((1, "It is light."),)


def test_one_person_s_verdicts_stay_as_they_are() -> None:
    judged = [judgement(number, "", number, number % 2) for number in range(1, 6)]
    assert agree(judged).judgements == tuple(judged)


def test_a_pair_that_two_have_judged_is_covered_once() -> None:
    judged = [judgement(1, "anna", 1, 1), judgement(2, "bert", 1, 1)]
    assert measure_coverage(judged, {"q": [1, 2]})[-1].top_judged == 0.5
