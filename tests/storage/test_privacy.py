"""What is one person's, in the rows: what the shared ones tell of it, and that no table shows it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlite_utils import Database

from core.errors import NotFoundError, PeopleError
from core.people import Role, User, for_everybody, viewing
from core.settings import Settings
from core.types import Document, content_hash
from storage import judgements, library, models, proposals
from storage.database import open_database
from storage.kept_searches import keep_history, keeps_history
from storage.left_out import keep_left_out, list_left_out
from storage.people import add_user, find_user
from storage.privacy import make_private
from storage.vectors import ChangeMark, changes_since
from tests.makers import register_model, store_paper, store_unit_vector

# A row that has one of these is of a paper, a question or a person.
_TELLING = {"document_id", "chunk_id", "query_id", "collection_id", "owner_id", "user_id"}


@pytest.fixture
def bert(db: Database, anna: User) -> User:
    return add_user(db, "bert", Role.TRAIN)


@contextmanager
def seen_by(settings: Settings, user: User) -> Iterator[Database]:
    with viewing(user), open_database(settings.database) as db:
        yield db


def private_paper(db: Database, sha256: str, texts: list[str], owner: User) -> Document:
    document = store_paper(db, sha256, texts)
    make_private(db, [document.id], owner)
    return document


def first_chunk(db: Database, document: Document) -> int:
    return library.chunks_of_document(db, document.id)[0].id


def test_each_table_with_rows_of_a_paper_or_a_person_has_its_view(settings: Settings, db: Database, bert: User) -> None:
    tables = {table.name for table in db.tables if not table.name.startswith(("sqlite_", "chunk_words", "_sqlite"))}
    telling = {name for name in tables if {column.name for column in db[name].columns} & _TELLING}
    with seen_by(settings, bert) as his:
        views = {row[0] for row in his.conn.execute("SELECT name FROM temp.sqlite_master WHERE type = 'view'")}
    # Of what is gone there are only ids, which tell nothing.
    assert telling - {"removals"} | {"documents", "collections", "queries", "known_metadata"} <= views


def test_what_is_made_for_everybody_is_made_without_private_passages(
    settings: Settings, db: Database, anna: User
) -> None:
    version, shared = register_model(db), store_paper(db, "aa", ["open"])
    private_paper(db, "bb", ["mine"], anna)
    for axis, text in enumerate(("open", "mine")):
        store_unit_vector(db, version, text, axis)

    @for_everybody
    def learn() -> list[int]:
        with open_database(settings.database) as rows:
            return changes_since(rows, version.id, version.dimension, ChangeMark()).added.tolist()

    with viewing(anna):
        assert learn() == [first_chunk(db, shared)]


def test_a_shared_paper_is_not_called_what_one_calls_it_for_oneself(db: Database, anna: User) -> None:
    shared, _ = library.add_document(db, "aa", "open.pdf")
    with viewing(anna):
        known, new = library.add_document(db, "aa", "what I plan.pdf", owner=anna.id)
        assert (known.id, new, known.names) == (shared.id, False, ("open.pdf",))
        assert library.add_document(db, "aa", "for all.pdf")[0].names == ("open.pdf", "for all.pdf")
        own, _ = library.add_document(db, "bb", "mine.pdf", owner=anna.id)
        assert library.add_document(db, "bb", "mine too.pdf", owner=anna.id)[0].names == ("mine.pdf", "mine too.pdf")
        assert own.private


def test_versions_are_marked_for_shared_papers_and_tell_nothing_of_private_ones(db: Database, anna: User) -> None:
    version = register_model(db)
    shared = store_paper(db, "aa", ["the same text"])
    own = private_paper(db, "bb", ["the same text"], anna)
    models.set_model_ready(db, version.id, {"trained_passages": [content_hash("the same text")], "judgement_ids": []})
    library.remove_documents(db, [shared.id])
    assert models.get_model(db, version.id).removed_papers == 1
    library.remove_documents(db, [own.id])
    assert models.get_model(db, version.id).removed_papers == 1


def test_a_paper_that_was_made_private_is_counted_once(db: Database, anna: User) -> None:
    version, paper = register_model(db), store_paper(db, "aa", ["learnt while it was shared"])
    judgements.store_judgement(db, "q", first_chunk(db, paper), 1)
    models.set_model_ready(db, version.id, {"judgement_ids": [judgements.list_judgements(db)[0].id]})
    make_private(db, [paper.id], anna)
    assert models.get_model(db, version.id).removed_papers == 1
    library.remove_documents(db, [paper.id])
    assert models.get_model(db, version.id).removed_papers == 1


def test_a_question_that_only_private_verdicts_are_left_of_is_proposed_to_nobody_else(
    settings: Settings, db: Database, anna: User, bert: User
) -> None:
    shared = library.chunks_of_document(db, store_paper(db, "aa", ["one", "two"]).id)
    own = first_chunk(db, private_paper(db, "bb", ["three"], anna))
    for chunk in (shared[0].id, own):
        judgements.store_judgement(db, "what is it?", chunk, 1)
    row = proposals.ProposalRow("border", "what is it?", shared[1].id, "near", 1)
    proposals.replace_proposals(db, register_model(db).id, [row])
    with seen_by(settings, bert) as his:
        assert [one.query for one in proposals.list_proposals(his)] == ["what is it?"]
        # Those of others, as who may train can; the one on her paper he can't see.
        assert judgements.delete_judgements(his, [one.id for one in judgements.list_judgements(his)]) == 1
        assert proposals.list_proposals(his) == []
    with seen_by(settings, anna) as hers:
        assert [one.query for one in proposals.list_proposals(hers)] == ["what is it?"]


def test_the_first_user_goes_on_as_it_was_before(settings: Settings, db: Database) -> None:
    keep_history(db, False)
    keep_left_out(db, ["'a.zip' holds no paper."])
    anna = add_user(db, "anna", Role.ADMIN)
    bert = add_user(db, "bert", Role.TRAIN)
    with seen_by(settings, anna) as hers:
        assert (keeps_history(hers), list_left_out(hers)) == (False, ["'a.zip' holds no paper."])
    with seen_by(settings, bert) as his:
        assert (keeps_history(his), list_left_out(his)) == (True, [])
    # Of a command, too, nothing is kept that was not before.
    assert not keeps_history(db)


def test_a_name_is_one_name_however_it_is_written(db: Database) -> None:
    anna = add_user(db, "Ärzte Zoë", Role.ADMIN)
    for written in ("ärzte  zoë", "ÄRZTE ZOË", "A\u0308rzte Zoe\u0308"):
        assert find_user(db, written) == anna
        with pytest.raises(PeopleError, match="There is a user '.*' already"):
            add_user(db, written, Role.READ)
    with pytest.raises(NotFoundError):
        find_user(db, "Arzte Zoe")
