"""The commands that have folders watched: watch, unwatch, watched."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from core.cli import DONE, add_home_argument, print_json
from core.settings import Settings
from indexer.added import Added
from storage import watched
from storage.database import open_database

WATCH_COMMANDS = ("watch", "unwatch", "watched")


def add_watch_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    watch = commands.add_parser("watch", help="add the papers of folders, now and, while the app runs, by themselves")
    unwatch = commands.add_parser("unwatch", help="watch folders no more; their papers stay")
    for command in (watch, unwatch):
        command.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    listing = commands.add_parser("watched", help="show the folders that are watched")
    for command in (watch, unwatch, listing):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")


def run_watch_command(
    settings: Settings, args: argparse.Namespace, finish: Callable[[Settings, argparse.Namespace, Added], int]
) -> int:
    """Do what the command says; `finish` has the papers that were found read and told of."""
    # Delayed: ingest imports PyTorch, which takes seconds.
    from indexer.watching import look_at_folders, unwatch_folder, watch_folder

    if args.command == "watch":
        for folder in args.folders:
            watch_folder(settings, folder)
        # Nobody writes them just now, as far as whoever gave the command knows.
        return finish(settings, args, look_at_folders(settings, settle=0))
    if args.command == "unwatch":
        for folder in args.folders:
            unwatch_folder(settings, folder)
    with open_database(settings.database) as db:
        folders = watched.list_folders(db)
    if args.json:
        print_json({"folders": [asdict(folder) for folder in folders]})
        return DONE
    for folder in folders:
        print(f"{folder.path}{f'  {folder.problem}' if folder.problem else ''}")
    if not folders:
        print("No folder is watched. 'python -m indexer watch FOLDER' begins it.")
    return DONE
