"""Ask for a retrain: checked before it waits, so that what can't be done is told at once."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from core.errors import TrainingError
from core.types import Job, JobKind
from storage import judgements, models
from storage.database import transaction
from storage.jobs import add_job, open_jobs
from training.recipe.settings import PRESETS, TrainingSettings, make_settings, require_fitting

_FEWEST_QUESTIONS = 2


def make_recipe(preset: str, given: Mapping[str, Any]) -> TrainingSettings:
    """The preset with what is given in place of its own; None gives nothing. Raises TrainingError."""
    return make_settings(asdict(PRESETS.get(preset, PRESETS["default"])) | {"preset": preset} | _without_none(given))


def queue_retrain(db: Database, recipe: TrainingSettings, *, join: bool = False) -> Job:
    """The job of a retrain with this recipe; with `join` one that waits or runs already, where its recipe is the same.

    Raises TrainingError where another is under way or there is nothing to learn.
    """
    params = asdict(make_settings(asdict(recipe)))
    # A preset's dimensions are for any model: those above its own are left out.
    if recipe.matryoshka_dims != PRESETS[recipe.preset].matryoshka_dims:
        base = models.version_or_active(db, recipe.base_model_id)
        if base is not None:
            require_fitting(recipe.matryoshka_dims, base)
    # In one transaction with the look, or of two that are asked for at once the second would be taken for the first.
    with transaction(db):
        for job in open_jobs(db):
            if job.kind is JobKind.RETRAIN:
                if join and make_settings(job.params) == recipe:
                    return job
                raise TrainingError("Another retrain is under way. Stop it, or wait for its end, then try again.")
        if judgements.count_judged_queries(db) < _FEWEST_QUESTIONS:
            raise TrainingError(
                f"Approve passages for at least {_FEWEST_QUESTIONS} different questions first: they are what is learnt."
            )
        return add_job(db, JobKind.RETRAIN, params)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
