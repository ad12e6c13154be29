"""What a report of a fault tells, and that nothing private is in it."""

import json
import logging
from pathlib import Path

import pytest
from sqlite_utils import Database

from api.diagnostics import Facts, Running, as_text, diagnose
from api.recent_warnings import RecentWarnings
from core.errors import ReadError
from core.people import Role, viewing
from core.settings import Settings
from core.stored_settings import store_setting
from core.types import JobKind, JobState
from search.gpu import find_device
from storage import jobs, library, models
from storage.judgements import store_judgement
from storage.people import add_user
from storage.privacy import make_private
from tests.makers import register_model, store_paper, store_unit_vector

SECRET = "zanzibar"


@pytest.fixture
def told(settings: Settings, db: Database) -> Facts:
    """The diagnostics of a library in which the secret word stands wherever a person can put one."""
    paper = store_paper(db, SECRET, [f"the {SECRET} text", "another text"])
    db["documents"].update(paper.id, {"title": f"On {SECRET}", "authors": json.dumps([SECRET])})
    failed, _ = library.add_document(db, "other", f"{SECRET}.pdf")
    library.fail_document(db, failed.id, f"'{SECRET}.pdf' is not a PDF. Export it as one.")
    model = register_model(db, f"/home/{SECRET}/model")
    models.set_model_ready(db, model.id, {"seconds": 12.5, "split": {"train_pairs": 30}})
    store_unit_vector(db, model, f"the {SECRET} text", 0)
    store_unit_vector(db, model, "another text", 1)
    models.activate_model(db, model.id)
    store_judgement(db, f"what is {SECRET}?", library.chunks_of_document(db, paper.id)[0].id, 1)
    ingest = jobs.add_job(db, JobKind.INGEST)
    jobs.finish_job(db, ingest.id, JobState.DONE, None, {"passages": 300, "seconds": 10.0})
    retrain = jobs.add_job(db, JobKind.RETRAIN, {"secret": SECRET})
    reason = f"An unexpected error ended this (ValueError: '{SECRET}' in {SECRET}.pdf)."
    jobs.finish_job(db, retrain.id, JobState.FAILED, reason)
    store_setting(settings.home, "ocr", "off")

    warnings = RecentWarnings()
    logger = logging.getLogger("whetstone.test")
    logger.addHandler(warnings)
    logger.warning("paper %s took %d s: %s", SECRET, 7, ReadError(SECRET))
    logger.warning(f"'{SECRET}' has no pages, see /home/{SECRET}/x")
    try:
        Path(f"/{SECRET}").read_text()
    except OSError:
        logger.exception("reading %s", SECRET)
    logger.info("nothing of this kind")
    logger.removeHandler(warnings)
    running = Running(f"model, as WHETSTONE_MODEL asks for /home/{SECRET}", [0.02] * 19 + [0.1], warnings.lines())
    return diagnose(settings, find_device(), running)


def test_who_asks_is_told_no_number_of_what_is_private_to_others(settings: Settings, db: Database) -> None:
    model = register_model(db)
    store_paper(db, "aa", ["open", "also open"])
    private = store_paper(db, "bb", ["mine", "also mine"])
    for number, text in enumerate(("open", "also open", "mine", "also mine")):
        store_unit_vector(db, model, text, number)
    models.activate_model(db, model.id)
    jobs.finish_job(db, jobs.add_job(db, JobKind.INGEST).id, JobState.DONE, None, {"passages": 4, "seconds": 2.0})
    anna, bert = add_user(db, "anna", Role.ADMIN), add_user(db, "bert", Role.ADMIN)
    make_private(db, [private.id], anna)
    whole = diagnose(settings, find_device())
    assert [whole["sizes"][name] for name in ("vectors", "vectors of the model in use", "passages")] == [4, 4, 4]
    with viewing(bert):
        told = diagnose(settings, find_device())
    assert [told["sizes"][name] for name in ("vectors", "vectors of the model in use", "passages")] == [2, 2, 2]
    assert whole["speeds"].pop("last ingest passages") == 4
    assert told["speeds"] == whole["speeds"]


def test_it_tells_sizes_speeds_and_what_failed(told: Facts, settings: Settings) -> None:
    sizes, speeds = told["sizes"], told["speeds"]
    assert (sizes["papers"], sizes["papers failed"], sizes["pages"], sizes["passages"]) == (2, 1, 1, 2)
    assert (sizes["vectors"], sizes["vectors of the model in use"], sizes["approved"]) == (2, 2, 1)
    assert sizes["database bytes"] == settings.database.stat().st_size
    assert (speeds["search p50 ms"], speeds["search p95 ms"]) == (20.0, 24.0)
    assert (speeds["last ingest passages/s"], speeds["last retrain seconds"]) == (30.0, 12.5)
    assert told["settings"]["WHETSTONE_OCR"] == "off (stored)"
    (job,) = told["errors"]["failed jobs"]
    assert job.endswith("retrain: An unexpected error ended this (ValueError).")
    assert told["errors"]["failed papers"] == ["1 x '…' is not a PDF. Export it as one."]
    first, second, third = (line.split(" whetstone.test: ")[1] for line in told["errors"]["last warnings"])
    assert first == "paper … took 7 s: ReadError"
    assert second == "'…' has no pages, see …"
    assert third.startswith("reading … [FileNotFoundError in tests/api/test_diagnostics.py:")
    assert told["libraries"]["gradio"]
    assert told["program"]["schema"].startswith("m0")


def test_nothing_private_is_in_it(told: Facts, settings: Settings) -> None:
    for text in (as_text(told), json.dumps(told)):
        assert SECRET not in text
        assert str(settings.home) not in text


def test_a_new_library_has_diagnostics_too(settings: Settings) -> None:
    text = as_text(diagnose(settings, find_device()))
    assert "in use: none yet" in text
    assert "searches measured: by the running app only" in text
    assert "papers: 0" in text
