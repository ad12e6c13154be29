"""What a search costs beside embedding the question and asking plain FAISS, at rest and while papers are read.

    python -m benchmarks.queries SET [--passages 100000] [--papers DIR_OF_PDFS] [--questions 100] [--keep DIR] [--json]

SET is a labelled set in BEIR's shape; its questions are asked. The passages are its sentences, drawn at random, eight
in each, so that words are as frequent as in real text; their vectors are made (see benchmarks/sizes.py). Each question
is asked of the whole search and then of the two bare steps, in turn; torch and FAISS have one thread, as in the app.
With --papers a worker process reads and embeds them meanwhile, as the app's does; the same questions are asked then of
a searcher that has not seen them, for a vector it remembers would be no search.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.sizes import MadeVectors, percentiles, store_papers
from core.cli import print_json, quieten_libraries, say
from core.settings import Settings, load_settings
from indexer.ingest import add_file
from indexer.start import ensure_active_model
from search.searcher import Searcher, SearchRequest
from search.words import parse_words
from storage import library, vectors
from storage.database import open_database, prepare_database
from storage.words import find_words

_ROOT = Path(__file__).resolve().parents[1]
_SENTENCES, _PASSAGES_A_PAPER = 8, 100
_ASKED_FIRST = "a question that stands in no labelled set"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--papers", type=Path)
    parser.add_argument("--keep", type=Path, help="make the library here, or use the one that is there")
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    # Each once: the vector of a question that was asked before is remembered.
    asked = dict.fromkeys(one["text"] for one in _lines(args.set / "queries.jsonl"))
    questions = list(asked)[: args.questions]
    with tempfile.TemporaryDirectory() as name:
        settings = load_settings(home=args.keep or Path(name), model="packaged-minilm")
        settings.prepare_home()
        prepare_database(settings.database)
        make_library(settings, args.set, args.passages)
        figures: dict[str, Any] = {"passages": args.passages}
        figures["at_rest"] = measure(settings, new_searcher(settings), questions)
        if args.papers:
            figures["while_papers_are_read"] = measure_beside(settings, questions, args.papers)
            p95 = {when: figures[when]["whole search"]["p95"] for when in ("at_rest", "while_papers_are_read")}
            figures["p95_meanwhile_by_at_rest"] = round(p95["while_papers_are_read"] / p95["at_rest"], 2)
    print_json(figures)
    return 0


def new_searcher(settings: Settings) -> Searcher:
    """One that has its model and index, and remembers none of the questions."""
    searcher = Searcher(settings)
    searcher.search(SearchRequest(_ASKED_FIRST))
    return searcher


def make_library(settings: Settings, folder: Path, passages: int) -> None:
    version = ensure_active_model(settings).version
    texts = [one["text"] for one in _lines(folder / "corpus.jsonl")]
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.?!]) ", text) if len(sentence) > 20]
    chance, made = random.Random(0), MadeVectors(version.dimension)
    with open_database(settings.database) as db:
        for first in range(library.count_chunks(db), passages, _PASSAGES_A_PAPER):
            block = [" ".join(chance.sample(sentences, _SENTENCES)) for _ in range(_PASSAGES_A_PAPER)]
            store_papers(db, version, block, made.passages(len(block)), first)
    say(f"{passages:,} passages made")


def measure(settings: Settings, searcher: Searcher, questions: list[str]) -> dict[str, Any]:
    """Whole searches and their parts, in turn."""
    times: dict[str, list[float]] = {}

    def timed(kind: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        times.setdefault(kind, []).append(time.perf_counter() - began)
        return result

    with open_database(settings.database) as db:
        live = searcher.live_model(db)
        plain = faiss.IndexFlatIP(live.version.dimension)
        for changes in vectors.change_blocks(db, live.version.id, live.version.dimension, vectors.ChangeMark()):
            if len(changes.vectors):
                plain.add(changes.vectors)

        for question in questions:
            timed("whole search", lambda question=question: searcher.search(SearchRequest(question)))

            def bare(question: str = question) -> None:
                plain.search(live.encoder.encode_query(question).reshape(1, -1), 10)

            timed("question embedded and plain FAISS", bare)
            timed("question embedded", lambda question=question: live.encoder.encode_query(question))
            words = parse_words(question)
            if words.match:
                timed("words looked up", lambda words=words: find_words(db, words.match, 100, strings=words.strings))
    told: dict[str, Any] = {kind: percentiles(taken) for kind, taken in times.items()}
    told["whole_by_bare_p50"] = round(told["whole search"]["p50"] / told["question embedded and plain FAISS"]["p50"], 2)
    return told


def measure_beside(settings: Settings, questions: list[str], papers: Path) -> dict[str, Any]:
    """The same while a worker reads and embeds these papers."""
    for path in sorted(papers.rglob("*.pdf")):
        add_file(settings, path)
    searcher = new_searcher(settings)
    command = [sys.executable, "-m", "jobs", "--home", str(settings.home)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=_ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    try:
        with open_database(settings.database) as db:
            before, end = library.count_chunks(db), time.monotonic() + 120
            # It has begun to embed.
            while vectors.change_mark(db).embedding == before and time.monotonic() < end:
                time.sleep(0.2)
            told = measure(settings, searcher, questions)
            told["passages_added_meanwhile"] = library.count_chunks(db) - before
            told["still_reading"] = library.has_unfinished_documents(db)
    finally:
        worker.terminate()
        worker.wait(30)
    return told


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
