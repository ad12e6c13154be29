"""A served library with a worker beside it, in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.services import Services
from jobs.worker import Worker
from search.gpu import find_device
from search.searcher import Searcher
from tests.libraries import make_library
from tests.ui.site import Site, serve


@contextmanager
def serve_library(folder: Path, password: str = "") -> Iterator[Site]:
    """An empty one, with a small model."""
    settings = make_library(folder / "library", folder / "model")
    with serve_with_worker(Services(settings, Searcher(settings), find_device(), "a test"), password) as site:
        yield site


@contextmanager
def serve_with_worker(services: Services, password: str = "") -> Iterator[Site]:
    stopped = threading.Event()
    worker = threading.Thread(target=lambda: Worker(services.settings).work_until(stopped.is_set), daemon=True)
    with serve(services, password) as site:
        worker.start()
        try:
            yield site
        finally:
            stopped.set()
            worker.join(60)
            services.drawer.close()
