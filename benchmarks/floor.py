"""How many questions that a library can't answer are refused, and how many that it can: each set's questions asked of
each other set's passages, in the whole search as a user's are.

    python -m benchmarks.floor DIR DIR... [--questions 200] [--json]

Each DIR is a labelled set in BEIR's shape, and becomes a library of its own; of its questions so many are drawn at
random. "lost" is the share of a set's own questions that are told that nothing answers, "refused" that of another
set's questions.
"""

import argparse
import random
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.sizes import store_papers
from core.cli import print_json, run_command, say
from core.settings import PACKAGED_MODEL, load_settings
from indexer.encoder import Encoder, load_version
from indexer.start import ensure_active_model
from search.beir import LabelledSet, load_labelled_set
from search.searcher import Searcher, SearchRequest
from storage.database import open_database, prepare_database


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="Questions a library can't answer.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--model", default=PACKAGED_MODEL, help="hub id, folder or packaged-minilm")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    return parser


def main(args: argparse.Namespace) -> int:
    sets = {folder.name: load_labelled_set(folder) for folder in args.folders}
    chance = random.Random(0)
    drawn = {
        name: chance.sample(list(labelled.queries.values()), min(args.questions, len(labelled.queries)))
        for name, labelled in sets.items()
    }
    figures = []
    for name, labelled in sets.items():
        with TemporaryDirectory() as home:
            searcher = make_library(Path(home), labelled, args.model)
            say(f"{name}: {len(labelled.passages)} passages")
            figures += [measure(searcher, name, asked, questions) for asked, questions in drawn.items()]
    if args.json:
        print_json(figures)
    else:
        for figure in figures:
            print("  ".join(f"{name} {value}" for name, value in figure.items()))
    return 0


def make_library(home: Path, labelled: LabelledSet, model: str) -> Searcher:
    """The set's passages as papers, embedded; what is past the model's window is left out."""
    settings = load_settings(home=home, model=model)
    settings.prepare_home()
    prepare_database(settings.database)
    version = ensure_active_model(settings).version
    encoder: Encoder = load_version(version, settings.home)
    # A passage that stands twice would stand in one paper twice, which no reading does.
    texts = list(dict.fromkeys(labelled.passages.values()))
    with open_database(settings.database) as db:
        store_papers(db, version, texts, encoder.encode_truncated_passages(texts), 0)
    return Searcher(settings)


def measure(searcher: Searcher, library: str, asked: str, questions: list[str]) -> dict[str, object]:
    found = [searcher.search(SearchRequest(question)) for question in questions]
    refused = round(sum(not one.answered for one in found) / len(found), 4)
    floor = found[0].floor
    names: dict[str, object] = {"library": library, "questions": asked, "floor": floor and round(floor, 4)}
    return names | {"lost" if asked == library else "refused": refused}


if __name__ == "__main__":
    raise SystemExit(run_command(main, build_parser()))
