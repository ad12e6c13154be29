# PYTHON_ARGCOMPLETE_OK
"""Whetstone: `python app.py` serves the page. `python app.py --help` lists what can be set."""

import argparse
import asyncio
import errno
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from api.password import PasswordFile, store_password
from core.cli import DONE, ask_new_password, end_as_by_ctrl_c, print_json, run_command
from core.errors import LibraryError, SettingsError
from core.served import Served, announced, local_url
from core.settings import PACKAGED_MODEL, VARIABLES, Settings, find_home, load_settings, open_to_others
from core.stored_settings import forget_setting, list_knobs, store_setting
from ui.guard import is_loopback

if TYPE_CHECKING:
    import uvicorn

    from ui.open_pages import OpenPages

_SECONDS_BETWEEN_LOOKS = 0.5

# Whose address a request comes from is not for the request to tell: tries of the password are counted by it.
SERVER: dict[str, Any] = {
    "log_level": "warning", "timeout_graceful_shutdown": 3, "proxy_headers": False, "server_header": False
}  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
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
    parser.add_argument("--settings", action="store_true", help="list the settings and where each comes from, and end")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="keep a setting in the library, and end"
    )
    parser.add_argument("--unset", action="append", default=[], metavar="NAME", help="let it be the default again")
    parser.add_argument("--diagnostics", action="store_true", help="print what a report of a fault needs, and end")
    parser.add_argument("--json", action="store_true", help="print settings or diagnostics as one JSON document")
    parser.add_argument(
        "--while-open",
        action="store_true",
        help="end once no page is open any more and the work that was begun is done, as 'python -m desktop' asks",
    )
    return parser


def main(args: argparse.Namespace) -> int:
    logging.getLogger("jobs").setLevel(logging.INFO)
    if args.set or args.unset:
        change_settings(find_home(args.home), args.set, args.unset)
        return DONE
    settings = load_settings(home=args.home, model=args.model, host=args.host, port=args.port)
    if args.set_password:
        set_password(settings)
    elif args.settings:
        show_settings(settings, as_json=args.json)
    elif args.diagnostics:
        show_diagnostics(settings, as_json=args.json)
    else:
        # Else what is to be done at the end would not be.
        end_as_by_ctrl_c()
        serve(settings, while_open=args.while_open)
    return DONE


def set_password(settings: Settings) -> None:
    """Keep a new password. Raises SettingsError where it was mistyped or is too short."""
    words = ask_new_password()
    settings.prepare_home()
    store_password(settings.password, words)
    print(f"The password is set. Its hash is in {settings.password}; whoever was logged in must log in again.")


def change_settings(home: Path, assignments: Sequence[str], forgotten: Sequence[str]) -> None:
    """Keep these values in the library, and forget those. Raises SettingsError at the first that can't be."""
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise SettingsError(f"'{assignment}' has no value. Write it so: --set {name}=VALUE")
        variable = store_setting(home, name, value)
        print(f"{variable.name} is {value.strip()}, {variable.effect}.")
    for name in forgotten:
        variable = forget_setting(home, name)
        print(f"{variable.name} is {variable.default or 'empty'} again, {variable.effect}.")


def show_settings(settings: Settings, *, as_json: bool) -> None:
    knobs = list_knobs(settings)
    if as_json:
        listed = {
            knob.variable.key: {
                "value": knob.value,
                "source": knob.source,
                "default": knob.variable.default,
                "meaning": knob.variable.meaning,
                "stored": bool(knob.variable.effect),
                "takes_effect": knob.variable.effect or None,
            }
            for knob in knobs
        }
        print_json({"settings": listed})
        return
    for knob in knobs:
        print(f"{knob.variable.name:<28} {knob.value}  ({knob.source})")
        print(f"{'':<28} {knob.variable.meaning}")


def show_diagnostics(settings: Settings, *, as_json: bool) -> None:
    # Delayed: FAISS and PyTorch take seconds to import.
    from api.diagnostics import as_text, diagnose
    from search.vector_index import find_device
    from storage.database import prepare_database

    settings.prepare_home()
    prepare_database(settings.database)
    facts = diagnose(settings, find_device())
    if as_json:
        print_json(facts)
    else:
        print(as_text(facts))


