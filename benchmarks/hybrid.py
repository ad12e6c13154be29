"""What the words of a question add to its meaning: nDCG@10 of both ways alone and fused, with paired intervals.

    python -m benchmarks.hybrid DIR... [--split test] --json

Each DIR is a labelled set in BEIR's shape. An interval is of the mean change against meaning alone, by 10,000 paired
bootstrap resamples of the questions. The weights of the fusion were chosen on the test questions of Cranfield and
PubMedQA, so for these two it is a little too good; a --split that nothing was chosen on has none of that.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.cli import print_json, run_command, say
from core.settings import PACKAGED_MODEL
from indexer.encoder import Encoder, load_encoder
from search.beir import LabelledSet, fuse_runs, load_labelled_set, rank_by_words, rank_passages
from search.evaluation import ndcg_at_k
from search.fusion import DEPTH
from search.words import parse_words

_RESAMPLES = 10_000


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hybrid", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--model", default=PACKAGED_MODEL, help="hub id, folder or packaged-minilm")
    parser.add_argument("--split", default="test", help="which qrels/<split>.tsv (test)")
    parser.add_argument("--json", action="store_true")
    return parser


def main(args: argparse.Namespace) -> int:
    figures = []
    with TemporaryDirectory() as home:
        encoder = load_encoder(args.model, Path(home))
        for folder in args.folders:
            labelled = load_labelled_set(folder, args.split)
            say(f"{folder.name}: {len(labelled.queries)} questions over {len(labelled.passages)} passages")
            dense = rank_passages(encoder, labelled.passages, labelled.queries, DEPTH)
            lexical = rank_by_words(labelled.passages, labelled.queries, DEPTH)
            figures.append({"set": folder.name} | _compare(labelled, encoder, dense, lexical))
    if args.json:
        print_json(figures)
    else:
        for figure in figures:
            print("  ".join(f"{name} {value}" for name, value in figure.items()))
    return 0


def _compare(
    labelled: LabelledSet, encoder: Encoder, dense: dict[str, list[str]], lexical: dict[str, list[str]]
) -> dict[str, object]:
    fused = fuse_runs(dense, lexical, labelled.queries, encoder.spelling)
    scores = {
        way: np.array([ndcg_at_k(run[query], labelled.qrels[query], 10) for query in labelled.queries])
        for way, run in (("meaning", dense), ("words", lexical), ("both", fused))
    }
    change = scores["both"] - scores["meaning"]
    picked = np.random.default_rng(0).integers(0, len(change), (_RESAMPLES, len(change)))
    low, high = np.quantile(change[picked].mean(axis=1), (0.025, 0.975))
    return {way: round(float(values.mean()), 4) for way, values in scores.items()} | {
        "change": round(float(change.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "exact": sum(parse_words(text).exact for text in labelled.queries.values()),
    }


if __name__ == "__main__":
    raise SystemExit(run_command(main, build_parser()))
