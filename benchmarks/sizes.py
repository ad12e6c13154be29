"""How the index grows: memory, latency, overlap with exact search, adding, removing and starting, by size.

    python -m benchmarks.sizes [--sizes 10000,100000,1000000] [--dimension 384] [--json]

The vectors are made, not embedded: 1,000 topics of Zipf sizes, whose centres and whose passages spread over the
directions as unevenly as text does (power law). Finding neighbours among them is harder than among real passages: of
the 4,758 passages of Cranfield and PubMedQA the one-bit codes hold 99% of the ten best in their 40 best, of as many
made ones 88%. Questions lie farther from the centres than passages do. Each size is a library on disk with rows as an
ingest leaves them, but with texts of a few words. Everything runs on one thread, as searches do. The index alone is
timed: a start loads the model besides, and files that were just written are read from the system's memory.
"""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from sqlite_utils import Database

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json, quieten_libraries, say
from core.settings import load_settings
from core.types import EmbeddingMatrix, ModelVersion, content_hash
from indexer.ingest import remove_documents
from search.index_cache import open_index, refresh_index_file
from search.vector_index import VectorIndex
from storage import library, models, vectors
from storage.database import open_database, prepare_database, transaction
from storage.index_files import index_files

_TOPICS, _NEARNESS, _NEARNESS_OF_QUESTIONS = 1000, 0.6, 0.45
_PASSAGES_A_PAPER = 100
_QUESTIONS = 100
_BLOCK = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    faiss.omp_set_num_threads(1)
    print_json([measure(int(size), args.dimension) for size in args.sizes.split(",")])
    return 0


class MadeVectors:
    """Unit vectors around topics, and questions about them; the same for the same seed."""

    def __init__(self, dimension: int) -> None:
        self._chance = np.random.default_rng(0)
        spread = (np.arange(dimension) + 20.0) ** -1
        self._scale = np.sqrt(spread / spread.sum()).astype(np.float32)
        self._turn = np.linalg.qr(self._chance.standard_normal((dimension, dimension)))[0].astype(np.float32)
        self._centres = self._draw(_TOPICS)
        shares = 1 / np.arange(1, _TOPICS + 1)
        self._shares = shares / shares.sum()

    def passages(self, count: int) -> EmbeddingMatrix:
        return self._around(count, _NEARNESS)

    def questions(self, count: int) -> EmbeddingMatrix:
        return self._around(count, _NEARNESS_OF_QUESTIONS)

    def _around(self, count: int, nearness: float) -> EmbeddingMatrix:
        topics = self._chance.choice(_TOPICS, count, p=self._shares)
        return _unit(nearness * self._centres[topics] + (1 - nearness**2) ** 0.5 * self._draw(count))

    def _draw(self, count: int) -> EmbeddingMatrix:
        return _unit((self._chance.standard_normal((count, len(self._scale)), np.float32) * self._scale) @ self._turn)


def measure(size: int, dimension: int) -> dict[str, Any]:
    """One library of this size: its figures."""
    made = MadeVectors(dimension)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        settings = load_settings(home=Path(name))
        settings.prepare_home()
        prepare_database(settings.database)
        with open_database(settings.database) as db:
            version = models.add_model(
                db, name="made", source="made", dimension=dimension, window=256, fingerprint="made"
            )
            models.activate_model(db, version.id)
            fill(db, version, made, size)
            say(f"{size:,} passages made")
            figures: dict[str, Any] = {"passages": size, "dimension": dimension}
            figures |= measure_searches(db, version, settings.home, made)
            figures |= measure_start(db, version, settings.home)
            figures |= measure_changes(db, version, settings.home, made, size)
            before = len(index_files(settings.home))
            began = time.perf_counter()
            remove_documents(settings, [library.list_documents(db)[0].id])
            figures["removing_a_paper_whole_s"] = round(time.perf_counter() - began, 2)
            figures["files_before_and_after_it"] = [before, len(index_files(settings.home))]
    return figures


def fill(db: Database, version: ModelVersion, made: MadeVectors, size: int) -> None:
    for first in range(0, size, _BLOCK):
        count = min(_BLOCK, size - first)
        add_papers(db, version, made.passages(count), first)


def add_papers(db: Database, version: ModelVersion, rows: EmbeddingMatrix, first: int) -> None:
    """Papers of passages of a few words, with these vectors."""
    store_papers(db, version, [f"passage {first + n}" for n in range(len(rows))], rows, first)


