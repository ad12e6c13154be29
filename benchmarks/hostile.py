"""Whether a folder of hostile files goes through one ingest: how each ends, how long it takes, and what memory is left.

    python -m benchmarks.hostile FOLDER [--seconds 60] [--megabytes 1500] [--json]

All files of the folder whose name ends in .pdf, added at once to a new library and read by a worker in a process of its
own, beside a good paper, which must be found afterwards. Meanwhile a search each second must be answered. Every file
must be ready, or failed with a sentence that names it; anything else ends it with an error.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import memory_megabytes, percentiles
from core.cli import print_json, quieten_libraries, say
from core.errors import ReadError
from core.settings import Settings, load_settings
from core.types import Document, DocumentState
from indexer.ingest import add_file
from indexer.start import ensure_active_model
from search.searcher import Searcher, SearchRequest
from storage import library
from storage.database import open_database, prepare_database
from tests.papers import make_paper, write

_ROOT = Path(__file__).resolve().parents[1]
_GOOD = "A lighthouse keeper counts the ships that pass the cape in fog."
_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=60, help="the longest a file may take")
    parser.add_argument("--megabytes", type=int, default=1500, help="the most memory a file may take")
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    with tempfile.TemporaryDirectory() as home:
        settings = replace(load_settings(home=home), read_seconds=args.seconds, read_megabytes=args.megabytes)
        settings.prepare_home()
        prepare_database(settings.database)
        ensure_active_model(settings)
        print_json(read_all(settings, args.folder))
    return 0


def read_all(settings: Settings, folder: Path) -> dict[str, Any]:
    """Add, let the worker do its work, and look; the figures."""
    refused = 0  # by name: what can't be opened, such as a folder that is called .pdf
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".pdf"):
        try:
            add_file(settings, path)
        except ReadError:
            refused += 1
    add_file(settings, write(settings.uploads, "good.pdf", make_paper("On Lighthouses", [_GOOD] * 3)))
    searcher, searches = Searcher(settings), list[float]()
    command = [sys.executable, "-m", "jobs", "--home", str(settings.home)]
    limits = {"READ_SECONDS": settings.read_seconds, "READ_MEGABYTES": settings.read_megabytes}
    worker = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, env=_environment(limits))
    slowest, memory, began = dict[str, float](), list[float](), time.monotonic()
    with open_database(settings.database) as db:
        while library.has_unfinished_documents(db):
            assert worker.poll() is None, f"the worker ended with code {worker.returncode}"
            for document in library.list_documents(db):
                if document.state is DocumentState.READING:
                    slowest[document.names[0]] = slowest.get(document.names[0], 0) + _SECONDS_BETWEEN_LOOKS
            memory.append(memory_megabytes(worker.pid) or 0)
            asked = time.perf_counter()
            searcher.search(SearchRequest("who counts the ships?"))
            searches.append(time.perf_counter() - asked)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        documents = library.list_documents(db)
    seconds = time.monotonic() - began
    left = memory_megabytes(worker.pid)
    worker.kill()
    worker.wait()
    hits = searcher.search(SearchRequest("who counts the ships?")).hits
    assert hits[0].chunk.file_name == "good.pdf", hits[0]
    for document in documents:
        _require_an_end(document)
    return {
        "files": len(documents) - 1,
        "could_not_be_opened": refused,
        "ends": Counter(document.state for document in documents),
        "seconds": round(seconds, 1),
        "slowest": sorted(slowest.items(), key=lambda one: -one[1])[:5],
        "worker_mb": {"most": max(memory), "first": memory[0], "left": left},
        "search_ms_meanwhile": percentiles(searches),
    }


def _environment(limits: dict[str, int]) -> dict[str, str]:
    return os.environ | {f"WHETSTONE_{name}": str(value) for name, value in limits.items()}


def _require_an_end(document: Document) -> None:
    if document.state is not DocumentState.READY:
        say(f"{document.reason}")
        assert document.state is DocumentState.FAILED
        assert document.reason
        assert f"'{document.names[0]}'" in document.reason
        assert "\n" not in document.reason


if __name__ == "__main__":
    sys.exit(main())
