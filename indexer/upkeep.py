"""The commands that keep a library sound: check, backup, restore."""

import argparse
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from core.cli import DONE, REFUSED, add_home_argument, count, print_json, say
from core.errors import LibraryError
from core.settings import Settings, load_settings
from storage.database import prepare_database
from storage.integrity import DATABASE


def add_upkeep_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser("check", help="see whether files, rows, vectors and models are sound")
    check.add_argument("--repair", action="store_true", help="put right what can be, without losing a judgement")
    backup = commands.add_parser("backup", help="write the whole library to one file; the app may run on")
    backup.add_argument("file", type=Path, metavar="FILE")
    restoring = commands.add_parser("restore", help="make the library of a backup in a new or empty folder")
    restoring.add_argument("file", type=Path, metavar="FILE")
    for command in (check, backup, restoring):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")


def keep_up(args: argparse.Namespace, finish_waiting: Callable[[Settings], None]) -> int:
    """Do what the command says; `finish_waiting` has what a repair made wait read and embedded."""
    if args.command == "restore":
        return restore_library(args)
    settings = load_settings(home=getattr(args, "home", None))
    _require_library(settings)
    # What else would be a reason to end is what the check is to tell.
    if not _is_damaged(settings):
        settings.prepare_home()
    if args.command == "check":
        return check(settings, args, finish_waiting)
    return back_up_library(settings, args)


def check(settings: Settings, args: argparse.Namespace, finish_waiting: Callable[[Settings], None]) -> int:
    from jobs.check import check_library, repair_library

    repaired = repair_library(settings) if args.repair else []
    if args.repair and not any(one.problem.kind == DATABASE and one.done is None for one in repaired):
        finish_waiting(settings)
    for one in repaired:
        say(f"{one.problem.sentence} {one.done or 'It is left as it is.'}")
    outcome = check_library(settings)
    if args.json:
        print_json(
            {
                "sound": not outcome.problems,
                "papers": outcome.papers,
                "waiting": outcome.waiting,
                "passages": outcome.passages,
                "models": outcome.models,
                "problems": [{"kind": one.kind, "sentence": one.sentence} for one in outcome.problems],
                "repaired": [
                    {"kind": one.problem.kind, "sentence": one.problem.sentence, "done": one.done}
                    for one in repaired
                    if one.done is not None
                ],
            }
        )
        return REFUSED if outcome.problems else DONE
    for problem in outcome.problems:
        print(problem.sentence)
    held = f"{count(outcome.papers, 'paper')}, {count(outcome.passages, 'passage')}, {count(outcome.models, 'model')}"
    found = count(len(outcome.problems), "problem") if outcome.problems else "sound"
    print(f"{held}: {found}{'; --repair puts right what can be' if outcome.problems and not args.repair else ''}.")
    return REFUSED if outcome.problems else DONE


def back_up_library(settings: Settings, args: argparse.Namespace) -> int:
    from storage.backup import back_up, count_contents

    contents = back_up(settings, args.file.absolute())
    for sentence in contents.lacking:
        say(sentence)
    if args.json:
        print_json({"file": str(args.file)} | asdict(contents))
    else:
        print(f"Written to {args.file}: {count_contents(contents)}.")
    return DONE


def restore_library(args: argparse.Namespace) -> int:
    from storage.backup import count_contents, restore

    home = load_settings(home=getattr(args, "home", None)).home
    contents = restore(args.file.absolute(), home)
    for sentence in contents.lacking:
        say(sentence)
    if args.json:
        print_json({"home": str(home)} | asdict(contents))
    else:
        print(f"Restored to {home}: {count_contents(contents)}. Start it with 'python app.py --home {home}'.")
    return DONE


def _require_library(settings: Settings) -> None:
    """Raise LibraryError where there is no library: one made now would be sound, and its backup worth nothing."""
    if not settings.database.is_file():
        raise LibraryError(f"There is no library in '{settings.home}'. Give its folder with --home or WHETSTONE_HOME.")


def _is_damaged(settings: Settings) -> bool:
    try:
        prepare_database(settings.database)
    except sqlite3.OperationalError:
        raise  # such as one that is locked, which is no damage
    except sqlite3.DatabaseError:
        return True
    return False
