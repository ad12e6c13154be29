"""The whole loop over real papers, timed: ingest, ask, approve, retrain, switch, undo.

    python -m benchmarks.loop FOLDER_OF_PDFS [--papers 20] [--pairs 40] [--epochs 1] [--json]

The questions are made from the papers: the first sentence of a passage asks for that passage. So this measures speed,
not quality. A new library in a temporary folder is used and thrown away.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from core.cli import print_json, quieten_libraries, say
from core.settings import Settings, load_settings
from core.types import DocumentState, Job, JobKind, JobState, StoredChunk
from jobs.terminal import show_job
from storage import jobs, library, models
from storage.database import open_database, prepare_database
from storage.judgements import store_judgement

_QUERIES = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--papers", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=40, help="approvals to retrain from")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    quieten_libraries()
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=home)
        settings.prepare_home()
        prepare_database(settings.database)
        figures = run_loop(settings, _choose_papers(args.folder, args.papers), args.pairs, args.epochs)
    if args.json:
        print_json(figures)
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value}")
    return 0


def run_loop(settings: Settings, papers: list[Path], pairs: int, epochs: int) -> dict[str, object]:
    figures: dict[str, object] = {"machine": f"{os.cpu_count()} x {platform.machine()}, {platform.system()}"}
    figures |= _ingest(settings, papers)
    chunks = _sample_chunks(settings, max(pairs, _QUERIES))
    figures |= _search(settings, [_question(chunk) for chunk in chunks[:_QUERIES]])
    figures |= _retrain(settings, chunks[:pairs], epochs)
    return figures


def _ingest(settings: Settings, papers: list[Path]) -> dict[str, object]:
    from indexer.ingest import add_file
    from indexer.start import ensure_active_model
    from jobs.worker import run_or_wait

    ensure_active_model(settings)
    began = time.perf_counter()
    for paper in papers:
        add_file(settings, paper)
    with open_database(settings.database) as db:
        job = jobs.add_job(db, JobKind.INGEST)
    _require_done(run_or_wait(settings, job, show_job))
    seconds = time.perf_counter() - began
    with open_database(settings.database) as db:
        documents = library.list_documents(db)
    ready = [document for document in documents if document.state is DocumentState.READY]
    pages, chunks = sum(d.pages for d in ready), sum(d.chunks for d in ready)
    return {
        "papers ready": len(ready),
        "papers failed": len(documents) - len(ready),
        "pages": pages,
        "passages": chunks,
        "ingest seconds": round(seconds, 1),
        "pages/s": round(pages / seconds, 1),
        "passages/s": round(chunks / seconds, 1),
    }


def _search(settings: Settings, questions: list[str]) -> dict[str, object]:
    import faiss
    import torch

    from search.searcher import Searcher, SearchRequest

    # As in the web process: one thread for a query.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    searcher = Searcher(settings)
    searcher.search(SearchRequest(questions[0]))
    milliseconds = [searcher.search(SearchRequest(question)).seconds * 1000 for question in questions]
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    return {
        "query p50 ms": round(statistics.median(milliseconds), 1),
        "query p95 ms": round(statistics.quantiles(milliseconds, n=20)[-1], 1),
    }


def _retrain(settings: Settings, chunks: list[StoredChunk], epochs: int) -> dict[str, object]:
    from jobs.worker import run_or_wait
    from training.promotion import switch_now_or_later
    from training.recipe.settings import PRESETS

    with open_database(settings.database) as db:
        for chunk in chunks:
            store_judgement(db, _question(chunk), chunk.id, 1)
        job = jobs.add_job(db, JobKind.RETRAIN, asdict(replace(PRESETS["default"], epochs=epochs)))
    began = time.perf_counter()
    job = _require_done(run_or_wait(settings, job, show_job))
    retrain_seconds = time.perf_counter() - began
    with open_database(settings.database) as db:
        version = models.get_model(db, job.result["model_id"])
    began = time.perf_counter()
    switch_now_or_later(settings, {"model_id": version.id})
    promote_seconds = time.perf_counter() - began
    began = time.perf_counter()
    switch_now_or_later(settings, {"undo": True})
    return {
        "approved pairs": len(chunks),
        "retrain seconds": round(retrain_seconds, 1),
        "promote seconds": round(promote_seconds, 2),
        "undo seconds": round(time.perf_counter() - began, 2),
        "verdict": version.report["decision"],
    }


def _require_done(job: Job) -> Job:
    if job.state is not JobState.DONE:
        say(job.reason or f"The {job.kind} job ended as {job.state}.")
        sys.exit(1)
    return job


def _choose_papers(folder: Path, count: int) -> list[Path]:
    papers = sorted(path for path in folder.rglob("*.pdf") if path.is_file())
    return sorted(random.Random(0).sample(papers, min(count, len(papers))))


def _sample_chunks(settings: Settings, count: int) -> list[StoredChunk]:
    with open_database(settings.database) as db:
        chunks = [c for d in library.list_documents(db) for c in library.chunks_of_document(db, d.id)]
    long = [chunk for chunk in chunks if len(chunk.text) > 200]
    return random.Random(0).sample(long, min(count, len(long)))


def _question(chunk: StoredChunk) -> str:
    return " ".join(chunk.text.split()[:12])


if __name__ == "__main__":
    sys.exit(main())
