"""The README of a trained model's folder, so that whoever finds it can use and judge it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.cli import count
from core.files import written_whole
from core.settings import PACKAGED_MODEL
from core.types import ModelVersion

_CARD = "README.md"
_PACKAGED_ORIGIN = "sentence-transformers/all-MiniLM-L6-v2"


def write_model_card(
    folder: Path, version: ModelVersion, base: ModelVersion, report: dict[str, Any], prompts: Mapping[str, str]
) -> None:
    with written_whole(folder / _CARD) as half_done:
        half_done.write_text(make_model_card(version, base, report, prompts), encoding="utf-8")


def card_agrees(folder: Path, version: ModelVersion) -> bool:
    """Whether the folder has a card, and it tells the version's dimension and window."""
    try:
        card = (folder / _CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return f"| Dimensions | {version.dimension}" in card and f"| Window | {version.window} tokens |" in card


def rewrite_model_card(folder: Path, version: ModelVersion, base: ModelVersion) -> None:
    """The card once more, from what the library keeps of the version."""
    prompts = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8")).get("prompts", {})
    write_model_card(folder, version, base, version.report, prompts)


def make_model_card(
    version: ModelVersion, base: ModelVersion, report: dict[str, Any], prompts: Mapping[str, str]
) -> str:
    """The card as Markdown, with the front matter that model hubs read."""
    recipe, split = report["settings"], report["split"]
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
{_base_line(base)}tags:
- sentence-transformers
- sentence-similarity
- feature-extraction
- dataset_size:{split["train_pairs"]}
- loss:MatryoshkaLoss
- loss:MultipleNegativesRankingLoss
---

# {_plain(version.name)}

Fine-tuned by Whetstone from {_plain(base.name)}, on passages that readers approved for their questions.

| | |
| --- | --- |
| Dimensions | {version.dimension}; may be cut to {", ".join(map(str, report["dimensions"][1:])) or "nothing smaller"} |
| Window | {version.window} tokens |
| Prompts | {_describe_prompts(prompts)} |
| Training | {split["train_pairs"]} pairs of {split["train_queries"]} questions{_describe_disagreements(split)} |
| Held out | {_describe_held_out(report)} |
| Recipe | preset {recipe["preset"]}: {recipe["epochs"]} epochs, batch size {recipe["batch_size"]}, \
learning rate {recipe["learning_rate"]:g}, {recipe["warmup_share"]:.0%} warm-up, \
{report["start_weight"]:.0%} of the start model's weights{_describe_options(recipe, report)} |
| Made with | {_describe_libraries(report.get("libraries", {}))} |

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode_query(["how is attention computed?"])
passages = model.encode_document(["Attention maps a query and key-value pairs to an output."])
print(model.similarity(queries, passages))
```

## Held-out questions, before and after

{_score_table(report)}

{report["decision"]}
{_describe_since(report.get("since"))}{_caveat(split)}{_curve_table(report.get("curve", ()))}"""


def _plain(text: str) -> str:
    """A name or a prompt, which may be a stranger's, so that it stays text in Markdown: no HTML, link, code or cell."""
    return re.sub(r"[<>\[\]|`\\]", lambda sign: f"&#{ord(sign[0])};", re.sub(r"\s", " ", text))


def _base_line(base: ModelVersion) -> str:
    """The hub id of the base, where it has one."""
    if base.source == PACKAGED_MODEL:
        return f"base_model: {_PACKAGED_ORIGIN}\n"
    is_hub_id = base.parent_id is None and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", base.source)
    return f"base_model: {base.source}\n" if is_hub_id else ""


def _describe_prompts(prompts: Mapping[str, str]) -> str:
    given = [f"{_plain(name)} `{_plain(prompt)}`" for name, prompt in prompts.items() if prompt]
    return ", ".join(given) or "none"


def _describe_held_out(report: Mapping[str, Any]) -> str:
    split = report["split"]
    if split.get("folds"):
        among = f", ranked among {report['ranked_passages']} passages" if report.get("ranked_passages") else ""
        return (
            f"{split['held_out_queries']} questions, cross-validated in {split['folds']} parts{among}; "
            "all are trained on"
        )
    return f"{split['held_out_queries']} questions, none of which occurs in training"


def _describe_disagreements(split: Mapping[str, Any]) -> str:
    left_out = split.get("disagreements")
    return f"; {count(left_out, 'pair')} left out because people disagree" if left_out else ""


def _describe_since(since: Mapping[str, Any] | None) -> str:
    return f"\nOn {count(since['queries'], 'question')} judged since: {since['decision']}\n" if since else ""


def _describe_options(recipe: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """What else was done, each part after a comma."""
    options = {
        "rotate": "principal axes first" if report.get("rotated", True) else "",
        "linear_map": "begun with a linear map of the vectors" if report.get("mapped") else "",
        "no_duplicates": "no passage twice in a batch",
        "rejected_negatives": "rejected passages as hard negatives",
        "mined_negatives": f"{recipe.get('mined_negatives')} mined negatives",
        "false_negative_guard": "false negatives masked",
        "distillation": f"{recipe.get('distillation', 0):.0%} distillation from the start model",
        "window": f"passages cut to {recipe.get('window')} tokens in training",
    }
    return "".join(f", {text}" for name, text in options.items() if recipe.get(name) and text)


def _describe_libraries(libraries: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in libraries.items()) or "not recorded"


def _curve_table(curve: Sequence[Mapping[str, Any]]) -> str:
    scored = [point for point in curve if point["ndcg@10"] is not None]
    if not scored:
        return ""
    rows = [f"| {point['step']} | {_loss(point['loss'])} | {point['ndcg@10']:.4f} |" for point in scored]
    head = "| Step | Loss | nDCG@10 over a few passages |\n| --- | --- | --- |\n"
    return "\n## While it was trained\n\n" + head + "\n".join(rows) + "\n"


def _loss(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.4f}"


def _score_table(report: dict[str, Any]) -> str:
    rows = [
        "| Dimensions | nDCG@10 | 95% interval of its change | MRR@10 | Recall@1 | Recall@5 | Recall@10 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for dimension in report["dimensions"]:
        before, after = report["before"][str(dimension)], report["after"][str(dimension)]
        cells = [
            f"{before[name]:.4f} → {after[name]:.4f}"
            for name in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10")
        ]
        low_high = report.get("intervals", {}).get(str(dimension))
        cells.insert(1, "{:+.3f} to {:+.3f}".format(*low_high) if low_high else "")
        rows.append(f"| {dimension} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _caveat(split: dict[str, Any]) -> str:
    if not split["chosen_on_held_out"] or not split["held_out_queries"]:
        return ""
    return (
        "\nThe checkpoint was chosen on these same questions, because there were too few for two sets: "
        "the scores after training are flattering.\n"
    )
