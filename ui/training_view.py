"""What the Training tab shows: the verdict and its evidence, the models, the judged passages."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlite_utils import Database

from api.services import Services
from core.cli import count
from core.people import for_everybody
from core.settings import MODELS_FOLDER
from core.types import Job, JobKind, Judgement, ModelState, ModelVersion, StoredChunk
from storage import jobs, judgements, library, models
from storage.database import open_database
from training.data.agreement import agree
from training.data.coverage import measure_coverage
from training.data.lineage import count_unseen_queries, learnt_from_removed
from training.data.pairs import find_contradictions, queries_needed
from training.proof.verdict import Outcome, Shortage
from ui.charts import draw_curve, draw_frame
from ui.coverage_chart import draw_coverage
from ui.job_line import current_job, render_job
from ui.paired_dots import draw_interval, draw_pair, draw_still
from ui.render import render

MEASURES = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
    "judged@10": "Judged@10",
}
_DECIDES = "ndcg@10"
_SCORE = "nDCG@10 while training"
_MOST_PAIRS_SHOWN = 500
# Fewer new questions decide nothing: what a retrain has learnt from no longer counts.
_WORTH_A_RETRAIN = 8
_RANKS_SHOWN = 5
_CONTRADICTIONS = "contradictions only"
SORTS = ("newest first", "oldest first", "by question", "by paper", "by verdict", _CONTRADICTIONS)


@for_everybody
def render_training(services: Services) -> str:
    with open_database(services.settings.database) as db:
        active, previous = models.active_model(db), models.previous_model(db)
        versions = {version.id: version for version in models.list_models(db)}
        counts, judged = judgements.count_judgements(db), judgements.count_judged_queries(db)
        job = current_job(db, JobKind.RETRAIN)
        switching = current_job(db, JobKind.SWITCH)
        unseen = count_unseen_queries(db, active)
        retraining = job is not None and job.open
        trained = [v for v in versions.values() if v.state is ModelState.READY and "decision" in v.report]
        work = render_job(db, job) + render_job(db, current_job(db, JobKind.COMPARE))
        shown = trained[-1] if trained else None
        moved = _moved_queries(db, shown.report) if shown is not None else []
        coverage = draw_coverage(measure_coverage(judgements.list_judgements(db), _tops(db, active)))
        candidate = shown if shown is not None and (active is None or shown.id != active.id) else None
        judged_since = count_unseen_queries(db, candidate) if candidate is not None else 0
    busy = switching is not None and switching.open
    return render(
        "training.html",
        decision=_decision(active, candidate, judged, unseen, judged_since, retraining=retraining),
        next_step=None if retraining else _next_step(candidate),
        candidate=None if busy else candidate,
        previous=None if busy else previous,
        approved=counts[1],
        rejected=counts[0],
        judged_queries=judged,
        needed=queries_needed(judged),
        job=work,
        report=shown.report if shown else None,
        shown=shown,
        base_name=_base_name(shown, versions),
        measures=_telling_measures(shown),
        alike=_alike_measures(shown),
        enough=shown is not None and queries_needed(_queries_of(shown)) == 0,
        moved=moved,
        live=_live_charts(job),
        charts=_kept_charts(shown),
        coverage=coverage,
        **_standing_still(shown),
    )


def _tops(db: Database, active: ModelVersion | None) -> dict[str, list[int]]:
    """The ten best passages of judged questions, as the last look for what to judge found them with this model."""
    last = jobs.last_job(db, JobKind.PROPOSE)
    if last is None or active is None or last.result.get("model_id") != active.id:
        return {}
    texts = dict(db.conn.execute("SELECT id, text FROM queries").fetchall())
    return {texts[int(key)]: top for key, top in last.result["tops"].items() if int(key) in texts}


def render_models(services: Services) -> str:
    with open_database(services.settings.database) as db:
        versions, active = models.list_models(db), models.active_model(db)
        against = models.promoted_against_advice(db)
        job = render_job(db, current_job(db, JobKind.SWITCH))
        of_removed = {version.id for version in versions if learnt_from_removed(db, version)}
    names = {version.id: version.name for version in versions}
    rows = [
        {
            "version": version,
            "active": active is not None and version.id == active.id,
            "parent": names.get(version.parent_id) if version.parent_id else None,
            "score": _held_out_score(version),
            "against_advice": version.id in against,
            "of_removed": version.id in of_removed,
            "kept_here": version.source.startswith(f"{MODELS_FOLDER}/"),
        }
        for version in versions
    ]
    note = f"At the start: {services.start_note}. Index on {services.device.name}: {services.device.why}."
    return render("models.html", rows=rows, job=job, note=note)


def render_pairs(services: Services, words: str | None, order: str) -> str:
    """The judgements that have all these words, in this order; Gradio sends None for a field not yet shown."""
    with open_database(services.settings.database) as db:
        judged = judgements.list_judgements(db)
    agreed = agree(judged)
    contradicting = {number for found in find_contradictions(agreed.judgements) for number in found.judgement_ids}
    disputed = {number for ids in agreed.disagreements for number in ids}
    if order == _CONTRADICTIONS:
        judged = [one for one in judged if one.id in contradicting | disputed]
    wanted = (words or "").casefold().split()
    matching = [
        j for j in judged if all(w in f"{j.query} {j.text} {j.document} {j.judge or ''}".casefold() for w in wanted)
    ]
    found = _in_order(matching, order)[:_MOST_PAIRS_SHOWN]
    named = any(judgement.judge for judgement in judged)
    return render(
        "pairs.html",
        pairs=found,
        shown=len(found),
        total=len(judged),
        contradicting=contradicting,
        disputed=disputed,
        disagreements=len(agreed.disagreements),
        named=named,
        withdrawable={one.id for one in found if judgements.may_withdraw(one.giver)},
    )


def _in_order(judged: Sequence[Judgement], order: str) -> list[Judgement]:
    keys = {
        "by question": lambda j: (j.query.casefold(), j.id),
        "by paper": lambda j: (j.document.casefold(), j.page, j.id),
        "by verdict": lambda j: (-j.relevance, j.id),
    }
    if order in keys:
        return sorted(judged, key=keys[order])
    return list(judged) if order == "oldest first" else list(reversed(judged))


def _decision(
    active: ModelVersion | None,
    candidate: ModelVersion | None,
    judged: int,
    unseen: int,
    judged_since: int,
    *,
    retraining: bool,
) -> str:
    """`unseen` and `judged_since` are the questions that the active model and the candidate have had no part of."""
    answers = f"{active.name} answers now." if active else "No model is loaded yet."
    if retraining:
        return f"{answers} A new version learns from what you have judged; ask and judge meanwhile as you like."
    if candidate is not None:
        return f"{answers} {candidate.name} is ready. {_verdict_today(candidate, judged, judged_since)}"
    if judged < 2:
        return f"{answers} Approve passages on the Search tab; from 2 judged questions on, you can retrain."
    if unseen == 0:
        known = f"All {judged} questions you have judged are in it, to learn from or to test it."
        return f"{answers} {known} Judge more before you retrain."
    if unseen < judged:
        return (
            f"{answers} {unseen} of the {judged} questions you have judged are new to it: retrain when they are many."
        )
    return f"{answers} Retrain to learn from the {judged} questions you have judged."


def _verdict_today(candidate: ModelVersion, judged: int, judged_since: int) -> str:
    """Its verdict, and what is judged since; it asks for what is still needed of what it needed then."""
    verdict = str(candidate.report["decision"])
    if not judged_since:
        return verdict
    asked_for = Shortage(queries_needed(_queries_of(candidate))).sentence
    if asked_for:
        verdict = verdict.replace(asked_for, Shortage(queries_needed(judged)).sentence)
    since = f"{count(judged_since, 'question')} {'is' if judged_since == 1 else 'are'} judged since"
    worth_while = ": retrain to learn from them" if judged_since >= _WORTH_A_RETRAIN else ""
    return f"{verdict} {since}{worth_while}."


def _next_step(candidate: ModelVersion | None) -> str | None:
    """What more judging would bring, where a change could not be told from chance."""
    if candidate is None or candidate.report.get("outcome") != Outcome.NO_DIFFERENCE:
        return None
    low, high = candidate.report["interval"]
    held_out = count(candidate.report["split"]["held_out_queries"], "question")
    return (
        f"On {held_out}, only a change of about {(high - low) / 2:.2f} or more could be told from chance. "
        "Judge more questions and retrain: the more there are, the smaller the change that can be told."
    )


def _queries_of(trained: ModelVersion) -> int:
    """How many judged queries there were at its retrain."""
    split = trained.report["split"]
    chosen_on_apart = 0 if split["chosen_on_held_out"] else split.get("choose_queries", 0)
    # Cross-validated, the held-out ones are trained on in the end.
    held_out_apart = 0 if split.get("folds") else split["held_out_queries"]
    return split.get("train_queries", 0) + held_out_apart + chosen_on_apart


@dataclass(frozen=True, slots=True)
class _MovedQuery:
    """A held-out query whose nDCG@10 changed, with the best passages of both versions side by side."""

    text: str
    before: float
    after: float
    dots: Markup
    rankings: list[tuple["_Ranked | None", "_Ranked | None"]]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A passage in a ranking: its paper, its page, its text, and whether it was approved for the query."""

    document: str
    page: int
    text: str
    relevant: bool


