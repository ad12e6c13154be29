"""A retrain from beginning to end: judgements in, a model version with its proof out."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.people import for_everybody
from core.settings import MODELS_FOLDER, Settings
from core.types import Job, ModelState, ModelVersion
from indexer.encoder import Encoder, load_encoder, load_version
from indexer.ingest import embed_missing
from indexer.model_sources import fingerprint_folder
from storage import library, models
from storage.database import open_database, transaction
from storage.half_done import HALF_DONE, remove_half_done
from storage.progress import Progress
from storage.vectors import count_missing
from training.data.pairs import JudgedQuery, TrainingPair, make_pairs
from training.data.split import Split
from training.material import Material, gather_material
from training.model_card import write_model_card
from training.proof.cross_validation import prepare_folds
from training.proof.guard import GUARD_PASSAGES, build_guard_set, hold_guard
from training.proof.report import Trained, prove_version
from training.recipe.embedded_model import open_embedded_model
from training.recipe.live_curve import make_pool, make_teller
from training.recipe.settings import TrainingSettings, make_settings
from training.recipe.train import fine_tune
from training.recipe.warm_start import prepare_warm_start

# A curve that nothing is chosen by need not be exact: each point takes as long as embedding some passages a query.
_MOST_CURVE_QUERIES = 12


@for_everybody
def run_retrain(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Train, save, embed and compare a new version; `{"model_id": id}`.

    It becomes active by a switch, or at once where the recipe says so and the comparison recommends it. Where this
    fails or is stopped, nothing of it stays.
    """
    began = time.monotonic()
    recipe = make_settings(job.params)
    remove_half_done(settings)
    progress.report("preparing")
    material = gather_material(settings, recipe)
    encoder = load_version(material.base, settings.home)
    embed_missing(settings, encoder, material.base, progress)

    trained = _train(settings, recipe, material, encoder, progress)
    try:
        version = _save(settings, encoder, material)
        # Loaded anew, so that what is compared is what was saved.
        reloaded = load_encoder(version.source, settings.home)
        embed_missing(settings, reloaded, version, progress)
        report = prove_version(settings, material, trained, (version, reloaded), progress)
        report["seconds"] = round(time.monotonic() - began, 1)
        write_model_card(settings.home / version.source, version, material.base, report, reloaded.model.prompts)
        with open_database(settings.database) as db:
            finish_version(db, version, report, promote=recipe.promote, papers=material.papers)
    except BaseException:
        remove_half_done(settings)
        raise
    return {"model_id": version.id}


def finish_version(
    db: Database,
    version: ModelVersion,
    report: dict[str, Any],
    *,
    promote: bool,
    papers: frozenset[int] = frozenset(),
) -> None:
    """Make the version ready with its report; active too where `promote` is set and the report recommends it.

    Where papers have come in that it lacks, it waits for the user. Those of the `papers` it has learnt from that were
    removed, or made private, since it began are counted.
    """
    with transaction(db):
        models.set_model_ready(db, version.id, report)
        models.mark_of_removed(db, version.id, len(papers) - library.count_there(db, papers))
        if promote and report["recommended"] and not count_missing(db, version.id):
            models.activate_model(db, version.id)


def _train(
    settings: Settings, recipe: TrainingSettings, material: Material, encoder: Encoder, progress: Progress
) -> Trained:
    """Train the encoder in place, and see to it that it forgets nothing."""
    progress.report("preparing", item="the questions")
    start = open_embedded_model(settings, material.base, encoder)
    pool = make_pool(start, _queries_of_the_curve(material.split))
    pairs: Sequence[TrainingPair] = make_pairs(material.split.train, with_rejected=recipe.rejected_negatives)
    mined = start.mine(pairs, recipe.mined_negatives) if recipe.mined_negatives else None
    pairs = mined.pairs if mined else pairs
    progress.report("preparing", item="what must not be forgotten")
    guard = build_guard_set(start.sample(GUARD_PASSAGES, recipe.seed), recipe.seed)
    before = guard.score(encoder)
    folds = prepare_folds(start, material.split)
    progress.report("preparing", item="where to begin")
    # Last, because the start model's vectors are those of before the rotation.
    warm = prepare_warm_start(start, material.split.train, recipe)
    mapped = warm.begin(
        encoder, tell=lambda done, total: progress.report("choosing where to begin", done=done, total=total)
    )
    tell = make_teller(progress, material.describe_split())
    run = fine_tune(encoder, pairs, warm.recipe, pool.score if pool else None, tell, warm.weights)
    progress.report("checking what it has forgotten")
    result = hold_guard(encoder, warm.weights, run.start_weight, guard, before)
    return Trained(warm.recipe, run, result, mined.sentence if mined else None, mapped, start, warm, pairs, folds)


def _queries_of_the_curve(split: Split) -> Sequence[JudgedQuery]:
    """What the curve is scored on: the choosing queries, else a few held-out ones, never what is trained on."""
    if split.choose:
        return split.choose
    return () if split.folds else split.held_out[:_MOST_CURVE_QUERIES]


# --- the version -------------------------------------------------------------------------------


def _save(settings: Settings, encoder: Encoder, material: Material) -> ModelVersion:
    """The trained model as a folder and a row, PREPARING until it is proved."""
    half_done = settings.models / HALF_DONE
    encoder.model.save_pretrained(str(half_done), create_model_card=False)
    fingerprint = fingerprint_folder(half_done)
    with open_database(settings.database) as db:
        name = _next_name(settings.models, [version.name for version in models.list_models(db)])
        version = models.add_model(
            db,
            name=name,
            source=f"{MODELS_FOLDER}/{name}",
            dimension=encoder.dimension,
            window=encoder.window,
            fingerprint=fingerprint,
            parent_id=material.base.id,
            state=ModelState.PREPARING,
        )
    half_done.replace(settings.home / version.source)
    return version


def _next_name(folder: Path, names: list[str]) -> str:
    number = 1
    while f"v{number}" in names or (folder / f"v{number}").exists():
        number += 1
    return f"v{number}"
