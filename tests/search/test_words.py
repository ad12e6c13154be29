"""Any text is a valid question for the word index; names, numbers and quoted phrases find their passage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from core.types import Filter
from indexer.encoder import Spelling
from search.fusion import fuse
from search.words import parse_words
from storage import library
from storage.filtering import filtered_chunks
from storage.words import find_words, forget_removed_words, rebuild_words, stand, words_are_sound
from tests.makers import store_paper

TEXTS = [
    "The Generator Is DPR-CTRL_LM, trained in FP16 on 8 GPUs.",
    "Its identifier is 10.1145/3292500.3330701 in the digital library.",
    "Les élèves de l'école répètent leurs leçons.",
    "The path of light is bent near a star.",
    "A star is bent on the light path of fame.",
]


@pytest.fixture
def paper(db: Database) -> int:
    return store_paper(db, "aa", TEXTS).id


def found(db: Database, question: str) -> list[str]:
    match = parse_words(question).match
    ids = find_words(db, match, 10).ids.tolist() if match else []
    chunks = library.chunks_by_id(db, ids)
    return [chunks[chunk_id].text for chunk_id in ids]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("what is DPR-CTRL_LM?", TEXTS[0]),
        ("trained in fp16", TEXTS[0]),
        ("10.1145/3292500.3330701", TEXTS[1]),
        ("eleve ecole", TEXTS[2]),
        ('"path of light"', TEXTS[3]),
        ("“light path of fame”", TEXTS[4]),
    ],
)
def test_exact_words_find_their_passage(db: Database, paper: int, question: str, text: str) -> None:
    assert found(db, question)[0] == text


def test_a_quoted_phrase_is_all_of_it_in_this_order(db: Database, paper: int) -> None:
    assert found(db, 'is "light path" bent?') == [TEXTS[4]]
    assert found(db, '"path light"') == []


@pytest.mark.parametrize(
    ("question", "exact"),
    [
        ("what is FP16?", True),
        ("does x86 differ", True),
        ("10.1145/3292500", True),
        ("how does RoBERTa differ from it", True),
        ("what does retrieval_k mean", True),
        ('the "grace period" of a lease', True),
        ("what is BERT", False),
        ("the state-of-the-art in 2017", False),
        ("What is attention? And why?", False),
    ],
)
def test_a_question_that_names_something_exactly_is_told(question: str, exact: bool) -> None:
    assert parse_words(question).exact is exact


@given(st.text(max_size=300))
def test_any_text_is_a_question(text: str) -> None:
    db = Database(memory=True)
    db.conn.execute("CREATE VIRTUAL TABLE chunk_words USING fts5(text)")
    match = parse_words(text).match
    assert len(find_words(db, match, 3).ids) == 0 if match else True


@pytest.mark.parametrize("question", ['"', '""', "AND OR NOT", "NEAR(a b)", "text: x*", "a\0b", "-(", "^", "{x}", "“"])
def test_the_language_of_the_index_is_not_spoken_by_a_question(db: Database, paper: int, question: str) -> None:
    assert set(found(db, question)) <= set(TEXTS)


def test_removed_words_are_gone_and_a_lost_index_is_made_anew(db: Database, paper: int) -> None:
    store_paper(db, "bb", ["Whales sing."])
    library.remove_documents(db, [paper])
    forget_removed_words(db)
    assert found(db, "star") == []
    assert found(db, "whales") == ["Whales sing."]
    assert words_are_sound(db)
    db.conn.execute("INSERT INTO chunk_words (chunk_words) VALUES ('delete-all')")
    db.conn.commit()
    assert not words_are_sound(db)
    rebuild_words(db)
    assert words_are_sound(db)
    assert found(db, "whales") == ["Whales sing."]


def test_fusion_prefers_what_both_find_and_words_where_they_are_exact() -> None:
    assert fuse([1, 2, 3], [3, 4])[0] == 3
    assert fuse([1, 2], [9]) == [1, 2, 9]
    assert fuse([1, 2], [9, 2], parse_words("RoBERTa"))[0] == 2
    assert fuse([1, 2], [9], parse_words('"a lease"'))[0] == 9
    assert sorted(fuse(range(5), range(3, 9))) == list(range(9))


def test_words_come_first_where_the_model_does_not_know_the_question() -> None:
    assert fuse([1, 2, 3], [8, 9], spelling=Spelling(0.19, 1.6))[0] == 1
    assert fuse([1, 2, 3], [8, 9], spelling=Spelling(0.2, 1.0))[:2] == [8, 9]
    assert fuse([1, 2, 3], [8, 9], spelling=Spelling(0.0, 4.0))[:2] == [8, 9]
    assert fuse([1, 2], [9, 2], spelling=Spelling(0.0, 1.8))[0] == 2


CHINESE = [
    "本文提出一种机器学习方法，用于蛋白质结构预测。",
    "我们研究了学习机器人的行为。",
    "ニューラルネットワークで翻訳する。",
]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("什么是机器学习？", CHINESE[0]),
        ("蛋白质的结构", CHINESE[0]),
        ("机器人", CHINESE[1]),
        ("翻訳とは", CHINESE[2]),
        ("how is 蛋白质 predicted", CHINESE[0]),
        ("译", None),
        ("译 機 翻", CHINESE[2]),
    ],
)
def test_words_without_spaces_between_them_are_found(db: Database, question: str, text: str | None) -> None:
    store_paper(db, "cc", CHINESE)
    assert found(db, question)[:1] == ([text] if text else [])


def test_a_quoted_phrase_without_spaces_is_all_of_it(db: Database) -> None:
    store_paper(db, "cc", CHINESE)
    assert found(db, "「机器学习」") == [CHINESE[0]]
    assert found(db, '"学习机器"') == [CHINESE[1]]
    assert found(db, '"习方"') == [CHINESE[0]]
    assert not parse_words("2015年哪支球队赢了？").exact
    assert words_are_sound(db)
    rebuild_words(db)
    assert found(db, "机器人") == [CHINESE[1], CHINESE[0]]


def test_in_a_large_library_common_words_alone_match_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.words.MOST_RANKED", 4)
    texts = [f"The common thing of kind {number}." for number in range(9)]
    store_paper(db, "many", [*texts, "A rare common thing.", "Another thing altogether, and rare."])
    words = parse_words("rare common thing")
    ids = find_words(db, words.match, 10, strings=words.strings).ids.tolist()
    chunks = library.chunks_by_id(db, ids)
    assert [chunks[chunk_id].text for chunk_id in ids] == [
        "A rare common thing.",
        "Another thing altogether, and rare.",
    ]
    assert len(find_words(db, words.match, 20).ids) == 11
    only = parse_words("common thing")
    assert len(find_words(db, only.match, 20, strings=only.strings).ids) == 10
    none = parse_words("zyzzyva thing")
    assert len(find_words(db, none.match, 20, strings=none.strings).ids) == 11


def test_in_one_paper_nothing_is_passed_over_for_being_common_in_others(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.words.MOST_RANKED", 4)
    first = store_paper(db, "aa", ["A common thing stands here.", "Nothing of it."])
    store_paper(db, "many", [f"The common thing of kind {number}." for number in range(9)])
    last = store_paper(db, "zz", ["A rare common thing.", "Another common thing."])
    words = parse_words("rare common thing")
    for papers, expected in (
        ((first.id,), ["A common thing stands here."]),
        ((last.id,), ["A rare common thing.", "Another common thing."]),
        ((first.id, last.id), ["A rare common thing."]),
    ):
        among = filtered_chunks(db, Filter(papers=papers))
        ids = find_words(db, words.match, 10, among, words.strings).ids.tolist()
        chunks = library.chunks_by_id(db, ids)
        assert [chunks[chunk_id].text for chunk_id in ids] == expected
    nowhere = filtered_chunks(db, Filter(papers=()))
    assert len(find_words(db, words.match, 10, nowhere, words.strings).ids) == 0
    # Where the papers lie far apart and none of them has a rare word, their common ones count.
    apart = np.array([1, int(filtered_chunks(db, Filter(papers=(last.id,)))[1])])  # type: ignore[index]
    assert len(find_words(db, words.match, 10, apart, words.strings).ids) == 2


def test_an_accent_of_its_own_parts_no_word(db: Database) -> None:
    store_paper(db, "rr", ["Ein r\u00e9sum\u00e9 wird gelesen.", "Sume and re are none."])
    assert found(db, "re\u0301sume\u0301") == ["Ein r\u00e9sum\u00e9 wird gelesen."]
    assert found(db, '"re\u0301sume\u0301 wird"') == ["Ein r\u00e9sum\u00e9 wird gelesen."]


def test_a_question_copied_from_a_page_is_read_as_passages_are(db: Database) -> None:
    store_paper(db, "cc", ["An efficient encoder is fine."])
    assert found(db, "e\ufb03cient") == found(db, "\ufb01ne") == found(db, "en\u00adcoder") != []


def test_a_sign_behind_a_number_is_inches_and_opens_no_phrase(db: Database) -> None:
    store_paper(db, "cc", ["Pipes of several widths.", 'A 5" pipe and a flange.'])
    assert not parse_words('5" and 7" pipes').quoted
    assert found(db, 'are 5" and 7" pipes wide?')[0] == 'A 5" pipe and a flange.'
    assert [one.written for one in parse_words('a 5" pipe with "a flange"').named] == ["a flange"]


def test_what_a_question_names_is_told_as_it_was_written() -> None:
    assert [one.written for one in parse_words("is (XYZ-12) like RoBERTa, or XYZ-12?").named] == ["XYZ-12", "RoBERTa"]
    assert [one.written for one in parse_words('“ path  of light ” and ""').named] == ["path of light"]
    assert len(parse_words(" ".join(f'"w{number}"' for number in range(999))).named) == 64


def test_what_stands_somewhere_is_told_of_all_passages_and_of_some(db: Database, paper: int) -> None:
    other = store_paper(db, "bb", ["Whales sing."])
    assert stand(db, '"whales"')
    assert not stand(db, '"zyzzyva"')
    assert stand(db, '"whales"', filtered_chunks(db, Filter(papers=(other.id,))))
    assert not stand(db, '"whales"', filtered_chunks(db, Filter(papers=(paper,))))
    assert not stand(db, '"whales"', filtered_chunks(db, Filter(papers=())))


def test_common_words_fill_up_where_too_few_passages_have_a_rare_one(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.words.MOST_RANKED", 4)
    paper = store_paper(db, "many", [f"The common thing of kind {number}." for number in range(9)])
    other = store_paper(db, "other", ["A rare common thing."])
    words = parse_words("rare common thing")
    for among in (None, filtered_chunks(db, Filter(papers=(paper.id, other.id)))):
        ids = find_words(db, words.match, 100, among, words.strings, least=5).ids.tolist()
        assert len(ids) == 10
        assert library.chunks_by_id(db, ids)[ids[0]].text == "A rare common thing."
