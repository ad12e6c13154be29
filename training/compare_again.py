"""Compare a version with its base once more: after more was judged, blind perhaps, or after an import."""

from typing import Any

from sqlite_utils import Database

from core.errors import TrainingError
from core.settings import Settings
from core.types import Job, JobKind, ModelVersion
from indexer.encoder import load_version
from indexer.ingest import embed_missing
from storage import judgements, models
from storage.database import now, open_database
from storage.jobs import add_job
from storage.progress import Progress
from training.comparison import compare_versions
from training.pairs import collect_queries, queries_needed, untouched_queries
from training.retrain import first_ranked_share, learnt_queries
from training.settings import TrainingSettings


def queue_comparison(db: Database, model_id: int) -> Job:
    """The job that compares this version. Raises TrainingError while another version is being compared."""
    job = add_job(db, JobKind.COMPARE, {"model_id": models.get_model(db, model_id).id})
    if job.params != {"model_id": model_id}:
        raise TrainingError("Another version is being compared. Wait for its end, then try again.")
    return job


def run_comparison(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Score the version `job.params["model_id"]` and its base on every judged query neither has learnt from.

    Its base is what it was trained from, or for an imported one the active model. The version's report is brought up
    to date; `{"model_id": id}`.
    """
    progress.report("preparing")
    with open_database(settings.database) as db:
        version = models.get_model(db, int(job.params["model_id"]))
        base = _base_of(db, version)
        judged = judgements.list_judgements(db)
        collected = collect_queries(judged)
        touched = learnt_queries(db, version) | learnt_queries(db, base) | set(version.report.get("chosen_on", ()))
    queries = untouched_queries(collected.queries, touched)
    if not queries:
        raise TrainingError(
            f"'{version.name}' or '{base.name}' has learnt from every question that is judged. "
            "Judge passages for new questions, then compare again."
        )
    encoders = []
    for one in (base, version):
        encoders.append(load_version(one, settings.home))
        embed_missing(settings, encoders[-1], one, progress)
    progress.report("comparing", item=version.name)
    cuts = [dimension for dimension in _cuts_of(version) if dimension < base.dimension]
    missing, guard = queries_needed(len(collected.queries)), version.report.get("guard")
    with open_database(settings.database) as db:
        kept, report = compare_versions(db, queries, (base, encoders[0]), (version, encoders[1]), cuts, missing, guard)
        split = {"held_out_queries": len(kept), "first_ranked_share": first_ranked_share(judged, kept, base)}
        earlier = models.get_model(db, version.id).report
        facts = {
            "split": earlier.get("split", {"chosen_on_held_out": False}) | split,
            "dimensions": [version.dimension, *cuts],
            "base_model_id": base.id,
            "compared_at": now(),
        }
        models.set_report(db, version.id, earlier | report | facts)
    return {"model_id": version.id}


def _cuts_of(version: ModelVersion) -> tuple[int, ...]:
    """The dimensions its vectors may be cut to, largest first."""
    known = version.report.get("dimensions")
    return tuple(known[1:]) if known else TrainingSettings().dimensions(version.dimension)[1:]


def _base_of(db: Database, version: ModelVersion) -> ModelVersion:
    base = models.get_model(db, version.parent_id) if version.parent_id is not None else models.active_model(db)
    if base is None or base.id == version.id:
        raise TrainingError(
            f"'{version.name}' answers now and was not trained here: there is nothing to compare it with."
        )
    return base
