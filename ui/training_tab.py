"""The Training tab: what was judged, retraining, the proof, the switch, and the models."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import gradio as gr
from sqlite_utils import Database

from core.errors import TrainingError
from core.settings import PACKAGED_MODEL, SEED_BASE_MODEL, SEED_MODEL
from core.types import Job, JobKind, JobState, Judgement, ModelState, ModelVersion
from storage import jobs, judgements, library, models
from storage.database import open_database
from training.pairs import queries_needed
from training.promotion import switch_now_or_later
from training.retrain import count_unseen_queries
from training.settings import PRESETS, TrainingSettings, make_settings, require_fitting
from ui.charts import draw_curve
from ui.library_tab import current_job, make_cancel, make_dismiss, render_job
from ui.messages import answer_script, warn_user
from ui.render import read_asset, render
from ui.search_tab import PlainHTML
from ui.services import Services

MEASURES = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
}
_MOST_PAIRS_SHOWN = 500
_SORTS = ("newest first", "oldest first", "by question", "by paper", "by verdict")
_ACTIVE_BASE = "the active model"


@dataclass(frozen=True, slots=True)
class TrainingTab:
    status: gr.HTML
    models: gr.HTML
    pairs: gr.HTML
    pair_words: gr.Textbox
    pair_sort: gr.Dropdown
    base: gr.Dropdown


def build_training_tab(services: Services) -> TrainingTab:
    script = read_asset("common.js") + read_asset("training.js")
    functions = [_make_switch(services), make_cancel(services), make_dismiss(services)]
    status = PlainHTML(render_training(services), elem_id="training", js_on_load=script, server_functions=functions)
    base = _build_recipe(services)
    gr.Markdown("### Models")
    model_table = PlainHTML(render_models(services), elem_id="models", js_on_load=script, server_functions=functions)
    _build_model_choice(services)
    gr.Markdown("### Judged passages")
    with gr.Row(elem_classes="options"):
        words = gr.Textbox("", placeholder="Words in question, passage or paper", label="Search", elem_id="pair-words")
        sort = gr.Dropdown(list(_SORTS), value=_SORTS[0], label="Order", elem_id="pair-sort")
    pairs = PlainHTML(
        render_pairs(services, "", _SORTS[0]),
        elem_id="pairs",
        js_on_load=read_asset("common.js") + read_asset("pairs.js"),
        server_functions=[_make_delete(services)],
    )

    def show_pairs(text: str, order: str) -> str:
        return render_pairs(services, text, order)

    for event in (words.change, sort.change, pairs.deleted):
        event(show_pairs, [words, sort], pairs, trigger_mode="always_last", show_progress="hidden", api_name=False)
    return TrainingTab(status, model_table, pairs, words, sort, base)


def base_choices(services: Services) -> list[tuple[str, int]]:
    """What a retrain can start from; 0 stands for the active model."""
    with open_database(services.settings.database) as db:
        ready = [version for version in models.list_models(db) if version.state is ModelState.READY]
    return [(_ACTIVE_BASE, 0), *((version.name, version.id) for version in ready)]


def _build_recipe(services: Services) -> gr.Dropdown:
    default = PRESETS["default"]
    with gr.Row(elem_classes="options recipe"):
        preset = gr.Dropdown(
            [("short, averaged with the start", "default"), ("as the seed: 10 epochs, batch 5", "seed")],
            value="default",
            label="Recipe",
            elem_id="preset",
            scale=3,
            min_width=250,
        )
        base = gr.Dropdown(base_choices(services), value=0, label="Start from", elem_id="base", scale=2, min_width=190)
        epochs = gr.Number(default.epochs, label="Epochs", precision=0, elem_id="epochs", min_width=80)
        batch = gr.Number(default.batch_size, label="Batch size", precision=0, elem_id="batch-size", min_width=80)
        rate = gr.Textbox(f"{default.learning_rate:g}", label="Learning rate", elem_id="learning-rate", min_width=90)
        dims = gr.Textbox(
            lambda: _join(default, _dimension_of(services, 0)),
            label="Matryoshka dimensions",
            elem_id="dims",
            max_lines=1,
            scale=2,
            min_width=190,
        )
        button = gr.Button("Retrain", variant="primary", elem_id="retrain", scale=0, min_width=120)

    def fill_in(name: str, base_id: int) -> tuple[int, int, str, str]:
        chosen = PRESETS[name]
        dimensions = _join(chosen, _dimension_of(services, base_id))
        return chosen.epochs, chosen.batch_size, f"{chosen.learning_rate:g}", dimensions

    def fill_in_dimensions(name: str, base_id: int) -> str:
        return _join(PRESETS[name], _dimension_of(services, base_id))

    @warn_user
    def start(name: str, base_id: int, epochs: float, batch: float, rate: str, dims: str) -> None:
        recipe = replace(
            PRESETS[name],
            base_model_id=base_id or None,
            epochs=int(epochs or 0),
            batch_size=int(batch or 0),
            learning_rate=_parse_rate(rate),
            matryoshka_dims=_parse_dimensions(dims),
        )
        start_retrain(services, recipe)
        gr.Info("Retraining has begun. Search goes on with the present model, and closing this page stops nothing.")

    preset.change(fill_in, [preset, base], [epochs, batch, rate, dims], show_progress="hidden", api_name=False)
    base.input(fill_in_dimensions, [preset, base], dims, show_progress="hidden", api_name=False)
    button.click(start, [preset, base, epochs, batch, rate, dims], None, show_progress="hidden", api_name=False)
    return base


def start_retrain(services: Services, recipe: TrainingSettings) -> Job:
    """Queue a retrain with this recipe. Raises TrainingError where one is under way or there is nothing to learn."""
    params = asdict(make_settings(asdict(recipe)))
    with open_database(services.settings.database) as db:
        base = models.active_model(db) if recipe.base_model_id is None else models.get_model(db, recipe.base_model_id)
        if base is not None:
            require_fitting(recipe.matryoshka_dims, base)
        if judgements.count_judged_queries(db) < 2:
            raise TrainingError("Approve passages for at least 2 different questions first: they are what is learnt.")
        if any(job.kind is JobKind.RETRAIN for job in jobs.open_jobs(db)):
            raise TrainingError("A retrain is under way already. Stop it, or wait for its end.")
        return jobs.add_job(db, JobKind.RETRAIN, params)


def _build_model_choice(services: Services) -> None:
    with gr.Row(elem_classes="options"):
        source = gr.Dropdown(
            [
                ("MiniLM, packaged: small, needs no network", PACKAGED_MODEL),
                (f"{SEED_MODEL} (hub)", SEED_MODEL),
                (f"{SEED_BASE_MODEL} (hub)", SEED_BASE_MODEL),
            ],
            value=PACKAGED_MODEL,
            label="Another model: choose, or type a hub id or a folder",
            allow_custom_value=True,
            elem_id="model-source",
            scale=5,
            min_width=300,
        )
        button = gr.Button("Load and use", elem_id="use-model", scale=0, min_width=140)

    @warn_user
    def use(chosen: str | None) -> None:
        if not (chosen or "").strip():
            raise TrainingError("No model is named. Choose one, or type a hub id or a folder.")
        job = switch_now_or_later(services.settings, {"source": str(chosen).strip()})
        if job is None:
            gr.Info(f"{_active_name(services)} answers now.")
        else:
            gr.Info(
                "It is being loaded, as the line above the models shows. Until it is ready, the present one answers."
            )

    button.click(use, source, None, show_progress="hidden", api_name=False)


# --- what is shown ---


def render_training(services: Services) -> str:
    with open_database(services.settings.database) as db:
        active, previous = models.active_model(db), models.previous_model(db)
        versions = {version.id: version for version in models.list_models(db)}
        counts, judged = judgements.count_judgements(db), judgements.count_judged_queries(db)
        job = current_job(db, JobKind.RETRAIN)
        switching = current_job(db, JobKind.SWITCH)
        unseen = count_unseen_queries(db, active)
    trained = [v for v in versions.values() if v.parent_id is not None and v.state is ModelState.READY and v.report]
    shown = trained[-1] if trained else None
    candidate = shown if shown is not None and (active is None or shown.id != active.id) else None
    busy = switching is not None and switching.open
    return render(
        "training.html",
        decision=_decision(active, candidate, judged, unseen),
        candidate=None if busy else candidate,
        previous=None if busy else previous,
        approved=counts[1],
        rejected=counts[0],
        judged_queries=judged,
        needed=queries_needed(judged),
        job=render_job(job),
        report=shown.report if shown else None,
        shown=shown,
        base_name=_base_name(shown, versions),
        measures=MEASURES,
        enough=shown is not None and queries_needed(_queries_of(shown)) == 0,
        charts=_charts(job, shown),
    )


def render_models(services: Services) -> str:
    with open_database(services.settings.database) as db:
        versions, active = models.list_models(db), models.active_model(db)
        job = current_job(db, JobKind.SWITCH)
    names = {version.id: version.name for version in versions}
    rows = [
        {
            "version": version,
            "active": active is not None and version.id == active.id,
            "parent": names.get(version.parent_id) if version.parent_id else None,
            "score": _held_out_score(version),
        }
        for version in versions
    ]
    note = f"At the start: {services.start_note}. Index on {services.device.name}: {services.device.why}."
    return render("models.html", rows=rows, job=render_job(job), note=note)


def render_pairs(services: Services, words: str | None, order: str) -> str:
    """The judgements that have all these words, in this order; Gradio sends None for a field not yet shown."""
    with open_database(services.settings.database) as db:
        judged = judgements.list_judgements(db)
    wanted = (words or "").casefold().split()
    matching = [j for j in judged if all(w in f"{j.query} {j.text} {j.document}".casefold() for w in wanted)]
    found = _in_order(matching, order)[:_MOST_PAIRS_SHOWN]
    return render("pairs.html", pairs=found, shown=len(found), total=len(judged))


def _in_order(judged: Sequence[Judgement], order: str) -> list[Judgement]:
    keys = {
        "by question": lambda j: (j.query.casefold(), j.id),
        "by paper": lambda j: (j.document.casefold(), j.page, j.id),
        "by verdict": lambda j: (-j.relevance, j.id),
    }
    if order in keys:
        return sorted(judged, key=keys[order])
    return list(judged) if order == "oldest first" else list(reversed(judged))


def _decision(active: ModelVersion | None, candidate: ModelVersion | None, judged: int, unseen: int) -> str:
    answers = f"{active.name} answers now." if active else "No model is loaded yet."
    if candidate is not None:
        return f"{answers} {candidate.name} is ready. {candidate.report['decision']}"
    if judged < 2:
        return f"{answers} Approve passages on the Search tab; from 2 judged questions on, you can retrain."
    if unseen == 0:
        return f"{answers} It comes from all {judged} questions you have judged. Judge more before you retrain."
    if unseen < judged:
        return (
            f"{answers} {unseen} of the {judged} questions you have judged are new to it: retrain when they are many."
        )
    return f"{answers} Retrain to learn from the {judged} questions you have judged."


def _queries_of(trained: ModelVersion) -> int:
    """How many judged queries there were at its retrain."""
    split = trained.report["split"]
    held_out_apart = 0 if split["chosen_on_held_out"] else split["choose_queries"]
    return split["train_queries"] + split["held_out_queries"] + held_out_apart


def _base_name(shown: ModelVersion | None, versions: dict[int, ModelVersion]) -> str:
    if shown is None or shown.parent_id not in versions:
        return "its base"
    return versions[shown.parent_id].name


def _held_out_score(version: ModelVersion) -> str:
    after = version.report.get("after", {}).get(str(version.dimension))
    if not after or not after["queries"]:
        return ""
    before = version.report["before"][str(version.dimension)]
    return f"{after['ndcg@10']:.3f} (base {before['ndcg@10']:.3f}, n = {after['queries']})"


def _charts(job: Job | None, shown: ModelVersion | None) -> str:
    """Loss and held-out nDCG@10: of the retrain that runs, else of the last version."""
    if job is not None and job.state is JobState.RUNNING and job.result.get("curve"):
        curve, steps = job.result["curve"], max(job.total, 1)
    elif shown is not None:
        curve = shown.report["curve"]
        steps = curve[-1]["step"] if curve else 1
    else:
        return ""
    loss = [(point["step"], point["loss"]) for point in curve if point["loss"] is not None]
    ndcg = [(point["step"], point["ndcg@10"]) for point in curve if point["ndcg@10"] is not None]
    start = ndcg[0][1] if ndcg else None
    return draw_curve("Loss", loss, steps) + draw_curve("nDCG@10 while training", ndcg, steps, start, most=1.0)


# --- what the page's script asks for ---


def _make_switch(services: Services) -> Any:
    @answer_script
    def switch_model(arguments: list) -> dict:
        """[model id], or [] for undo."""
        params = {"model_id": int(arguments[0])} if arguments else {"undo": True}
        job = switch_now_or_later(services.settings, params)
        if job is None:
            return {"said": f"{_active_name(services)} answers now."}
        return {"said": "Its passages are being embedded, as the line above the models shows; then it takes over."}

    return switch_model


def _make_delete(services: Services) -> Any:
    @answer_script
    def delete_pairs(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            judgements.delete_judgements(db, [int(judgement_id) for judgement_id in arguments])
        return {}

    return delete_pairs


def _join(settings: TrainingSettings, model_dimension: int) -> str:
    """The dimensions of the recipe that are below the model's own, which is always one of them."""
    return ", ".join(map(str, settings.dimensions(model_dimension)[1:]))


def _dimension_of(services: Services, base_id: int) -> int:
    with open_database(services.settings.database) as db:
        version = models.get_model(db, base_id) if base_id else models.active_model(db)
    return version.dimension if version else 0


def _active_name(services: Services) -> str:
    with open_database(services.settings.database) as db:
        active = models.active_model(db)
    return active.name if active else "No model"


def _parse_rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TrainingError(f"The learning rate is '{text}'; write a number such as 2e-5.") from None


def _parse_dimensions(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise TrainingError(f"The Matryoshka dimensions are '{text}'; write whole numbers between commas.") from None


def header_facts(db: Database) -> dict[str, Any]:
    """What the header shows of the library."""
    active, counts = models.active_model(db), judgements.count_judgements(db)
    return {
        "papers": library.count_searchable(db),
        "approved": counts[1],
        "rejected": counts[0],
        "model": active.name if active else "no model yet",
        "busy": bool(jobs.open_jobs(db)),
    }