def serve(settings: Settings, *, while_open: bool = False) -> None:
    """Serve the page until interrupted, or only `while_open`. Raises WhetstoneError where that can't begin."""
    # Delayed until here: only what is served needs it.
    from storage.people import has_users

    users = has_users(settings.database)
    protected = users or PasswordFile(settings.password).read() is not None
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
    from indexer.start import ensure_active_model
    from jobs.supervisor import Supervisor
    from search.gpu import find_device
    from search.searcher import Searcher
    from storage.database import open_database, prepare_database
    from storage.half_done import sweep_library
    from ui.open_pages import OpenPages
    from ui.server import create_app

    # A query on several threads waits for the slowest of them, which beside a training job is slow indeed.
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    prepare_database(settings.database)
    sweep_library(settings)
    start = ensure_active_model(settings, switch=True)
    searcher = Searcher(settings)
    device = find_device()
    drawer = Drawer(DrawLimits(megabytes=settings.read_megabytes))
    drawer.warm()
    services = Services(settings, searcher, device, f"{start.version.name}, as {start.why}", drawer)
    logging.getLogger().addHandler(services.warnings)
    pages = OpenPages(create_app(services))

    def load_model() -> None:
        with open_database(settings.database) as db:
            searcher.live_model(db).floor()

    threading.Thread(target=load_model, name="load the model", daemon=True).start()
    supervisor = Supervisor(settings)
    supervisor.start()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    served = Served(local_url(host, port), services.run)
    print(f"Whetstone   http://{shown}:{port}", flush=True)
    print(f"Library     {settings.home}", flush=True)
    if rights := open_to_others(settings.home):
        cure = f"chmod 700 '{settings.home}'"
        print(f"Rights      {rights}, which is open to other users of this machine; to close it: {cure}", flush=True)
    if protected:
        print("Users       sign in" if users else "Password    is asked for", flush=True)
    named = "" if start.version.source == PACKAGED_MODEL else f" ({start.version.source})"
    print(f"Model       {start.version.name}{named}, as {start.why}", flush=True)
    print(f"Index       on {device.name}: {device.why}", flush=True)
    try:
        server = uvicorn.Server(uvicorn.Config(pages, **SERVER))
        logging.getLogger("uvicorn.error").addFilter(_tells_a_fault)
        if while_open:
            threading.Thread(target=end_when_unused, args=(server, pages, settings), daemon=True).start()
        with announced(settings, served):
            server.run(sockets=[listener])
    except KeyboardInterrupt:
        # How it is ended: the server has closed by then, and hands the signal on.
        print("Whetstone has ended.", flush=True)
    finally:
        supervisor.stop()
        held.release()


def _tells_a_fault(record: logging.LogRecord) -> bool:
    """Not that a page was still open at the end: the stream it listens on is cut off then, which harms nothing."""
    cut_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_off and "timeout graceful shutdown exceeded" not in record.getMessage()


def end_when_unused(server: "uvicorn.Server", pages: "OpenPages", settings: Settings) -> None:
    """End the server once no page is open and no work is left: what was begun is done even with its window closed."""
    from storage.database import open_database
    from storage.jobs import open_jobs
    from storage.library import has_unfinished_documents

    told = False
    while not server.should_exit:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        if not pages.unused():
            told = False
            continue
        with open_database(settings.database) as db:
            server.should_exit = not open_jobs(db) and not has_unfinished_documents(db)
        if not server.should_exit and not told:
            told = True
            print("No page is open. Work goes on to its end, then Whetstone ends; Ctrl-C ends it now.", flush=True)


def take_library(settings: Settings) -> FileLock:
    """The right to serve this library, kept until it is released or this process ends. Raises LibraryError where
    another process has it.
    """
    lock = FileLock(settings.app_lock)
    try:
        # Whoever just looks whether it is held lets go at once.
        lock.acquire(timeout=1)
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
    sys.exit(run_command(main, build_parser()))
