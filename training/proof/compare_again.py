"""Compare a version with its base once more: after more was judged, blind perhaps, or after an import."""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from core.errors import TrainingError
from core.people import for_everybody
from core.settings import Settings
from core.types import Job, JobKind, ModelVersion
from indexer.encoder import Encoder, load_version
from indexer.ingest import embed_missing
from storage import judgements, models
from storage.database import now, open_database
from storage.jobs import add_job
from storage.progress import Progress
from training.data.lineage import chosen_by, learnt_by
from training.data.pairs import collect_queries, queries_needed
from training.data.split import untouched_queries
from training.material import first_ranked_share
from training.model_card import write_model_card
from training.proof.comparison import compare_versions
from training.proof.guard import GUARD_PASSAGES, GuardResult, build_guard_set
from training.proof.verdict import Shortage
from training.recipe.embedded_model import open_embedded_model
from training.recipe.settings import TrainingSettings


def queue_comparison(db: Database, model_id: int) -> Job:
    """The job that compares this version. Raises TrainingError while another version is being compared."""
    job = add_job(db, JobKind.COMPARE, {"model_id": models.get_model(db, model_id).id})
    if job.params != {"model_id": model_id}:
        raise TrainingError("Another version is being compared. Wait for its end, then try again.")
    return job


@for_everybody
def run_comparison(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Score the version `job.params["model_id"]` and its base on every judged query neither has learnt from.

    Its base is what it was trained from, or for an imported one the active model. The version's report is brought up
    to date, and its card; `{"model_id": id}`. A version that was cross-validated on more queries than there are new
    ones keeps that verdict, and the new one stands beside it.
    """
    progress.report("preparing")
    with open_database(settings.database) as db:
        version = models.get_model(db, int(job.params["model_id"]))
        base = _base_of(db, version)
        judged = judgements.list_judgements(db)
        touched = learnt_by(db, version) | learnt_by(db, base) | chosen_by(db, version)
    collected = collect_queries(judged).queries
    queries = untouched_queries(collected, touched)
    if not collected:
        raise TrainingError("No question is judged in this library yet. Approve passages, then compare again.")
    if not queries:
        raise TrainingError(
            f"'{version.name}' or '{base.name}' has learnt from every question that is judged. "
            "Judge passages for new questions, then compare again."
        )
    encoders = []
    for one in (base, version):
        encoders.append(load_version(one, settings.home))
        embed_missing(settings, encoders[-1], one, progress)
    # What was found beside another model tells nothing of this one.
    same_base = version.report.get("base_model_id") == base.id
    guard = (version.report.get("guard") if same_base else None) or _check_guard(settings, base, encoders, progress)
    progress.report("comparing", item=version.name)
    cuts = [dimension for dimension in _cuts_of(version) if dimension < base.dimension]
    # What was trained here is proved by all that is judged here; what was not, by what it is compared on alone.
    shortage = Shortage(queries_needed(len(queries if version.parent_id is None else collected)))
    with open_database(settings.database) as db:
        kept, report = compare_versions(db, queries, (base, encoders[0]), (version, encoders[1]), cuts, shortage, guard)
        if not kept:
            raise TrainingError(
                f"No paper that answers a question new to '{version.name}' is in the library any more. "
                "Judge passages for other questions, then compare again."
            )
        facts = {
            "dimensions": [version.dimension, *cuts],
            "base_model_id": base.id,
            "first_ranked_share": first_ranked_share(judged, kept, base),
        }
        updated = _update(models.get_model(db, version.id).report, report, facts)
        models.set_report(db, version.id, updated)
    if "settings" in updated:
        write_model_card(settings.home / version.source, version, base, updated, encoders[1].model.prompts)
    return {"model_id": version.id}


def _update(earlier: dict[str, Any], report: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The version's report with the new comparison in it."""
    split, asked = earlier.get("split", {"chosen_on_held_out": False}), len(report["queries"])
    if split.get("folds") and asked < split["held_out_queries"]:
        return earlier | {"since": {"queries": asked, "decision": report["decision"], "compared_at": now()}}
    share = facts.pop("first_ranked_share")
    split = split | {"held_out_queries": asked, "first_ranked_share": share, "folds": 0}
    # What told of the earlier comparison only.
    kept = {name: value for name, value in earlier.items() if name not in ("since", "ranked_passages")}
    return kept | report | facts | {"split": split, "compared_at": now()}


def _check_guard(
    settings: Settings, base: ModelVersion, encoders: Sequence[Encoder], progress: Progress
) -> dict[str, Any]:
    """What the version has forgotten beside the base, for one that was not trained here."""
    progress.report("checking what it has forgotten")
    guard = build_guard_set(open_embedded_model(settings, base, encoders[0]).sample(GUARD_PASSAGES, 0))
    before, after = (guard.score(encoder) for encoder in encoders)
    return GuardResult(before, after, guard.sizes, 0.0).as_dict()


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
