from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import content_hash
from training.data.connected import Learnt, connect, near_duplicates
from training.data.pairs import JudgedQuery


def query(name: str, *chunks: int) -> JudgedQuery:
    return JudgedQuery(name, tuple((chunk, f"passage {chunk}") for chunk in chunks), (), ())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=8), max_size=20))
def test_no_near_duplicate_is_overlooked(word_sets: list[set[str]]) -> None:
    texts = [" ".join(sorted(words)) for words in word_sets]
    counts = {word: sum(word in words for words in word_sets) for words in word_sets for word in words}
    kept = [{word for word in words if counts[word] <= 5} or words for words in word_sets]
    wanted = {
        (one, other)
        for one in range(len(kept))
        for other in range(one)
        if all(len(sets[one] & sets[other]) >= 0.75 * len(sets[one] | sets[other]) for sets in (word_sets, kept))
    }
    assert set(near_duplicates(texts)) == wanted


def test_words_that_many_questions_have_make_no_twins() -> None:
    pattern = [
        f"what is the main idea of the {name} paper" for name in ("alpha", "beta", "gamma", "delta", "eps", "zeta")
    ]
    assert list(near_duplicates(pattern)) == []
    assert list(near_duplicates([*pattern, "What is the main idea of the Zeta paper?"])) == [(6, 5)]
    grid = [f"{measure} of {system}" for measure in ("recall", "precision") for system in "abcdefgh"]
    assert list(near_duplicates(grid)) == []


def test_what_hangs_on_learnt_words_or_a_learnt_passage_is_known() -> None:
    queries = [
        query("how is attention computed here", 1),
        query("something else", 2),
        query("joined to it", 2, 3),
        query("on the passage", 4),
        query("free", 5),
    ]
    learnt = Learnt(
        frozenset({"how is self attention computed here", "removed since"}), frozenset({content_hash("passage 4")})
    )
    groups = connect(queries, learnt)
    assert [[one.text for one in group] for group in groups.fresh] == [["something else", "joined to it"], ["free"]]
    assert [one.text for group in groups.known for one in group] == ["how is attention computed here", "on the passage"]


def test_what_queries_teach_is_their_words_and_passages() -> None:
    learnt = Learnt.of([query("What is A?", 1), query("b", 1, 2)]) | Learnt(frozenset({"c"}))
    assert learnt.words == {"what is a", "b", "c"}
    assert learnt.passages == {content_hash("passage 1"), content_hash("passage 2")}


def test_plurals_accents_and_signs_without_spaces_make_no_other_question() -> None:
    pattern = [
        f"what is the effect of {one} on the accuracy of the model?" for one in ("age", "size", "noise", "depth")
    ]
    pattern += [
        f"what is the effect of {one} on the accuracy of the model?" for one in ("width", "rain", "wind", "sun")
    ]
    twins = [f"what is the effect of dropout {one} on the accuracy of the model?" for one in ("rate", "rates")]
    assert list(near_duplicates([*pattern, *twins])) == [(9, 8)]
    assert list(near_duplicates(["how naïve is naïve bayes", "how naive is naive bayes"])) == [(1, 0)]
    assert list(near_duplicates(["注意力机制是如何计算的", "注意力机制是如何计算的呢", "面包怎么做"])) == [(1, 0)]


def test_neighbours_that_overlap_by_a_sentence_are_one_passage() -> None:
    shared = "Gravity bends the path of light near a star."
    first = JudgedQuery("a", ((1, f"The sun is heavy enough to show it. {shared}"),), (), ())
    second = JudgedQuery("b", ((2, f"{shared} It was measured at an eclipse in 1919."),), (), ())
    other = JudgedQuery("c", ((3, "Yeast makes bread rise by giving off a gas."),), (), ())
    assert [[one.text for one in group] for group in connect([first, second, other]).fresh] == [["a", "b"], ["c"]]
    assert [one.text for group in connect([second, other], Learnt.of([first])).known for one in group] == ["b"]
