"""Adding papers beside the plain way: pypdf, `SentenceTransformer.encode` as it comes, `IndexFlatIP`.

    python -m benchmarks.ingest DIR_OF_PDFS [--papers 10] [--rounds 3] [--again 1000] [--json]

Same model, same passages: the plain way is given those that ours has made, and does not chunk, store or mark anything.
Both have their model loaded. They take turns, and the medians of the rounds are told, and of each round's ratio. The
second figure is of an unchanged folder added once more: papers that differ in a comment only, counted as read, for
reading a thousand takes minutes.
CPU seconds are of the process that embeds and its children; beside other work they tell more than the clock does.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from pypdf import PdfReader
from pypdf.errors import PyPdfError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json, quieten_libraries, say
from core.settings import Settings, load_settings
from core.types import DocumentState
from indexer.additions import add_paths
from indexer.encoder import Encoder, load_version
from indexer.ingest import run_ingest
from indexer.start import ensure_active_model
from search.index_cache import open_index
from storage import library, vectors
from storage.database import open_database, prepare_database, transaction

_TEXTS_A_BLOCK = 64
# Below it a PDF is a leaflet.
_LEAST_BYTES = 100_000


class Silent:
    """Progress that nobody looks at."""

    def report(self, step: str, **_: object) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR_OF_PDFS")
    parser.add_argument("--papers", type=int, default=10, help="how many, the smallest first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--again", type=int, default=1000, help="papers of the folder that is added twice; 0 for none")
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    papers = [path for path in args.folder.rglob("*.pdf") if path.stat().st_size > _LEAST_BYTES]
    files = sorted(papers, key=lambda path: path.stat().st_size)[: args.papers]
    with tempfile.TemporaryDirectory() as name:
        figures = compare(Path(name), files, args.rounds)
        if args.again:
            figures["added_again"] = add_again(Path(name), files, args.again)
    print_json(figures)
    return 0


def compare(folder: Path, files: list[Path], rounds: int) -> dict[str, Any]:
    """Both ways in turn; the medians of the rounds."""
    taken: dict[str, list[tuple[float, float]]] = {}
    texts: list[str] = []
    for number in range(rounds):
        settings = make_library(folder / f"round-{number}")
        texts = compare_once(settings, files, taken)
        say(f"round {number + 1} of {rounds}: {len(texts)} passages")
    told: dict[str, Any] = {"papers": len(files), "passages": len(texts)}
    for place, clock in enumerate(("seconds", "cpu_seconds")):
        told[clock] = {kind: round(median(run[place] for run in runs), 2) for kind, runs in taken.items()}
        for what in ("whole", "embedding"):
            rounds_of_both = zip(taken[f"plain, {what}"], taken[f"ours, {what}"], strict=True)
            ratios = [plain[place] / ours[place] for plain, ours in rounds_of_both]
            told.setdefault(f"{what}: times as fast", {})[clock] = round(median(ratios), 2)
    return told


def compare_once(settings: Settings, files: list[Path], taken: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Each way once; the passages."""
    encoder = encoder_of(settings)
    timed(taken, "ours, whole", lambda: add_ours(settings, encoder, files))
    with open_database(settings.database) as db:
        texts = [row[0] for row in db.conn.execute("SELECT text FROM chunks GROUP BY content_hash ORDER BY id")]
    # As an ingest does, some at a time.
    blocks = [texts[first : first + _TEXTS_A_BLOCK] for first in range(0, len(texts), _TEXTS_A_BLOCK)]
    timed(taken, "plain, whole", lambda: add_plainly(encoder, files, texts))
    timed(taken, "ours, embedding", lambda: [encoder.encode_passages(block) for block in blocks])
    timed(taken, "plain, embedding", lambda: encoder.model.encode(texts, show_progress_bar=False))
    return texts


def timed(taken: dict[str, list[tuple[float, float]]], kind: str, work: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    taken.setdefault(kind, []).append((time.perf_counter() - wall, cpu_seconds() - cpu))


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def make_library(home: Path) -> Settings:
    settings = load_settings(home=home, model="packaged-minilm", ocr="off")
    settings.prepare_home()
    prepare_database(settings.database)
    return settings


def encoder_of(settings: Settings) -> Encoder:
    encoder = load_version(ensure_active_model(settings).version, settings.home)
    encoder.encode_passages(["warm"])
    return encoder


def add_ours(settings: Settings, encoder: Encoder, files: list[Path]) -> None:
    """Until every passage can be found."""
    add_paths(settings, files)
    version = ensure_active_model(settings).version
    run_ingest(settings, encoder, version, Silent())
    with open_database(settings.database) as db:
        assert vectors.count_missing(db, version.id) == 0
        assert len(open_index(db, version, settings.home).index) == library.count_chunks(db)


def add_plainly(encoder: Encoder, files: list[Path], texts: list[str]) -> None:
    for path in files:
        try:
            for page in PdfReader(path).pages:
                page.extract_text()
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            say(f"pypdf can't read {path.name}: {error}")
    index = faiss.IndexFlatIP(encoder.dimension)
    index.add(np.asarray(encoder.model.encode(texts, show_progress_bar=False), np.float32))


def add_again(folder: Path, files: list[Path], papers: int) -> dict[str, Any]:
    """A folder of so many papers, added twice."""
    settings = make_library(folder / "again")
    ensure_active_model(settings)
    many = folder / "many"
    many.mkdir()
    for number in range(papers):
        path = many / f"{number:04}.pdf"
        shutil.copyfile(files[number % len(files)], path)
        with path.open("ab") as file:
            file.write(f"\n% {number}\n".encode())
    began = time.perf_counter()
    add_paths(settings, [many])
    first = time.perf_counter() - began
    with open_database(settings.database) as db:
        with transaction(db):
            db.conn.execute("UPDATE documents SET state = ?", [DocumentState.READY])
        began = time.perf_counter()
        added = add_paths(settings, [many])
        again = time.perf_counter() - began
        waiting = library.has_unfinished_documents(db)
    return {
        "papers": papers,
        "megabytes": round(sum(path.stat().st_size for path in many.iterdir()) / 2**20),
        "copied_in_s": round(first, 2),
        "again_s": round(again, 2),
        "known": len(added.known),
        "something_to_read_or_embed": waiting,
    }


if __name__ == "__main__":
    sys.exit(main())
