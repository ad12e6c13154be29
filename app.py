# PYTHON_ARGCOMPLETE_OK
"""Whetstone: `python app.py` serves the page. `python app.py --help` lists what can be set."""

import argparse
import errno
import getpass
import logging
import os
import socket
import sqlite3
import sys
import threading
from typing import Any

from filelock import FileLock, Timeout

from core.cli import complete, quieten_libraries
from core.errors import LibraryError, SettingsError, WhetstoneError, explain_storage_error
from core.settings import VARIABLES, Settings, load_settings
from ui.guard import is_loopback
from ui.password import PasswordFile, store_password

# Whose address a request comes from is not for the request to tell: tries of the password are counted by it.
SERVER: dict[str, Any] = {
    "log_level": "warning", "timeout_graceful_shutdown": 3, "proxy_headers": False, "server_header": False
}  # fmt: skip


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
    parser.add_argument(
        "--set-password",
        action="store_true",
        help="ask for a new password (without a terminal, read a line), keep its hash in the library, and end; "
        "to ask visitors for none again, delete the file password.json there",
    )
    complete(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    quieten_libraries()
    logging.getLogger("jobs").setLevel(logging.INFO)
    try:
        settings = load_settings(home=args.home, model=args.model, host=args.host, port=args.port)
        if args.set_password:
            set_password(settings)
        else:
            serve(settings)
    except WhetstoneError as error:
        print(error, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(explain_storage_error(error), file=sys.stderr)
        return 1
    return 0


def set_password(settings: Settings) -> None:
    """Keep a new password. Raises SettingsError where it was mistyped or is too short."""
    if sys.stdin.isatty():
        words = getpass.getpass("New password: ")
        if words != getpass.getpass("Once more: "):
            raise SettingsError("The two passwords are not the same, so the old one stays. Try again.")
    else:
        words = sys.stdin.readline().rstrip("\r\n")
    settings.prepare_home()
    store_password(settings.password, words)
    print(f"The password is set. Its hash is in {settings.password}; whoever was logged in must log in again.")


def serve(settings: Settings) -> None:
    """Serve the page until interrupted. Raises WhetstoneError where that can't begin."""
    protected = PasswordFile(settings.password).read() is not None
    if not protected:
        require_loopback(settings)
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

    from api.services import Services
    from indexer.drawing import Drawer, DrawLimits
    from indexer.ingest import sweep_copies
    from indexer.start import ensure_active_model
    from jobs.supervisor import Supervisor
    from search.gpu import find_device
    from search.searcher import Searcher
    from storage.database import open_database, prepare_database
    from ui.server import create_app
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
    drawer = Drawer(DrawLimits(megabytes=settings.read_megabytes))
    drawer.warm()
    app = create_app(Services(settings, searcher, device, f"{start.version.name}, as {start.why}", drawer))

    def load_model() -> None:
        with open_database(settings.database) as db:
            searcher.live_model(db).floor()

    threading.Thread(target=load_model, name="load the model", daemon=True).start()
    supervisor = Supervisor(settings)
    supervisor.start()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"Whetstone   http://{shown}:{port}", flush=True)
    print(f"Library     {settings.home}", flush=True)
    if protected:
        print("Password    is asked for", flush=True)
    print(f"Model       {start.version.name} ({start.version.source}): {start.why}", flush=True)
    print(f"Index       on {device.name}: {device.why}", flush=True)
    try:
        server = uvicorn.Server(uvicorn.Config(app, **SERVER))
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


def require_loopback(settings: Settings) -> None:
    """Raise SettingsError where others could reach the page, which has no password."""
    if not is_loopback(settings.host):
        raise SettingsError(
            f"WHETSTONE_HOST is '{settings.host}', which other machines may reach, and no password is set. "
            "Set one: python app.py --set-password"
        )
    if settings.names:
        raise SettingsError(
            f"WHETSTONE_NAMES is '{' '.join(settings.names)}', so others may reach the page, and no password is set. "
            "Set one: python app.py --set-password"
        )


def open_listener(host: str, port: int) -> socket.socket:
    """A socket on this address, taken before anything else is done. Raises SettingsError where it can't be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # A name that means both, as localhost does, is served on the address that older programs try.
        family, kind, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    except OSError as error:
        raise SettingsError(f"WHETSTONE_HOST is '{host}', which is no address here ({error.strerror}).") from error
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
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
