from dataclasses import replace

from core.types import Judgement
from training.data.pairs import (
    JudgedQuery,
    collect_queries,
    make_pairs,
    queries_needed,
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


def test_how_many_more_questions_are_needed() -> None:
    assert [queries_needed(count) for count in (0, 19, 20, 50)] == [20, 1, 0, 0]


def test_rejected_passages_are_left_out_where_the_recipe_says_so() -> None:
    judged = replace(query("q", 1), rejected=((5, "passage 5"),))
    assert make_pairs([judged])[0].negatives == ("passage 5",)
    assert make_pairs([judged], with_rejected=False)[0].negatives == ()
