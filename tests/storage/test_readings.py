"""A document read anew: its passages change, the judgements on them stay."""

import pytest
from sqlite_utils import Database

from core.errors import ReadError
from core.people import Role, viewing
from core.types import Chunk, Metadata, Page, Span
from storage import library
from storage.judgements import list_judgements, store_judgement
from storage.people import add_user
from storage.readings import store_reading
from tests.makers import register_model, store_paper, store_unit_vector

OLD = ["Gravity bends the path of light.", "Bread rises by the work of yeast."]


def read_anew(db: Database, document_id: int, texts: list[str]) -> None:
    chunks = [Chunk(text, (Span(1, 0, len(text)),)) for text in texts]
    assert store_reading(db, document_id, Metadata(), [Page(1, " ".join(texts), 612, 792)], chunks)


def test_a_judgement_goes_over_to_the_passage_that_has_most_of_its_words(db: Database) -> None:
    paper = store_paper(db, "aa", OLD)
    for chunk, relevance in zip(library.chunks_of_document(db, paper.id), (1, 0), strict=True):
        store_judgement(db, "what bends light?", chunk.id, relevance, rank=3)
    longer = f"{OLD[0]} So said Einstein, at some length and more than once."
    read_anew(db, paper.id, [longer, "bread rises by yeast", OLD[0]])
    found = {(one.text, one.relevance, one.rank) for one in list_judgements(db)}
    assert found == {(OLD[0], 1, 3), ("bread rises by yeast", 0, 3)}


def test_of_two_verdicts_that_fall_on_one_passage_the_later_stays(db: Database) -> None:
    paper = store_paper(db, "aa", OLD)
    first, second = library.chunks_of_document(db, paper.id)
    store_judgement(db, "why?", first.id, 1)
    store_judgement(db, "why?", second.id, 0)
    db.conn.execute("UPDATE judgements SET at = '2031-01-01' WHERE chunk_id = ?", [first.id])
    db.conn.commit()
    read_anew(db, paper.id, [" ".join(OLD)])
    assert [one.relevance for one in list_judgements(db)] == [1]


def test_verdicts_of_several_people_that_fall_on_one_passage_all_stay(db: Database) -> None:
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.TRAIN)
    paper = store_paper(db, "aa", OLD)
    first, second = library.chunks_of_document(db, paper.id)
    for user, chunk, relevance in ((anna, first, 1), (bert, second, 0), (bert, first, 1)):
        with viewing(user):
            store_judgement(db, "why?", chunk.id, relevance)
    read_anew(db, paper.id, [" ".join(OLD)])
    assert [(one.judge, one.relevance) for one in list_judgements(db)] == [("anna", 1), ("bert", 1)]


def test_a_reading_without_a_judged_passage_is_refused_and_the_earlier_stays_whole(db: Database) -> None:
    paper = store_paper(db, "aa", OLD)
    chunk = library.chunks_of_document(db, paper.id)[0]
    store_judgement(db, "what bends light?", chunk.id, 1)
    with pytest.raises(ReadError, match="lacks 1 of the passages judged, so the earlier one stays"):
        read_anew(db, paper.id, ["Something else altogether stands here now."])
    assert [one.text for one in library.chunks_of_document(db, paper.id)] == OLD
    assert [one.chunk_id for one in list_judgements(db)] == [chunk.id]


def test_vectors_that_no_passage_needs_any_more_go_and_others_stay(db: Database) -> None:
    model = register_model(db)
    paper, other = store_paper(db, "aa", OLD), store_paper(db, "bb", [OLD[1]])
    for axis, text in enumerate(OLD):
        store_unit_vector(db, model, text, axis)
    read_anew(db, paper.id, ["New."])
    assert db["embeddings"].count == 1
    library.remove_documents(db, [other.id])
    assert db["embeddings"].count == 0


def test_a_judged_part_stays_where_the_new_passage_has_it_and_else_all_of_it_counts(db: Database) -> None:
    text = "Gravity bends the path of light. It also slows clocks down."
    paper = store_paper(db, "aa", [text])
    (chunk,) = library.chunks_of_document(db, paper.id)
    store_judgement(db, "what bends light?", chunk.id, 1, part="Gravity bends the path of light.")
    read_anew(db, paper.id, [f"{text} So said Einstein."])
    assert [one.text for one in list_judgements(db)] == ["Gravity bends the path of light."]
    changed = "Gravity bends the paths of light. It also slows clocks down. So said Einstein."
    read_anew(db, paper.id, [changed])
    assert [(one.text, one.narrowed) for one in list_judgements(db)] == [(changed, False)]