def store_papers(db: Database, version: ModelVersion, texts: list[str], rows: EmbeddingMatrix, first: int) -> None:
    """Papers of 100 passages each, with these texts and vectors, as an ingest leaves them."""
    with transaction(db):
        for start in range(0, len(rows), _PASSAGES_A_PAPER):
            block = rows[start : start + _PASSAGES_A_PAPER]
            number = (first + start) // _PASSAGES_A_PAPER
            document, _ = library.add_document(db, f"{number:064x}", f"{number}.pdf")
            passages = texts[start : start + _PASSAGES_A_PAPER]
            db.conn.executemany(
                "INSERT INTO chunks (document_id, text, spans, content_hash) VALUES (?, ?, '[[1, 0, 9]]', ?)",
                [(document.id, text, content_hash(text)) for text in passages],
            )
            vectors.store_vectors(db, version.id, [content_hash(text) for text in passages], block)
            db.conn.execute("UPDATE documents SET state = 'ready' WHERE id = ?", [document.id])


def measure_searches(db: Database, version: ModelVersion, home: Path, made: MadeVectors) -> dict[str, Any]:
    """Latency and overlap beside plain FAISS, and the memory each takes; the questions alternate between the two."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak up to now
    before = resident_megabytes()
    began = time.perf_counter()
    index = open_index(db, version, home).index
    from_rows, ours = time.perf_counter() - began, resident_megabytes() - before
    peak = resident_megabytes("VmHWM") - before
    plain = VectorIndex(version.dimension, index.device)
    for changes in vectors.change_blocks(db, version.id, version.dimension, vectors.ChangeMark()):
        plain.update(changes.removed, changes.added, changes.vectors)
    ids = plain.ids
    times: dict[str, list[float]] = {"ours": [], "plain": [], "half": [], "paper": []}
    shares = []

    def stored(wanted: Any) -> Any:
        return vectors.find_vectors(db, version.id, wanted, version.dimension)

    def timed(kind: str, one: VectorIndex, question: Any, among: Any = None) -> list[int]:
        began = time.perf_counter()
        found = one.search(question, 10, among, None if one is plain else stored).ids.tolist()
        times[kind].append(time.perf_counter() - began)
        return found

    half, paper = ids[::2].tolist(), ids[:_PASSAGES_A_PAPER].tolist()
    for number, question in enumerate(made.questions(_QUESTIONS)):
        shares.append(len(set(timed("ours", index, question)) & set(timed("plain", plain, question))) / 10)
        if number < 10:
            timed("half", index, question, half)
            timed("paper", index, question, paper)
    return {
        "kind": "exact" if index.exact else "codes, rescored from the rows",
        "overlap_at_10": round(float(np.mean(shares)), 4),
        "least_overlap": min(shares),
        "search_ms": percentiles(times["ours"]),
        "plain_faiss_ms": percentiles(times["plain"]),
        "search_in_half_of_the_papers_ms": percentiles(times["half"]),
        "search_in_one_paper_ms": percentiles(times["paper"]),
        "memory_mb": round(ours),
        "memory_while_it_is_made_mb": round(peak),
        "vectors_mb": round(len(ids) * version.dimension * 4 / 2**20),
        "start_from_rows_s": round(from_rows, 2),
    }


def measure_start(db: Database, version: ModelVersion, home: Path) -> dict[str, Any]:
    """Writing the start-up copy, and a start from it; none is needed where the index is exact."""
    began = time.perf_counter()
    if not refresh_index_file(db, version, home):
        return {}
    written = time.perf_counter() - began
    size = sum(path.stat().st_size for path in index_files(home))
    began = time.perf_counter()
    assert not open_index(db, version, home).index.exact
    return {
        "making_and_writing_the_copy_s": round(written, 2),
        "copy_mb": round(size / 2**20),
        "start_from_the_copy_s": round(time.perf_counter() - began, 2),
    }


def measure_changes(db: Database, version: ModelVersion, home: Path, made: MadeVectors, size: int) -> dict[str, Any]:
    """A paper of 100 passages added to the index and removed from it, as a search finds it in the rows."""
    now = open_index(db, version, home)
    ids = np.arange(_PASSAGES_A_PAPER) + int(now.index.ids.max()) + 1
    rows = made.passages(_PASSAGES_A_PAPER)
    nothing = ids[:0]
    began = time.perf_counter()
    now.index.update(nothing, ids, rows)
    added = time.perf_counter() - began
    began = time.perf_counter()
    now.index.update(now.index.ids[:_PASSAGES_A_PAPER], nothing, rows[:0])
    removed = time.perf_counter() - began
    add_papers(db, version, rows, size + _BLOCK)
    began = time.perf_counter()
    written = refresh_index_file(db, version, home)
    return {
        "adding_a_paper_ms": round(1000 * added, 1),
        "removing_a_paper_ms": round(1000 * removed, 1),
        "copy_after_one_more_paper_s": round(time.perf_counter() - began, 2) if written else None,
    }


def percentiles(times: list[float]) -> dict[str, float]:
    return {f"p{share}": round(1000 * float(np.percentile(times, share)), 1) for share in (50, 95)}


def resident_megabytes(which: str = "VmRSS") -> float:
    return int(Path("/proc/self/status").read_text().split(f"{which}:")[1].split()[0]) / 1024


def _unit(rows: np.ndarray) -> EmbeddingMatrix:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    sys.exit(main())
