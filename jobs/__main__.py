# PYTHON_ARGCOMPLETE_OK
"""`python -m jobs`: do the library's heavy work until the parent process ends. The app starts this by itself.

`python -m jobs list` shows what waits, runs and has ended; `cancel` and `dismiss` do what the page's buttons do.
"""

import argparse
import os
import sys
import threading
from dataclasses import asdict

from core.cli import DONE, add_home_argument, print_json, run_command, whole_id
from core.settings import Settings
from core.types import Job
from jobs.terminal import describe_job
from storage import jobs
from storage.commands import settings_from
from storage.database import open_database

_LAST = 20


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jobs", description=__doc__)
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command")
    listing = commands.add_parser("list", help="show the last jobs, newest first")
    cancel = commands.add_parser("cancel", help="ask for a job's end; it leaves nothing half done")
    dismiss = commands.add_parser("dismiss", help="show the end of a job on the page no more")
    for command in (cancel, dismiss):
        command.add_argument("id", type=whole_id, metavar="ID")
    for command in (listing, cancel, dismiss):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def main(args: argparse.Namespace) -> int:
    if args.command is None:
        return work(args)
    commands = {"list": list_jobs, "cancel": cancel_job, "dismiss": dismiss_job}
    return commands[args.command](settings_from(args), args)


def list_jobs(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        found = jobs.last_jobs(db, _LAST)
    if args.json:
        print_json({"jobs": [asdict(job) for job in found]})
        return DONE
    for job in found:
        _show(job)
    if not found:
        print("There was no job yet.")
    return DONE


def cancel_job(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        jobs.get_job(db, args.id)
        jobs.request_cancel(db, args.id)
        return _answer(args, jobs.get_job(db, args.id))


def dismiss_job(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        jobs.get_job(db, args.id)
        jobs.dismiss_job(db, args.id)
        return _answer(args, jobs.get_job(db, args.id))


def work(args: argparse.Namespace) -> int:
    _end_with_parent()
    _lower_priority()
    # Delayed, for the parent may be gone by then. The first takes seconds, for which nobody waits now.
    import sentence_transformers  # noqa: F401

    from indexer.watching import FolderWatch
    from jobs.worker import Worker

    settings = settings_from(args)
    FolderWatch(settings).start()
    Worker(settings, supervised=True).work_until(lambda: False)
    return DONE


def _answer(args: argparse.Namespace, job: Job) -> int:
    if args.json:
        print_json(asdict(job))
    else:
        _show(job)
    return DONE


def _show(job: Job) -> None:
    said = describe_job(job) if job.open else job.reason or ""
    print(f"{job.id:>5}  {job.kind:<8}  {job.state:<9}  {said}".rstrip())


def _end_with_parent() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        # At once, like a power cut: every step is a transaction, and the next start goes on from there.
        os._exit(0)

    threading.Thread(target=wait, name="watch the parent", daemon=True).start()


def _lower_priority() -> None:
    """Searches in the web process come first; where the system has no priorities of this kind, nothing changes."""
    if hasattr(os, "nice"):
        os.nice(5)


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
