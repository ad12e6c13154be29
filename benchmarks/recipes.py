"""Which way to fine-tune on a few hundred pairs is best: each recipe trained and scored on a labelled set.

    python -m benchmarks.recipes DIR [--pairs 400] [--seeds 3] [--only NAME,...] [--model MODEL] [--json]

DIR is BEIR-shaped: corpus.jsonl, queries.jsonl, qrels/train.tsv, qrels/test.tsv. Each recipe and seed runs in a process
of its own, so that its peak memory is its own. Seconds are those of training alone, by the clock; cpu_seconds are its
work on all cores, which other programs on the machine do not lengthen. `--score-on unused` scores on the train split's
queries that are not trained on: for choosing a recipe without a look at the test split.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recipe_list import RECIPES
from core.cli import print_json, quieten_libraries, say
from core.settings import PACKAGED_MODEL

_MEASURES = ("ndcg@10", "accuracy@1", "ndcg@10@64", "accuracy@1@64", "seconds", "cpu_seconds", "peak_mb")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--only", type=_names, default=tuple(RECIPES), metavar="NAME,...", help=", ".join(RECIPES))
    parser.add_argument("--model", default=PACKAGED_MODEL, help="the start model: hub id, folder or packaged-minilm")
    parser.add_argument("--score-on", choices=("test", "unused"), default="test")
    parser.add_argument("--change", type=json.loads, default={}, help="settings to change, as a JSON object")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "whetstone-recipes",
        help="the start model's vectors",
    )
    parser.add_argument("--seed", type=int, default=None, help="this seed only, in this process")
    parser.add_argument("--json", action="store_true")
    return parser


def main() -> int:
    args = build_parser().parse_args()
    quieten_libraries()
    if args.seed is not None:
        # Delayed: the parent needs no PyTorch, and so takes none of the memory that is measured.
        from benchmarks.recipe_run import run_recipe

        print_json([run_recipe(args, name, args.seed) for name in args.only])
        return 0
    runs = []
    for seed in range(args.seeds):
        for name in args.only:
            # On the test split it is the same for every seed.
            if name == "base" and seed and args.score_on == "test":
                continue
            runs.append(_run_apart(args, name, seed))
            say(_line(runs[-1]["recipe"], runs[-1], f"seed {seed}"))
    figures = _summarise(args, runs)
    if args.json:
        print_json(figures)
    else:
        _print_table(figures)
    return 0


def _run_apart(args: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.recipes", str(args.folder.absolute()), "--json"]
    command += ["--only", name, "--seed", str(seed), "--pairs", str(args.pairs), "--model", args.model]
    command += ["--score-on", args.score_on, "--cache", str(args.cache.absolute()), "--change", json.dumps(args.change)]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root, check=False)
    if done.returncode:
        say(f"The recipe '{name}' failed with seed {seed}; the lines above say why.")
        sys.exit(1)
    return json.loads(done.stdout)[0]


def _summarise(args: argparse.Namespace, runs: list[dict[str, Any]]) -> dict[str, Any]:
    medians = {
        name: {
            measure: round(statistics.median(run[measure] for run in runs if run["recipe"] == name), 4)
            for measure in _MEASURES
        }
        for name in dict.fromkeys(run["recipe"] for run in runs)
    }
    return {
        "set": args.folder.name,
        "model": args.model,
        "pairs": args.pairs,
        "scored_on": args.score_on,
        "machine": f"{os.cpu_count()} x {platform.machine()}, {platform.system()}",
        "runs": runs,
        "medians": medians,
    }


def _print_table(figures: dict[str, Any]) -> None:
    for name, medians in figures["medians"].items():
        print(_line(name, medians, "median"))


def _line(name: str, values: dict[str, Any], what: str) -> str:
    return f"{name:<22} {what:<8}" + "".join(
        f" {measure} {values[measure]:>8.4f}" if "@" in measure else f" {measure} {values[measure]:>6.0f}"
        for measure in _MEASURES
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = next((name for name in names if name not in RECIPES), None)
    if unknown is not None:
        raise argparse.ArgumentTypeError(f"there is no recipe '{unknown}'; there are {', '.join(RECIPES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
