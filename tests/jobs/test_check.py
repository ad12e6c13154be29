"""What can be wrong with a library, done to one: each is found, what can be put right is, no judgement is lost."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from sqlite_utils import Database

from core.cli import REFUSED, run_command
from core.errors import LibraryError
from core.formats import DocumentFormat
from core.settings import Settings, load_settings
from core.types import DocumentState
from indexer.__main__ import build_parser, main
from jobs.check import check_library, repair_library
from storage import library, models
from storage.database import open_database
from storage.judgements import list_judgements, store_judgement
from tests.killed import leave_half_done
from tests.libraries import add_paper, add_version, make_library, top_ten, work

QUESTION = "what does this paper tell about bread?"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three papers, a judgement on the second, a trained version that answers and one that does not."""
    folder = tmp_path_factory.mktemp("filled")
    settings = make_library(folder / "library", folder / "model")
    for number in range(3):
        add_paper(settings, folder, number)
    with open_database(settings.database) as db:
        store_judgement(db, QUESTION, library.chunks_of_document(db, 2)[0].id, 1)
        models.activate_model(db, add_version(settings, db, 1).id)
        add_version(settings, db, 2)
    return settings


@pytest.fixture
def copy(filled: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(filled.home, tmp_path / "library")
    return load_settings(home=tmp_path / "library")


def test_a_sound_library_has_no_problem_and_a_repair_changes_nothing(copy: Settings) -> None:
    before = sorted((path.relative_to(copy.home), path.stat().st_size) for path in copy.originals.iterdir())
    outcome = check_library(copy)
    assert (outcome.problems, outcome.papers, outcome.waiting, outcome.models) == ((), 3, 0, 3)
    assert repair_library(copy) == []
    assert sorted((path.relative_to(copy.home), path.stat().st_size) for path in copy.originals.iterdir()) == before


Damage = Callable[[Settings, Database], object]


def sql(*statements: str) -> Damage:
    def damage(settings: Settings, db: Database) -> None:
        db.conn.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            db.conn.execute(statement)
        db.conn.commit()

    return damage


def stray_original(settings: Settings, db: Database) -> None:
    settings.original("0" * 64, DocumentFormat.PDF).write_bytes(b"of a removal that died before it took the file away")


def old(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (0, 0))


def truncate_vector(settings: Settings, db: Database) -> None:
    with db.conn:
        db.conn.execute("UPDATE embeddings SET vector = substr(vector, 1, 60) WHERE id % 3 = 0")


def spoil_vector(settings: Settings, db: Database) -> None:
    with db.conn:
        nan = b"\x00\x00\xc0\x7f"
        db.conn.execute("UPDATE embeddings SET vector = ? || substr(vector, 5) WHERE id % 2 = 0", [nan])
        # || of blobs is text in SQLite.
        db.conn.execute("UPDATE embeddings SET vector = CAST(vector AS BLOB)")


def unfinished_version(settings: Settings, db: Database) -> None:
    add_version(settings, db, 3)
    with db.conn:
        db.conn.execute("UPDATE models SET state = 'preparing' WHERE name = 'v3'")


REPAIRABLE: dict[str, tuple[Damage, str]] = {
    "a removal cut off": (stray_original, "1 file of a paper that is not in the library"),
    "a copy cut off": (lambda settings, db: leave_half_done(settings.originals), "1 half-done file in 'originals/'"),
    "an upload forgotten": (lambda settings, db: old(settings.uploads / "abc"), "1 forgotten upload"),
    "a retrain cut off": (unfinished_version, "A retrain was cut off and left v3"),
    "a saving cut off": (lambda settings, db: old(settings.models / ".training" / "x"), "cut off and left its folder"),
    "vectors gone": (sql("DELETE FROM embeddings WHERE id % 2"), "passages that lack a vector"),
    "vectors too short": (truncate_vector, "can't be one of its own"),
    "vectors that are no numbers": (spoil_vector, "can't be one of its own"),
    "vectors of nothing": (
        sql("INSERT INTO embeddings (model_id, content_hash, vector) SELECT 1, 'gone', vector FROM embeddings LIMIT 1"),
        "1 vector belongs to no passage",
    ),
    "a page of nothing": (
        sql("INSERT INTO pages (document_id, number, text, width, height) VALUES (99, 1, 'x', 1, 1)"),
        "1 row of 'pages' without what they refer to in 'documents'",
    ),
    "a question of nothing": (sql("INSERT INTO queries (text) VALUES ('left over')"), "1 question kept without"),
    "a judge gone": (sql("UPDATE judgements SET model_id = 77"), "'judgements' without what they refer to in 'models'"),
    "no name": (sql("DELETE FROM document_names WHERE document_id = 1"), "has lost its file name"),
    "a state that does not exist": (sql("UPDATE documents SET state = 'lost'"), "state 'lost', which does not exist."),
    "a job of no kind": (sql("UPDATE jobs SET kind = 'dance', state = 'queued'"), "the kind 'dance', which does not"),
    "collected papers that are gone": (
        sql("INSERT INTO collections (name) VALUES ('x')", "INSERT INTO collected_documents VALUES (1, 99), (9, 1)"),
        "1 row of 'collected_documents' without what they refer to in 'documents'",
    ),
    "a correction of nothing": (
        sql("INSERT INTO corrections VALUES (99, 'title', '\"x\"', '2026')"),
        "1 row of 'corrections' without what they refer to",
    ),
    "a file of a folder that is not watched": (
        sql("INSERT INTO watched_files VALUES ('/x', 'y', '1 1')"),
        "1 row of 'watched_files' without what they refer to",
    ),
    "a role that is none": (
        sql("INSERT INTO users (name, role, created_at) VALUES ('x', 'owner', '2026')"),
        "'users' holds the role 'owner'",
    ),
    "a search of no mode": (
        sql("INSERT INTO kept_searches (question, filter, mode, at) VALUES ('x', '{}', 'dance', '2026')"),
        "the mode 'dance', which does not exist.",
    ),
    "a search with a filter that is none": (
        sql("INSERT INTO kept_searches (question, filter, mode, at) VALUES ('x', '{\"of\": 1}', 'both', '2026')"),
        "1 question kept with a filter that is none.",
    ),
    "a map with names that are none": (
        sql("INSERT INTO maps (model_id, fingerprint, mark, made_at, names) VALUES (1, 'x', 'x', '2026', '[1]')"),
        "1 map with names of groups that can't be read.",
    ),
    "no pages": (
        sql("DELETE FROM chunks WHERE document_id = 1", "DELETE FROM pages WHERE document_id = 1"),
        "none of its pages is there",
    ),
    "passages outside": (
        sql("UPDATE chunks SET spans = '[[1, 0, 99999]]' WHERE document_id = 1"),
        "outside the text of their pages",
    ),
    "passages nowhere": (sql("UPDATE chunks SET spans = 'x'"), "outside the text of their pages"),
    "a false key": (sql("UPDATE chunks SET content_hash = 'x' WHERE document_id = 2"), "under the key of another text"),
    "no card": (lambda settings, db: report_and_no_card(settings, db), "The card of 'v2' is gone"),
}


def report_and_no_card(settings: Settings, db: Database) -> None:
    """A report such as a retrain writes; the model's folder has no card."""
    scores = {str(32): dict.fromkeys(("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10"), 0.5) | {"queries": 3}}
    recipe = {"preset": "default", "epochs": 1, "batch_size": 4, "learning_rate": 2e-5, "warmup_share": 0.1}
    split = {"train_pairs": 3, "train_queries": 3, "held_out_queries": 1, "chosen_on_held_out": False, "folds": 0}
    report = {"settings": recipe, "split": split, "start_weight": 0.5, "dimensions": [32], "decision": "It is as good."}
    models.set_report(db, models.list_models(db)[-1].id, report | {"before": scores, "after": scores})


def answers_of(settings: Settings) -> list[tuple[str, float]]:
    """All passages with their scores, which the small model sets apart by less than a new embedding changes them."""
    return sorted(hit[1:] for hit in top_ten(settings, QUESTION))


@pytest.mark.parametrize("name", REPAIRABLE)
def test_what_can_be_put_right_is_found_and_put_right(copy: Settings, name: str) -> None:
    damage, said = REPAIRABLE[name]
    with open_database(copy.database) as db:
        before = (list_judgements(db)[0].query, list_judgements(db)[0].text)
        answers = answers_of(copy)
        damage(copy, db)
    sentences = [problem.sentence for problem in check_library(copy).problems]
    assert any(said in sentence for sentence in sentences), sentences
    assert all(sentence.endswith(".") for sentence in sentences)
    done = [one.done for one in repair_library(copy)]
    assert any(done)
    work(copy)
    assert check_library(copy).problems == ()
    assert answers_of(copy) == answers
    with open_database(copy.database) as db:
        assert (list_judgements(db)[0].query, list_judgements(db)[0].text) == before
        assert {document.state for document in library.list_documents(db)} == {DocumentState.READY}


def test_a_paper_to_be_read_anew_is_no_problem(copy: Settings) -> None:
    with open_database(copy.database) as db:
        library.read_again(db, [1, 2])
    assert check_library(copy).problems == ()


def lose_original(settings: Settings, db: Database) -> None:
    settings.original(library.get_document(db, 2).sha256, DocumentFormat.PDF).unlink()


def damage_original(settings: Settings, db: Database) -> None:
    path = settings.original(library.get_document(db, 2).sha256, DocumentFormat.PDF)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def damage_weights(settings: Settings, db: Database) -> None:
    path = settings.models / "v2" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_original, "The file of 'On Bread Of Kind 1' (id 2) is damaged."),
        (lose_original, "(id 2) is gone."),
        (damage_weights, "The weights of 'v2' can't be loaded"),
        (lambda settings, db: shutil.rmtree(settings.models / "v2"), "The folder 'models/v2' of this version is gone"),
        (lambda settings, db: (settings.models / "v1" / "config.json").write_text("{}"), "not those its vectors"),
        (lambda settings, db: (settings.models / "mine").mkdir(), "'models/mine' belongs to no version"),
        (sql("UPDATE models SET state = 'lost' WHERE id = 2"), "the state 'lost', which does not exist. Restore"),
        (sql("UPDATE judgements SET chunk_id = 999"), "1 row of 'judgements' without what they refer to in 'chunks'"),
    ],
)
def test_what_can_not_be_put_right_is_told_and_left(copy: Settings, damage: Damage, said: str) -> None:
    with open_database(copy.database) as db:
        damage(copy, db)
        judgements = list(db["judgements"].rows)
    for _ in range(2):
        sentences = [problem.sentence for problem in check_library(copy).problems]
        assert any(said in sentence for sentence in sentences), sentences
        repair_library(copy)
    with open_database(copy.database) as db:
        assert list(db["judgements"].rows) == judgements


