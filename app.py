"""Whetstone: `python app.py` serves the page. `python app.py --help` lists what can be set."""

import argparse
import errno
import logging
import os
import socket
import sqlite3
import sys
import threading

from filelock import FileLock, Timeout

from core.cli import quieten_libraries
from core.errors import LibraryError, SettingsError, WhetstoneError, explain_storage_error
from core.settings import VARIABLES, Settings, load_settings


def parse_arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {v.name:<28} {v.meaning} (default: {v.default})" for v in VARIABLES)
    parser = argparse.ArgumentParser(
        prog="python app.py",
        description="Serve the Whetstone page: search your papers, judge, retrain.",
        epilog=f"environment variables:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", help="the library folder")
    parser.add_argument("--model", help="auto, packaged-minilm, a hub id, or a model folder")
    parser.add_argument("--host", help="the address to serve on")
    parser.add_argument("--port", help="the port to serve on; 0 for any free one")
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    quieten_libraries()
    logging.getLogger("jobs").setLevel(logging.INFO)
    try:
        settings = load_settings(home=args.home, model=args.model, host=args.host, port=args.port)
        serve(settings)
    except WhetstoneError as error:
        print(error, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(explain_storage_error(error), file=sys.stderr)
        return 1
    return 0


def serve(settings: Settings) -> None:
    """Serve the page until interrupted. Raises WhetstoneError where that can't begin."""
    listener = open_listener(settings.host, settings.port)
    settings.prepare_home()
    held = take_library(settings)
    # Both are read when Gradio is imported: uploads stay in the library folder, and nothing is sent to anyone.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(settings.uploads)
    # Delayed until now for that, and so that a wrong argument is answered at once.
    import faiss
    import torch
    import uvicorn

    from indexer.ingest import sweep_copies
    from indexer.start import ensure_active_model
    from jobs.supervisor import Supervisor
    from search.searcher import Searcher
    from search.vector_index import find_device
    from storage.database import open_database, prepare_database
    from ui.server import create_app
    from ui.services import Services
    from ui.uploads import sweep_uploads

    # A query on several threads waits for the slowest of them, which beside a training job is slow indeed.
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    prepare_database(settings.database)
    sweep_uploads(settings)
    sweep_copies(settings)
    start = ensure_active_model(settings, switch=True)
    searcher = Searcher(settings)
    device = find_device()
    app = create_app(Services(settings, searcher, device, f"{start.version.name}, as {start.why}"))

    def load_model() -> None:
        with open_database(settings.database) as db:
            searcher.live_model(db)

    threading.Thread(target=load_model, name="load the model", daemon=True).start()
    supervisor = Supervisor(settings)
    supervisor.start()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"Whetstone   http://{shown}:{port}", flush=True)
    print(f"Library     {settings.home}", flush=True)
    print(f"Model       {start.version.name} ({start.version.source}): {start.why}", flush=True)
    print(f"Index       on {device.name}: {device.why}", flush=True)
    try:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
        server.run(sockets=[listener])
    finally:
        supervisor.stop()
        held.release()


def take_library(settings: Settings) -> FileLock:
    """The right to serve this library, kept until it is released or this process ends. Raises LibraryError where
    another process has it.
    """
    lock = FileLock(settings.app_lock)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LibraryError(
            f"The library '{settings.home}' is served by another Whetstone already. Use that one, or give another "
            "folder with --home."
        ) from error
    return lock


def open_listener(host: str, port: int) -> socket.socket:
    """A socket on this address, taken before anything else is done. Raises SettingsError where it can't be had."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"WHETSTONE_HOST is '{host}', but the page has no password yet, so it is served on 127.0.0.1 only. "
            "To reach it from another machine, use an SSH tunnel."
        )
    listener = socket.socket(socket.AF_INET6 if host == "::1" else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} is in use, perhaps by another Whetstone. Choose another with --port."
            ) from error
        raise SettingsError(f"The address {host}:{port} can't be served on ({error.strerror}).") from error
    return listener


if __name__ == "__main__":
    sys.exit(main())
