"""Whether a trained version is better than the model it started from: its report, with verdict and evidence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any

from core.settings import Settings
from core.types import ModelVersion
from indexer.encoder import Encoder, load_version
from storage.database import open_database
from storage.progress import Progress
from training.data.connected import Learnt
from training.data.lineage import describe_learnt
from training.data.pairs import TrainingPair, fold_query
from training.material import Material
from training.proof.comparison import compare_versions, judge_versions
from training.proof.cross_validation import Contest, Fold, cross_validate
from training.proof.guard import GuardResult
from training.recipe.embedded_model import EmbeddedModel, open_embedded_model
from training.recipe.settings import TrainingSettings
from training.recipe.train import TrainingRun
from training.recipe.warm_start import WarmStart

# What made a version, for its card.
_LIBRARIES = ("sentence-transformers", "transformers", "torch")


Candidate = tuple[ModelVersion, Encoder]


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training went, and what it began with, for its proof.

    `mining` says what was mined, None where nothing was; `mapped` whether it began with a linear map; `start` is the
    model before anything was done to it, `warm` what the training began with.
    """

    recipe: TrainingSettings
    run: TrainingRun
    guard: GuardResult
    mining: str | None
    mapped: bool
    start: EmbeddedModel
    warm: WarmStart
    pairs: Sequence[TrainingPair]
    folds: Sequence[Fold]


def prove_version(
    settings: Settings, material: Material, trained: Trained, candidate: Candidate, progress: Progress
) -> dict[str, Any]:
    """The report of the candidate, whose vectors of all passages must be stored."""
    version, recipe, split = candidate[0], trained.recipe, material.split
    return {
        "settings": asdict(recipe),
        "split": material.describe_split(),
        "curve": trained.run.thin_curve(),
        "best_step": trained.run.best_step,
        "start_weight": trained.guard.start_weight,
        "rotated": trained.warm.rotated,
        "mapped": trained.mapped,
        "mining": trained.mining,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "dimensions": list(recipe.dimensions(version.dimension)),
        **_compare(settings, material, trained, candidate, progress),
        "base_model_id": material.base.id,
        "judgement_ids": list(material.judgement_ids),
        **describe_learnt(Learnt.of(split.train)),
        "chosen_on": [] if split.chosen_on_held_out else [fold_query(query.text) for query in split.choose],
    }


def _compare(
    settings: Settings, material: Material, trained: Trained, candidate: Candidate, progress: Progress
) -> dict[str, Any]:
    """Verdict and scores of both versions on the held-out queries, or by cross-validation where there are folds."""
    guard, version = trained.guard.as_dict(), candidate[0]
    progress.report("comparing", item=version.name)
    if trained.folds:
        contest = Contest(trained.start, trained.folds, open_embedded_model(settings, *candidate))
        # The folds' models are averaged with the start as the version is, after the guard's remedy too.
        recipe = replace(trained.recipe, start_weights=(trained.guard.start_weight,))
        proof = cross_validate(settings, contest, trained.warm, trained.pairs, recipe, progress)
        if proof is not None:
            report = judge_versions(proof.queries, proof.before, proof.after, material.shortage, guard)
            return report | {"ranked_passages": proof.passages}
    base = (material.base, load_version(material.base, settings.home))
    held_out = () if trained.folds else material.split.held_out
    cuts = trained.recipe.dimensions(version.dimension)[1:]
    with open_database(settings.database) as db:
        return compare_versions(db, held_out, base, candidate, cuts, material.shortage, guard)[1]
