"""A retrain from beginning to end: judgements in, a model version with its proof out."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.errors import LibraryError, TrainingError
from core.settings import MODELS_FOLDER, Settings
from core.types import Job, Judgement, ModelState, ModelVersion
from indexer.encoder import Encoder, fingerprint_folder, load_encoder, load_version
from indexer.ingest import embed_missing
from storage import judgements, models
from storage.database import open_database, transaction
from storage.progress import Progress
from storage.vectors import count_missing
from training.comparison import compare_versions, judge_versions
from training.cross_validation import CrossValidated, cross_validate, prepare_folds
from training.guard import GuardResult, build_guard_set, hold_guard
from training.live_curve import make_pool, make_teller
from training.model_card import write_model_card
from training.pairs import (
    MINIMUM_PAIRS,
    JudgedQuery,
    Split,
    TrainingPair,
    collect_queries,
    fold_query,
    make_pairs,
    queries_needed,
    split_queries,
)
from training.rotation import MINIMUM_PASSAGES, principal_rotation, rotate_model
from training.settings import TrainingSettings, make_settings
from training.start_model import open_start_model
from training.train import TrainingRun, copy_weights, fine_tune

_HALF_DONE = ".training"
# What made a version, for its card.
_LIBRARIES = ("sentence-transformers", "transformers", "torch")
# A curve that nothing is chosen by need not be exact: each point takes as long as embedding some passages a query.
_MOST_CURVE_QUERIES = 12
# Enough to find the guard's questions among.
_GUARD_PASSAGES = 400


@dataclass(frozen=True, slots=True)
class _Material:
    """What a retrain works from, taken once at its start."""

    base: ModelVersion
    split: Split
    contradictions: int
    judged_queries: int
    judgement_ids: tuple[int, ...]
    first_ranked_share: float

    def describe_split(self) -> dict[str, Any]:
        return {
            "train_queries": len(self.split.train),
            "train_pairs": sum(len(query.relevant) for query in self.split.train),
            "held_out_queries": len(self.split.held_out),
            "held_out_pairs": sum(len(query.relevant) for query in self.split.held_out),
            "choose_queries": len(self.split.choose),
            "chosen_on_held_out": self.split.chosen_on_held_out,
            "folds": len(self.split.folds),
            "contradictions": self.contradictions,
            "first_ranked_share": self.first_ranked_share,
        }


@dataclass(frozen=True, slots=True)
class _Trained:
    """How the training went; `mining` says what was mined, None where nothing was."""

    run: TrainingRun
    guard: GuardResult
    mining: str | None
    proof: CrossValidated | None


def run_retrain(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Train, save, embed and compare a new version; `{"model_id": id}`.

    It becomes active by a switch, or at once where the recipe says so and the comparison recommends it. Where this
    fails or is stopped, nothing of it stays.
    """
    began = time.monotonic()
    recipe = make_settings(job.params)
    remove_half_done(settings)
    progress.report("preparing")
    material = _gather(settings, recipe)
    encoder = load_version(material.base, settings.home)
    embed_missing(settings, encoder, material.base, progress)

    trained = _train(settings, recipe, material, encoder, progress)
    try:
        version = _save(settings, encoder, material)
        # Loaded anew, so that what is compared is what was saved.
        reloaded = load_encoder(version.source, settings.home)
        embed_missing(settings, reloaded, version, progress)
        report = _prove(settings, material, version, reloaded, recipe, trained, progress)
        report["seconds"] = round(time.monotonic() - began, 1)
        write_model_card(settings.home / version.source, version, material.base, report, reloaded.model.prompts)
        with open_database(settings.database) as db:
            finish_version(db, version, report, promote=recipe.promote)
    except BaseException:
        remove_half_done(settings)
        raise
    return {"model_id": version.id}


def finish_version(db: Database, version: ModelVersion, report: dict[str, Any], *, promote: bool) -> None:
    """Make the version ready with its report; active too where `promote` is set and the report recommends it.

    Where papers have come in that it lacks, it waits for the user.
    """
    with transaction(db):
        models.set_model_ready(db, version.id, report)
        if promote and report["recommended"] and not count_missing(db, version.id):
            models.activate_model(db, version.id)


def remove_half_done(settings: Settings) -> None:
    """Remove what a retrain that failed, was stopped or died has left: folder, version, vectors."""
    with open_database(settings.database) as db:
        for version in models.list_models(db):
            if version.state is ModelState.PREPARING:
                # The row last: it tells the next time what there still is to remove.
                shutil.rmtree(settings.home / version.source, ignore_errors=True)
                models.remove_model(db, version.id)
    shutil.rmtree(settings.models / _HALF_DONE, ignore_errors=True)