def test_a_damaged_database_is_told_in_a_sentence(copy: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with open_database(copy.database) as db:
        db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(copy.database.read_bytes())
    content[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    copy.database.write_bytes(content)
    (problem,) = check_library(copy).problems
    assert problem.kind == "database"
    assert problem.sentence.startswith("The database ")
    for command in (["check"], ["check", "--repair"]):
        assert run_command(main, build_parser(), [*command, "--home", str(copy.home)]) == REFUSED
        output = capsys.readouterr()
        assert problem.sentence in output.out
        assert "Traceback" not in output.err


def test_an_index_that_lost_rows_is_built_anew(copy: Settings) -> None:
    with sqlite3.connect(copy.database) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("CREATE INDEX extra ON chunks(section)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'chunks_document'").fetchone()[0]
        empty = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_state'").fetchone()[0]
        connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'jobs_state'", [page])
        connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'chunks_document'", [empty])
    problems = check_library(copy).problems
    assert [problem.kind for problem in problems] == ["database"]
    assert [one.done for one in repair_library(copy)] == ["The indexes were built anew from the rows."]
    assert check_library(copy).problems == ()


def test_a_repair_waits_for_nobodys_job(copy: Settings) -> None:
    with FileLock(copy.work_lock), pytest.raises(LibraryError, match="A job is at work"):
        repair_library(copy)
