"""How many questions that a library can't answer are refused, and how many that it can: each set's questions asked of
each other set's passages.

    python -m benchmarks.floor DIR DIR... --json
"""

import argparse
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.cli import print_json, run_command, say
from core.settings import PACKAGED_MODEL
from indexer.encoder import load_encoder
from search.beir import load_labelled_set
from search.floor import embed_general_questions, find_floor


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="Questions a library can't answer.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--model", default=PACKAGED_MODEL, help="hub id, folder or packaged-minilm")
    parser.add_argument("--json", action="store_true")
    return parser


def main(args: argparse.Namespace) -> int:
    passages, questions = {}, {}
    with TemporaryDirectory() as home:
        encoder = load_encoder(args.model, Path(home))
        general = embed_general_questions(encoder)
        for folder in args.folders:
            labelled = load_labelled_set(folder)
            say(f"{folder.name}: {len(labelled.queries)} questions over {len(labelled.passages)} passages")
            passages[folder.name] = encoder.encode_truncated_passages(list(labelled.passages.values()))
            questions[folder.name] = encoder.encode_queries(list(labelled.queries.values()))
    figures = []
    for library, asked in permutations(passages, 2):
        floor = find_floor((general @ passages[library].T).max(axis=1))
        lost = np.mean((questions[library] @ passages[library].T).max(axis=1) < floor)
        refused = np.mean((questions[asked] @ passages[library].T).max(axis=1) < floor)
        names = {"library": library, "questions": asked}
        figures.append(
            names | {"floor": round(floor, 4), "lost": round(float(lost), 4), "refused": round(float(refused), 4)}
        )
    if args.json:
        print_json(figures)
    else:
        for figure in figures:
            print("  ".join(f"{name} {value}" for name, value in figure.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main, build_parser()))
