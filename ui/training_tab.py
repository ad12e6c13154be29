"""The Training tab: what was judged, retraining, the proof, the switch, and the models."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from api.services import Services
from core.errors import TrainingError
from core.settings import PACKAGED_MODEL, SEED_BASE_MODEL, SEED_MODEL
from core.types import ModelState
from storage import judgements, models
from storage.database import open_database
from training.archive import import_version
from training.promotion import switch_now_or_later
from training.proof.compare_again import queue_comparison
from training.queueing import queue_retrain
from training.recipe.settings import PRESETS, TrainingSettings
from ui.job_line import make_cancel, make_dismiss
from ui.messages import answer_script, tell, warn_user
from ui.parts import DIRECT, SILENT, PlainHTML
from ui.render import read_asset
from ui.training_view import SORTS, render_models, render_pairs, render_training
from ui.uploads import discard_upload, require_upload

_ACTIVE_BASE = "the active model"


@dataclass(frozen=True, slots=True)
class TrainingTab:
    status: gr.HTML
    models: gr.HTML
    pairs: gr.HTML
    pair_words: gr.Textbox
    pair_sort: gr.Dropdown
    base: gr.Dropdown
    dimensions: gr.Textbox


def build_training_tab(services: Services, news: gr.HTML) -> TrainingTab:
    script = read_asset("common.js") + read_asset("training.js")
    functions = [_make_switch(services), make_cancel(services), make_dismiss(services), _make_compare(services)]
    status = PlainHTML(render_training(services), elem_id="training", js_on_load=script, server_functions=functions)
    base, dimensions = _build_recipe(services, news)
    gr.Markdown("### Models")
    model_table = PlainHTML(render_models(services), elem_id="models", js_on_load=script, server_functions=functions)
    _build_model_choice(services, news)
    gr.Markdown("### Judged passages")
    with gr.Row(elem_classes="options"):
        words = gr.Textbox("", placeholder="Words in question, passage or paper", label="Search", elem_id="pair-words")
        sort = gr.Dropdown(list(SORTS), value=SORTS[0], label="Order", elem_id="pair-sort")
    pairs = PlainHTML(
        render_pairs(services, "", SORTS[0]),
        elem_id="pairs",
        js_on_load=read_asset("common.js") + read_asset("pairs.js"),
        server_functions=[_make_delete(services)],
    )

    def show_pairs(text: str, order: str) -> str:
        return render_pairs(services, text, order)

    for event in (words.change, sort.change, pairs.deleted):
        event(show_pairs, [words, sort], pairs, trigger_mode="always_last", **SILENT)
    return TrainingTab(status, model_table, pairs, words, sort, base, dimensions)


def base_choices(services: Services) -> list[tuple[str, int]]:
    """What a retrain can start from; 0 stands for the active model."""
    with open_database(services.settings.database) as db:
        ready = [version for version in models.list_models(db) if version.state is ModelState.READY]
    return [(_ACTIVE_BASE, 0), *((version.name, version.id) for version in ready)]


def _build_recipe(services: Services, news: gr.HTML) -> tuple[gr.Dropdown, gr.Textbox]:
    default = PRESETS["default"]
    with gr.Row(elem_classes="options recipe needs-train"):
        preset = gr.Dropdown(
            [("default: measured best", "default"), ("seed: 10 epochs, batch 5", "seed")],
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
            default_dimensions(services),
            label="Matryoshka dimensions",
            elem_id="dims",
            max_lines=1,
            scale=2,
            min_width=190,
        )
        button = gr.Button("Retrain", variant="primary", elem_id="retrain", scale=0, min_width=120)
    promote = gr.Checkbox(
        False,
        label="Promote the new version by itself if it is recommended",
        elem_id="promote",
        elem_classes="needs-train",
    )

    def fill_in(name: str, base_id: int) -> tuple[int, int, str, str]:
        chosen = PRESETS[name]
        dimensions = _join(chosen, _dimension_of(services, base_id))
        return chosen.epochs, chosen.batch_size, f"{chosen.learning_rate:g}", dimensions

    def fill_in_dimensions(name: str, base_id: int) -> str:
        return _join(PRESETS[name], _dimension_of(services, base_id))

    @warn_user(outputs=1)
    def start(name: str, base_id: int, epochs: float, batch: float, rate: str, dims: str, by_itself: bool) -> str:
        recipe = replace(
            PRESETS[name],
            base_model_id=base_id or None,
            epochs=int(epochs or 0),
            batch_size=int(batch or 0),
            learning_rate=_parse_rate(rate),
            matryoshka_dims=_parse_dimensions(dims),
            promote=by_itself,
        )
        with open_database(services.settings.database) as db:
            queue_retrain(db, recipe)
        return tell("Retraining has begun. Search goes on with the present model, and closing this page stops nothing.")

    preset.change(fill_in, [preset, base], [epochs, batch, rate, dims], **SILENT)
    base.input(fill_in_dimensions, [preset, base], dims, **SILENT)
    button.click(start, [preset, base, epochs, batch, rate, dims, promote], news, **SILENT)
    return base, dims


def default_dimensions(services: Services) -> str:
    """The default recipe's Matryoshka dimensions that fit the active model."""
    return _join(PRESETS["default"], _dimension_of(services, 0))


def _build_model_choice(services: Services, news: gr.HTML) -> None:
    with gr.Row(elem_classes="options needs-admin"):
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

    @warn_user(outputs=1)
    def use(chosen: str | None) -> str:
        if not (chosen or "").strip():
            raise TrainingError("No model is named. Choose one, or type a hub id or a folder.")
        job = switch_now_or_later(services.settings, {"source": str(chosen).strip()})
        if job is None:
            return tell(f"{_active_name(services)} answers now.")
        return tell(
            "It is being loaded, as the line above the models shows. Until it is ready, the present one answers."
        )

    button.click(use, source, news, **SILENT)
    taken = gr.UploadButton(
        "Import a version (.zip)", file_types=[".zip"], elem_id="import-model", elem_classes="needs-train", scale=0
    )

    @warn_user(outputs=1)
    def take_in(file: str | None) -> str:
        if not file:
            return tell()
        path = Path(file)
        require_upload(services.settings, path)
        try:
            version = import_version(services.settings, path)
        finally:
            discard_upload(path)
        with open_database(services.settings.database) as db:
            queue_comparison(db, version.id)
        return tell(f"'{version.name}' is in the library. It is now compared with the model that answers.")

    taken.upload(take_in, taken, news, show_progress="minimal", **DIRECT)


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


def _make_compare(services: Services) -> Any:
    @answer_script
    def compare_version(arguments: list) -> dict:
        with open_database(services.settings.database) as db:
            queue_comparison(db, int(arguments[0]))
        return {}

    return compare_version


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
        version = models.version_or_active(db, base_id or None)
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
