"""What is worth a verdict, found by the real job on a library with two models."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.cli import run_command
from core.people import Role, User, viewing
from core.settings import Settings
from core.types import JobKind, JobState, ProposalKind
from jobs.worker import run_or_wait
from storage import jobs, judgements, library, models, proposals
from storage.database import open_database
from storage.people import add_user
from tests.libraries import TOPICS, add_rows, add_version, make_library
from training.__main__ import build_parser, main
from training.propose import propose_mark, queue_propose, run_propose

QUESTIONS = ("what is told about bread of kind 1?", "what is told about maps of kind 6?")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four papers of 64 passages together, one of them judged, and a second version of the model."""
    folder = tmp_path_factory.mktemp("propose")
    settings = make_library(folder / "library", folder / "model")
    with open_database(settings.database) as db:
        for number in range(4):
            kinds = [f"{TOPICS[kind]} of kind {kind}" for kind in (number, number + 4)]
            add_rows(settings, db, f"{number:x}" * 64, kinds)
        db.conn.execute("UPDATE chunks SET section = '2 How ' || document_id || 'x Gravity Pulls' WHERE id % 8 = 1")
        db.conn.execute("UPDATE chunks SET section = '3 Why Maps Fold' WHERE document_id = 3")
        db.conn.commit()
        for question, chunk in zip(QUESTIONS, library.chunks_of_document(db, 1), strict=False):
            judgements.store_judgement(db, question, chunk.id, 1)
        add_version(settings, db, 7)
    return settings


@pytest.fixture
def db(settings: Settings) -> Database:
    with open_database(settings.database) as db:
        yield db


def look(settings: Settings, db: Database) -> dict:
    job = queue_propose(db, anew=True)
    assert job is not None
    job = run_or_wait(settings, job)
    assert job.state is JobState.DONE, job.reason
    return job.result


def test_proposals_are_of_judged_questions_and_of_papers_without_a_judgement(settings: Settings, db: Database) -> None:
    result = look(settings, db)
    waiting = proposals.list_proposals(db)
    judged = {(one.query, one.chunk_id) for one in judgements.list_judgements(db)}
    assert not judged & {(one.query, one.chunk.id) for one in waiting}
    # Two models with other weights by chance agree on little, and the floor of 64 passages is known.
    assert {one.kind for one in waiting} == set(ProposalKind) - {ProposalKind.DISPUTED}
    assert {one.query for one in waiting if one.kind != ProposalKind.UNCOVERED} == set(QUESTIONS)
    assert not [one for one in waiting if one.kind == ProposalKind.UNCOVERED and one.chunk.document_id == 1]
    assert {one.model_id for one in waiting} == {models.active_model(db).id}
    # The best ten of each judged question, for the share of them that is judged.
    assert len(result["tops"]) == 2
    live = {
        chunk.id for document in library.list_documents(db) for chunk in library.chunks_of_document(db, document.id)
    }
    assert all(len(top) == 10 and set(top) <= live for top in result["tops"].values())


def test_a_look_is_asked_for_once_until_something_changes(settings: Settings, db: Database) -> None:
    look(settings, db)
    last = jobs.last_job(db, JobKind.PROPOSE)
    jobs.finish_job(db, last.id, JobState.DONE)
    db.conn.execute("UPDATE jobs SET params = json_set(params, '$.mark', ?) WHERE id = ?", [propose_mark(db), last.id])
    db.conn.commit()
    assert queue_propose(db) is None


def test_what_is_judged_or_skipped_waits_no_more(db: Database) -> None:
    first, second = library.chunks_of_document(db, 3)[0], library.chunks_of_document(db, 4)[0]
    rows = [proposals.ProposalRow("border", "what of it?", chunk.id, "near", 2) for chunk in (first, second)]
    proposals.replace_proposals(db, 1, rows)
    assert [one.chunk.id for one in proposals.list_proposals(db)] == [first.id, second.id]
    judgements.store_judgement(db, "what of it?", first.id, 0)
    (left,) = proposals.list_proposals(db)
    assert left.chunk.id == second.id
    proposals.skip_proposals(db, [left.id])
    judgements.take_back_judgement(db, "what of it?", first.id)
    assert [one.chunk.id for one in proposals.list_proposals(db)] == [first.id]


def test_what_a_look_proposes_is_never_called_as_what_an_earlier_one_did(db: Database) -> None:
    """A window that is open still names those: what was hidden or chosen there must not be another passage."""
    chunk = library.chunks_of_document(db, 3)[0]
    seen: set[int] = set()
    for _ in range(3):
        job = jobs.add_job(db, JobKind.PROPOSE)
        rows = [proposals.ProposalRow("border", f"what of {n}?", chunk.id, "near", 2) for n in range(3)]
        proposals.replace_proposals(db, 1, rows)
        jobs.finish_job(db, job.id, JobState.DONE)
        ids = [one.id for one in proposals.list_proposals(db)]
        assert len(ids) == 3
        assert not seen & set(ids)
        seen |= set(ids)
        # All of them skipped: nothing in the table tells any more which there were.
        proposals.skip_proposals(db, ids)