def _gather(settings: Settings, recipe: TrainingSettings) -> _Material:
    with open_database(settings.database) as db:
        base = models.version_or_active(db, recipe.base_model_id)
        judged = judgements.list_judgements(db)
        learnt = learnt_queries(db, base)
    if base is None:
        raise LibraryError("This library has no model yet. Add a paper first.")
    collected = collect_queries(judged)
    pairs = sum(len(query.relevant) for query in collected.queries)
    if pairs < MINIMUM_PAIRS or len(collected.queries) < 2:
        raise TrainingError(
            f"There are {pairs} approved passages for {len(collected.queries)} questions; "
            "training needs passages approved for at least 2 different questions."
        )
    split = split_queries(collected.queries, recipe.seed, learnt, choose=recipe.choose)
    used = tuple(judgement_id for query in collected.queries for judgement_id in query.judgement_ids)
    return _Material(
        base,
        split,
        len(collected.contradictions),
        len(collected.queries),
        used,
        first_ranked_share(judged, split.held_out, base),
    )


def first_ranked_share(judged: Sequence[Judgement], queries: Sequence[JudgedQuery], base: ModelVersion) -> float:
    """The share of the queries' approvals that were given to what the base had ranked first."""
    held_out = {number for query in queries for number in query.judgement_ids}
    approved = [one for one in judged if one.id in held_out and one.relevance == 1]
    return sum(one.rank == 1 and one.model_id == base.id for one in approved) / len(approved) if approved else 0.0


def learnt_queries(db: Database, version: ModelVersion | None) -> set[str]:
    """The words of every query that the version, or one it comes from, was trained on."""
    return {words for one in _line_of(db, version) for words in one.report.get("trained_on", ())}


def count_unseen_queries(db: Database, version: ModelVersion | None) -> int:
    """How many queries have approvals that no retrain on the way to the version has worked with."""
    used = {number for one in _line_of(db, version) for number in one.report.get("judgement_ids", ())}
    return judgements.count_judged_queries(db, beyond=used)


def _line_of(db: Database, version: ModelVersion | None) -> Iterator[ModelVersion]:
    """The version, the one it was trained from, and so on."""
    while version is not None:
        yield version
        version = models.get_model(db, version.parent_id) if version.parent_id is not None else None


def _train(
    settings: Settings, recipe: TrainingSettings, material: _Material, encoder: Encoder, progress: Progress
) -> _Trained:
    """Train the encoder in place, and see to it that it forgets nothing."""
    start = open_start_model(settings, material.base, encoder)
    pool = make_pool(start, _queries_of_the_curve(material.split))
    pairs: Sequence[TrainingPair] = make_pairs(material.split.train)
    mined = start.mine(pairs, recipe.mined_negatives) if recipe.mined_negatives else None
    pairs = mined.pairs if mined else pairs
    guard = build_guard_set(start.sample(_GUARD_PASSAGES, recipe.seed), recipe.seed)
    before = guard.score(encoder)
    folds = prepare_folds(start, material.split)
    # Last, because the start model's vectors are those of before the rotation.
    if recipe.rotate and len(start.ids) >= MINIMUM_PASSAGES:
        rotate_model(encoder.model, principal_rotation(start.vectors))
    weights = copy_weights(encoder.model.float())
    proof = cross_validate(settings, encoder, weights, pairs, folds, recipe, progress) if folds else None
    tell = make_teller(progress, material.describe_split())
    run = fine_tune(encoder, pairs, recipe, pool.score if pool else None, tell)
    progress.report("checking what it has forgotten")
    result = hold_guard(encoder, weights, run.start_weight, guard, before)
    return _Trained(run, result, mined.sentence if mined else None, proof)


def _queries_of_the_curve(split: Split) -> Sequence[JudgedQuery]:
    """What the curve is scored on: the choosing queries, else a few held-out ones, never what is trained on."""
    if split.choose:
        return split.choose
    return () if split.folds else split.held_out[:_MOST_CURVE_QUERIES]


# --- the version -------------------------------------------------------------------------------


def _save(settings: Settings, encoder: Encoder, material: _Material) -> ModelVersion:
    """The trained model as a folder and a row, PREPARING until it is proved."""
    half_done = settings.models / _HALF_DONE
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


def _prove(
    settings: Settings,
    material: _Material,
    version: ModelVersion,
    encoder: Encoder,
    recipe: TrainingSettings,
    trained: _Trained,
    progress: Progress,
) -> dict[str, Any]:
    """The report: both versions on the held-out queries over all passages."""
    progress.report("comparing", item=version.name)
    dimensions = recipe.dimensions(version.dimension)
    missing = queries_needed(material.judged_queries)
    guard = trained.guard.as_dict()
    if trained.proof is not None:
        report = judge_versions(trained.proof.queries, trained.proof.before, trained.proof.after, missing, guard)
    else:
        base = (material.base, load_version(material.base, settings.home))
        held_out = () if material.split.folds else material.split.held_out
        with open_database(settings.database) as db:
            _, report = compare_versions(db, held_out, base, (version, encoder), dimensions[1:], missing, guard)
    return {
        "settings": asdict(recipe),
        "split": material.describe_split(),
        "curve": trained.run.thin_curve(),
        "best_step": trained.run.best_step,
        "start_weight": trained.guard.start_weight,
        "mining": trained.mining,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "dimensions": list(dimensions),
        **report,
        "base_model_id": material.base.id,
        "judgement_ids": list(material.judgement_ids),
        "trained_on": [fold_query(query.text) for query in material.split.train],
        "chosen_on": [] if material.split.chosen_on_held_out else [fold_query(q.text) for q in material.split.choose],
    }
