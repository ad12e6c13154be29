"""`python -m search map`: draw the map of the library where it is out of date, and tell what is on it."""

import argparse
from typing import Any

from core.cli import DONE, add_home_argument, count, print_json, whole_id
from core.errors import LibraryError
from core.settings import Settings
from core.types import JobState
from search.map.view import compare_maps, describe_map
from storage import library, models
from storage.commands import settings_from
from storage.database import open_database


def build_map_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search map", description="Groups of papers that are alike, and where each stands on the map."
    )
    add_home_argument(parser)
    parser.add_argument("--model", type=whole_id, metavar="ID", help="of this version (the active one)")
    parser.add_argument(
        "--beside", type=whole_id, metavar="ID", help="also the map of this version, and whose neighbours change"
    )
    parser.add_argument("--redraw", action="store_true", help="lay the map out anew, though it is up to date")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def show_map(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    # Delayed: PyTorch takes seconds to import.
    from indexer.start import ensure_active_model

    ensure_active_model(settings)
    first = _drawn(settings, args.model, anew=args.redraw)
    if args.beside is None:
        _tell(first, args)
        return DONE
    second = _drawn(settings, args.beside, anew=args.redraw)
    with open_database(settings.database) as db:
        one, other = (models.get_model(db, shown["model"]["id"]) for shown in (first, second))
        changed = compare_maps(db, one, other)
        titles = {document.id: document.title for document in library.list_documents(db)}
    if args.json:
        print_json({"map": first, "beside": second, "changed": changed})
        return DONE
    _tell(first, args)
    print(f"\nOf the five nearest papers under {one.name}, these keep fewest under {other.name}:")
    for row in changed[:10]:
        print(f"{row['kept']:>6.0%}  {titles.get(row['paper'], '')}")
    return DONE


def _drawn(settings: Settings, model_id: int | None, *, anew: bool) -> dict[str, Any]:
    """The version's map, drawn now where it is not up to date."""
    from jobs.terminal import show_job
    from jobs.worker import run_or_wait
    from search.map.queue import queue_map

    with open_database(settings.database) as db:
        job = queue_map(db, model_id, anew=anew)
    if job is not None:
        job = run_or_wait(settings, job, show_job)
        if job.state is not JobState.DONE:
            raise LibraryError(job.reason or f"The job ended as {job.state}.")
    with open_database(settings.database) as db:
        version = models.version_or_active(db, model_id)
        assert version is not None
        return describe_map(db, version)


def _tell(shown: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        print_json(shown)
        return
    if not shown["papers"]:
        print("There is no paper to show. Add some with 'python -m indexer add FILE_OR_FOLDER'.")
    for group in shown["groups"]:
        print(f"{group['name']} ({count(group['papers'], 'paper')})")
        for paper in shown["papers"]:
            if paper["group"] == group["group"]:
                year = f" ({paper['year']})" if paper["year"] else ""
                print(f"{paper['id']:>6}  {paper['title']}{year}")