def test_a_passage_people_disagree_about_waits_for_one_who_has_not_judged_it(tmp_path: Path) -> None:
    settings = make_library(tmp_path / "library", tmp_path / "model")
    with open_database(settings.database) as db:
        anna, bert, cara, dora = (add_user(db, name, Role.ADMIN) for name in ("Anna", "Bert", "Cara", "Dora"))
        paper = add_rows(settings, db, "a" * 64, [f"bread of kind {number}" for number in range(3)])
        tied, decided, *_ = library.chunks_of_document(db, paper)

    def judge(user: User, chunk: int, relevance: int, question: str = "what of bread?") -> None:
        with viewing(user), open_database(settings.database) as db:
            judgements.store_judgement(db, question, chunk, relevance)

    def disputed(user: User) -> list[tuple[str, int, str]]:
        with viewing(user), open_database(settings.database) as db:
            waiting = proposals.list_proposals(db)
        return [(one.query, one.chunk.id, one.reason) for one in waiting if one.kind == ProposalKind.DISPUTED]

    judge(anna, tied.id, 1)
    with open_database(settings.database) as db:
        agreed = propose_mark(db)
    judge(bert, tied.id, 0)
    judge(anna, decided.id, 1, "what is bread of?")
    judge(bert, decided.id, 1, "what is bread of?")
    with open_database(settings.database) as db:
        # A tie is reason to look, however few verdicts are new.
        assert propose_mark(db) != agreed
        look(settings, db)
        assert proposals.list_proposals(db)[0].kind == ProposalKind.DISPUTED
    assert disputed(anna) == disputed(bert) == []
    asked = [("what of bread?", tied.id, "1 approves, 1 rejects: one more verdict decides")]
    assert disputed(cara) == disputed(dora) == asked
    judge(cara, tied.id, 1)
    assert disputed(cara) == disputed(dora) == []
    judge(dora, tied.id, 0)
    with open_database(settings.database) as db:
        look(settings, db)
    eve = replace(dora, id=99, name="Eve")
    assert disputed(eve) == [("what of bread?", tied.id, "2 approve, 2 reject: one more verdict decides")]


def test_a_tie_over_one_question_in_other_words_waits_too(tmp_path: Path) -> None:
    settings = make_library(tmp_path / "library", tmp_path / "model")
    with open_database(settings.database) as db:
        anna, bert, cara = (add_user(db, name, Role.ADMIN) for name in ("Anna", "Bert", "Cara"))
        chunk, *_ = library.chunks_of_document(db, add_rows(settings, db, "a" * 64, ["bread of kind 1"]))
    for user, question, relevance in ((anna, "how is bread made?", 1), (bert, "how bread is made", 0)):
        with viewing(user), open_database(settings.database) as db:
            judgements.store_judgement(db, question, chunk.id, relevance)
    with open_database(settings.database) as db:
        look(settings, db)
    with viewing(cara), open_database(settings.database) as db:
        (waiting,) = proposals.list_proposals(db)
    assert (waiting.kind, waiting.query, waiting.chunk.id) == (ProposalKind.DISPUTED, "how bread is made", chunk.id)


def test_a_question_or_passage_that_goes_takes_its_proposals_along(settings: Settings, db: Database) -> None:
    document_id = add_rows(settings, db, "9" * 64, ["chess of kind 9"])
    chunk = library.chunks_of_document(db, document_id)[0]
    other = library.chunks_of_document(db, 4)[0]
    judgements.store_judgement(db, "of kind 9?", chunk.id, 1)
    rows = [("of kind 9?", other.id), ("not judged", chunk.id), ("not judged", other.id)]
    proposals.replace_proposals(db, 1, [proposals.ProposalRow("border", *row, "near", None) for row in rows])
    assert len(proposals.list_proposals(db)) == 3
    library.remove_documents(db, [document_id])
    (left,) = proposals.list_proposals(db)
    assert (left.query, left.chunk.id) == ("not judged", other.id)
    assert db["proposals"].count == 1


def test_a_question_that_goes_during_the_look_is_not_brought_back(settings: Settings, db: Database) -> None:
    first, approved = QUESTIONS[0], library.chunks_of_document(db, 1)[0].id

    class TakenBack:
        """Progress at whose last step the question's only verdict is withdrawn."""

        def report(self, step: str, **_: object) -> None:
            if step == "choosing":
                # By who gave it: the look is everybody's, and nobody's verdict is its own.
                with viewing(None):
                    assert judgements.take_back_judgement(db, first, approved)

    job = queue_propose(db, anew=True)
    assert job is not None
    run_propose(settings, job, TakenBack())
    jobs.finish_job(db, job.id, JobState.DONE)
    asked = {one.query for one in proposals.list_proposals(db)}
    judgements.store_judgement(db, first, approved, 1)
    assert first not in asked
    assert QUESTIONS[1] in asked


def test_the_commands_show_the_queue_and_questions_of_a_paper(
    settings: Settings, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        assert run_command(main, build_parser(), [*arguments, "--home", str(settings.home)]) == 0
        return capsys.readouterr().out

    shown = json.loads(run("propose", "--json"))["proposals"]
    assert [one["id"] for one in shown] == [one.id for one in proposals.list_proposals(db)]
    db.conn.execute("UPDATE chunks SET section = '2 How Gravity Pulls' WHERE document_id = 1")
    db.conn.commit()
    assert "What is said about how gravity pulls?" in run("questions", "1")
    chunk = library.chunks_of_document(db, 1)[0]
    part = " ".join(chunk.text.split()[:6])
    run("judge", "--query", "of a part?", "--chunk", str(chunk.id), "--relevant", "--part", part)
    assert [one.text for one in judgements.list_judgements(db) if one.narrowed] == [part]