def _moved_queries(db: Database, report: Mapping[str, Any]) -> list[_MovedQuery]:
    """Largest changes first, whichever way. Versions of before this was kept have none."""
    kept = [row for row in report.get("queries", ()) if _change(row)]
    ids = {chunk for row in kept for side in ("before", "after") for chunk in row[side]["top"][:_RANKS_SHOWN]}
    chunks = library.chunks_by_id(db, sorted(ids))
    moved = []
    for row in sorted(kept, key=lambda row: -abs(_change(row))):
        sides = [
            [_ranked(chunks.get(chunk), chunk in row["relevant"]) for chunk in row[side]["top"][:_RANKS_SHOWN]]
            for side in ("before", "after")
        ]
        rankings = list(itertools.zip_longest(sides[0], sides[1]))
        before, after = row["before"]["ndcg@10"], row["after"]["ndcg@10"]
        moved.append(_MovedQuery(row["query"], before, after, draw_pair(before, after), rankings))
    return moved


def _alike_measures(shown: ModelVersion | None) -> dict[str, float]:
    """The measures with one value for both versions at every dimension, by their names: a sentence tells them all."""
    if shown is None or not shown.report["split"]["held_out_queries"]:
        return {}
    sides = [scores for side in ("before", "after") for scores in shown.report[side].values()]
    values = {name: {round(one[name], 3) for one in sides} for name in MEASURES if all(name in one for one in sides)}
    return {MEASURES[name]: min(found) for name, found in values.items() if len(found) == 1 and name != _DECIDES}


