"""Retraining for real: a few steps, on the packaged model and on a small one of the seed's architecture."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sqlite_utils import Database

from core.errors import Cancelled, PromotionError
from core.settings import Settings
from core.types import Job, JobKind, JobState, ModelState, ModelVersion
from indexer.encoder import Encoder, load_encoder
from indexer.ingest import embed_missing
from indexer.start import ensure_active_model, register_encoder
from jobs.worker import run_or_wait
from search.searcher import Searcher, SearchRequest
from storage import jobs, library, models, vectors
from storage.judgements import store_judgement
from storage.progress import JobProgress
from tests.makers import store_paper
from tests.models import make_seed_like_model
from training.promotion import switch_now_or_later
from training.recipe.settings import PRESETS
from training.recipe.train import average_weights

SUBJECTS = ["gravity", "bread", "whales", "glass", "music", "iron", "maps", "tides"]
RECIPE = replace(PRESETS["default"], epochs=1, batch_size=4, matryoshka_dims=(64,))
FIXED_TEXTS = [f"fixed text number {n} about {subject}" for n, subject in enumerate([*SUBJECTS, "rain", "chess"])]

pytestmark = pytest.mark.slow


def fill_library(db: Database) -> None:
    """A paper with two passages a subject, and for each subject a question and its answer."""
    texts = [f"{subject} is explained here in some words." for subject in SUBJECTS]
    others = [f"people have long wondered about {subject}." for subject in SUBJECTS]
    paper = store_paper(db, "aa", texts + others)
    chunks = library.chunks_of_document(db, paper.id)
    for number, subject in enumerate(SUBJECTS):
        store_judgement(db, f"what is {subject}?", chunks[number].id, 1)
        store_judgement(db, f"what is {subject}?", chunks[len(SUBJECTS) + number].id, 0)


def start(settings: Settings, db: Database, source: str = "auto") -> ModelVersion:
    version = ensure_active_model(replace(settings, model=source)).version
    fill_library(db)
    return version


def retrain(settings: Settings, db: Database, recipe: object = RECIPE) -> Job:
    return run_or_wait(settings, jobs.add_job(db, JobKind.RETRAIN, asdict(recipe)))  # type: ignore[call-overload]


@pytest.fixture(params=["packaged-minilm", "seed-like"])
def base(request: pytest.FixtureRequest, settings: Settings, db: Database, tmp_path: Path) -> ModelVersion:
    if request.param == "packaged-minilm":
        return start(settings, db)
    make_seed_like_model(tmp_path / "seed-like")
    return start(settings, db, str(tmp_path / "seed-like"))


def test_the_loop_from_judgements_to_a_switch_and_back(settings: Settings, db: Database, base: ModelVersion) -> None:
    embed_missing(settings, load_encoder(base.source, settings.home), base, _job_progress(settings, db))
    searcher = Searcher(settings)
    before = searcher.search(SearchRequest("what is gravity?", k=5))

    job = retrain(settings, db)
    assert (job.state, job.reason) == (JobState.DONE, None)
    version = models.get_model(db, job.result["model_id"])
    assert (version.name, version.parent_id, version.state) == ("v1", base.id, ModelState.READY)
    assert models.active_model(db) == base

    report = version.report
    assert report["dimensions"] == [base.dimension, 64]
    assert report["split"]["train_queries"] + report["split"]["held_out_queries"] == len(SUBJECTS)
    assert report["split"]["held_out_queries"] == 2
    for scores in (report["before"], report["after"]):
        assert set(scores) == {str(base.dimension), "64"}
        assert scores["64"]["queries"] == 2
        assert all(0 <= scores["64"][name] <= 1 for name in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10"))
    steps = [point["step"] for point in report["curve"]]
    assert steps == sorted(steps)
    assert steps[-1] == report["curve"][-1]["step"] > 0
    assert all(point["loss"] is not None for point in report["curve"][1:])

    assert switch_now_or_later(settings, {"model_id": version.id}) is None
    after = searcher.search(SearchRequest("what is gravity?", k=5))
    assert after.model.id == version.id
    assert [hit.score for hit in after.hits] != [hit.score for hit in before.hits]

    added = store_paper(db, "bb", ["a paper on volcanoes came in meanwhile."])
    embed_missing(settings, load_encoder(version.source, settings.home), version, _job_progress(settings, db))
    undo = switch_now_or_later(settings, {"undo": True})
    assert undo is not None
    assert run_or_wait(settings, undo).state is JobState.DONE
    back = searcher.search(SearchRequest("a paper on volcanoes", k=20))
    assert back.model.id == base.id
    assert added.id in {hit.chunk.document_id for hit in back.hits}
    again = searcher.search(SearchRequest("what is gravity?", k=5))
    kept = [hit for hit in again.hits if hit.chunk.document_id != added.id]
    assert [hit.chunk.id for hit in kept] == [hit.chunk.id for hit in before.hits][: len(kept)]


def test_the_saved_folder_loads_anywhere_and_gives_the_same_vectors(
    settings: Settings, db: Database, base: ModelVersion
) -> None:
    job = retrain(settings, db)
    version = models.get_model(db, job.result["model_id"])
    folder = settings.home / version.source
    ours = load_encoder(version.source, settings.home)
    plain = SentenceTransformer(str(folder))
    normalised = {"normalize_embeddings": True, "show_progress_bar": False}
    np.testing.assert_allclose(
        ours.encode_passages(FIXED_TEXTS), plain.encode_document(FIXED_TEXTS, **normalised), atol=1e-5
    )
    np.testing.assert_allclose(
        ours.encode_queries(FIXED_TEXTS), plain.encode_query(FIXED_TEXTS, **normalised), atol=1e-5
    )
    assert plain.prompts == ours.model.prompts == load_encoder(base.source, settings.home).model.prompts
    assert plain.max_seq_length == base.window
    stored = vectors.vectors_of_chunks(db, version.id, [1, 2], version.dimension)
    texts = [library.get_chunk(db, chunk).text for chunk in (1, 2)]
    np.testing.assert_allclose(stored, ours.encode_passages(texts), atol=1e-5)
    card = (folder / "README.md").read_text()
    assert version.report["decision"] in card
    assert f"| {base.dimension} |" in card


def test_a_model_in_memory_and_on_disk_are_the_same_to_the_vectors(minilm: Encoder, tmp_path: Path) -> None:
    minilm.model.save_pretrained(str(tmp_path / "copy"))
    copy = load_encoder(str(tmp_path / "copy"), tmp_path)
    np.testing.assert_allclose(copy.encode_queries(FIXED_TEXTS), minilm.encode_queries(FIXED_TEXTS), atol=1e-5)


def test_a_stopped_retrain_leaves_no_trace(settings: Settings, db: Database) -> None:
    base = start(settings, db)

    class Stopping(JobProgress):
        def report(self, step: str, **amount: object) -> None:  # type: ignore[override]
            super().report(step, **amount)  # type: ignore[arg-type]
            if step == self.stop_at:
                raise Cancelled("Stopped.")

    from training.retrain import run_retrain

    for stop_at in ("training", "comparing"):
        job = jobs.add_job(db, JobKind.RETRAIN, asdict(RECIPE))
        progress = Stopping(settings.database, job.id)
        progress.stop_at = stop_at  # type: ignore[attr-defined]
        with pytest.raises(Cancelled):
            run_retrain(settings, job, progress)
        jobs.finish_job(db, job.id, JobState.CANCELLED)
        assert [version.id for version in models.list_models(db)] == [base.id]
        assert list(settings.models.iterdir()) == []
        assert {row["model_id"] for row in db["embeddings"].rows} == {base.id}


def test_what_a_killed_retrain_left_is_removed_by_the_next(settings: Settings, db: Database) -> None:
    start(settings, db)
    (settings.models / ".training").mkdir()
    (settings.models / "v1").mkdir()
    models.add_model(
        db,
        name="v1",
        source="models/v1",
        dimension=384,
        window=256,
        fingerprint="half",
        parent_id=1,
        state=ModelState.PREPARING,
    )
    job = retrain(settings, db)
    assert (job.state, job.reason) == (JobState.DONE, None)
    assert [version.name for version in models.list_models(db)] == ["all-MiniLM-L6-v2 (packaged)", "v1"]
    assert [path.name for path in settings.models.iterdir()] == ["v1"]


def test_too_little_to_learn_from_is_one_sentence(settings: Settings, db: Database) -> None:
    ensure_active_model(settings)
    paper = store_paper(db, "aa", ["one", "two"])
    for chunk in library.chunks_of_document(db, paper.id):
        store_judgement(db, "the only question", chunk.id, 1)
    job = retrain(settings, db)
    assert job.state is JobState.FAILED
    assert "at least 2 different questions" in (job.reason or "")


def test_pairs_that_exclude_one_another_are_one_sentence(settings: Settings, db: Database) -> None:
    ensure_active_model(settings)
    (chunk,) = library.chunks_of_document(db, store_paper(db, "aa", ["one"]).id)
    for number in range(4):
        store_judgement(db, f"question {number}", chunk.id, 1)
    job = retrain(settings, db)
    assert job.state is JobState.FAILED
    assert "different passages" in (job.reason or "")


def test_a_version_whose_files_changed_is_not_switched_to(settings: Settings, db: Database) -> None:
    start(settings, db)
    version = models.get_model(db, retrain(settings, db).result["model_id"])
    (settings.home / version.source / "config.json").write_text("{}")
    job = switch_now_or_later(settings, {"model_id": version.id})
    assert job is not None
    done = run_or_wait(settings, job)
    assert done.state is JobState.FAILED
    active = models.active_model(db)
    assert active is not None
    assert active.id == version.parent_id


def test_there_is_nothing_to_undo_at_first(settings: Settings, db: Database) -> None:
    start(settings, db)
    with pytest.raises(PromotionError, match="no earlier model"):
        switch_now_or_later(settings, {"undo": True})


def test_weights_are_averaged_by_the_start_models_share() -> None:
    trained, first = {"w": torch.tensor([4.0]), "n": torch.tensor([7])}, {"w": torch.zeros(1), "n": torch.tensor([1])}
    averaged = average_weights(trained, first, 0.25)
    assert averaged["w"].item() == 3.0
    assert averaged["n"].item() == 7


def _job_progress(settings: Settings, db: Database) -> JobProgress:
    return JobProgress(settings.database, jobs.add_job(db, JobKind.INGEST).id)


def test_an_undo_that_is_run_twice_goes_back_once(settings: Settings, db: Database) -> None:
    ensure_active_model(settings)
    for name in ("one", "two"):
        load_encoder("packaged-minilm", settings.home).model.save_pretrained(str(settings.models / name))
        switch = switch_now_or_later(settings, {"source": str(settings.models / name)})
        assert switch is not None
        assert run_or_wait(settings, switch).state is JobState.DONE
    before = models.previous_model(db)
    assert before is not None
    store_paper(db, "aa", ["a paper that the earlier model lacks."])
    undo = switch_now_or_later(settings, {"undo": True})
    assert undo is not None
    assert run_or_wait(settings, undo).state is JobState.DONE
    db["jobs"].update(undo.id, {"state": "queued"})
    assert run_or_wait(settings, undo).state is JobState.DONE
    assert models.active_model(db) == before


def test_switches_come_one_after_the_other_and_an_undo_goes_where_it_was_meant_to(
    settings: Settings, db: Database
) -> None:
    first = start(settings, db)
    embed_missing(settings, load_encoder(first.source, settings.home), first, _job_progress(settings, db))
    others = []
    for name in ("second", "third"):
        make_seed_like_model(settings.home / "bases" / name, seed=len(name))
        encoder = load_encoder(f"bases/{name}", settings.home)
        others.append(register_encoder(db, f"bases/{name}", encoder))
        embed_missing(settings, encoder, others[-1], _job_progress(settings, db))
        models.activate_model(db, others[-1].id)
    db.conn.execute(
        "DELETE FROM embeddings WHERE id = (SELECT max(id) FROM embeddings WHERE model_id = ?)", [others[0].id]
    )
    db.conn.commit()
    undo = switch_now_or_later(settings, {"undo": True})
    assert undo is not None
    with pytest.raises(PromotionError, match="Another switch of models is under way"):
        switch_now_or_later(settings, {"model_id": first.id})
    assert run_or_wait(settings, undo).state is JobState.DONE
    assert models.active_model(db) == others[0]