def _telling_measures(shown: ModelVersion | None) -> dict[str, str]:
    """The others, as far as the version has them: versions of before a measure was kept have none of it."""
    alike = _alike_measures(shown)
    kept = {name for scores in shown.report["after"].values() for name in scores} if shown is not None else set()
    return {name: label for name, label in MEASURES.items() if label not in alike and name in kept}


def _standing_still(shown: ModelVersion | None) -> dict[str, Any]:
    """The questions that did not move, by their scores, and the mean change of all with its interval."""
    report = shown.report if shown is not None else {}
    rows = report.get("queries", ())
    still = [row["after"]["ndcg@10"] for row in rows if not _change(row)]
    before, after = ([row[side]["ndcg@10"] for row in rows] for side in ("before", "after"))
    return {
        "still": still,
        "still_dots": draw_still(still),
        "interval": draw_interval(before, after, report.get("interval")),
    }


def _change(row: Mapping[str, Any]) -> float:
    return round(row["after"]["ndcg@10"] - row["before"]["ndcg@10"], 4)


def _ranked(chunk: StoredChunk | None, relevant: bool) -> _Ranked | None:
    return None if chunk is None else _Ranked(chunk.document, chunk.page, chunk.text, relevant)


def _base_name(shown: ModelVersion | None, versions: dict[int, ModelVersion]) -> str:
    base = versions.get(shown.report["base_model_id"]) if shown is not None else None
    return base.name if base is not None else "its base"


def _held_out_score(version: ModelVersion) -> str:
    after = version.report.get("after", {}).get(str(version.dimension))
    if not after or not after["queries"]:
        return ""
    before = version.report["before"][str(version.dimension)]
    return f"{after['ndcg@10']:.3f} (base {before['ndcg@10']:.3f}, n = {after['queries']})"


def _live_charts(job: Job | None) -> Markup:
    """The curves of the retrain that runs, beside each other from its start, so that nothing moves when they begin."""
    if job is None or not job.open:
        return Markup("")
    curve = job.result.get("curve", [])
    # Of the training alone: what the job counts later are passages.
    return _draw_curves(curve, job.result.get("steps", 1), live=True)


def _kept_charts(shown: ModelVersion | None) -> Markup:
    curve = shown.report.get("curve", []) if shown is not None else []
    return _draw_curves(curve, curve[-1]["step"]) if curve else Markup("")


def _draw_curves(curve: Sequence[Mapping[str, Any]], steps: int, *, live: bool = False) -> Markup:
    """Loss and held-out nDCG@10; while they are `live`, with a frame for what is still to come."""
    loss = [(point["step"], point["loss"]) for point in curve if point["loss"] is not None]
    ndcg = [(point["step"], point["ndcg@10"]) for point in curve if point["ndcg@10"] is not None]
    start = ndcg[0][1] if ndcg else None
    drawn = [draw_curve("Loss", loss, steps), draw_curve(_SCORE, ndcg, steps, start, most=1.0)]
    if live and not loss:
        drawn[0] = draw_frame("Loss")
    if live and not curve:  # which begins with a score, unless there is nothing to score on
        drawn[1] = draw_frame(_SCORE)
    return Markup("").join(drawn)
