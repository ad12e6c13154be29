"""The commands for saved searches and for the history of questions."""

import argparse
import json
from typing import Any

from core.cli import DONE, add_home_argument, count, print_json, unicode_text
from core.types import KeptSearch
from storage.commands import settings_from
from storage.database import open_database
from storage.kept_searches import (
    clear_history,
    delete_saved,
    filter_to_json,
    find_saved,
    keep_history,
    keeps_history,
    list_history,
    list_saved,
)


def build_saved_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search saved",
        description="Show the saved searches. Save one with --save NAME behind a question; ask it with --saved NAME.",
    )
    add_home_argument(parser)
    parser.add_argument("--delete", type=unicode_text, metavar="NAME", help="forget this one")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def build_history_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m search history", description="Show the questions asked lately.")
    add_home_argument(parser)
    parser.add_argument("--clear", action="store_true", help="forget them; saved searches stay")
    parser.add_argument("--keep", choices=["on", "off"], help="whether questions are kept from now on")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def show_saved(args: argparse.Namespace) -> int:
    with open_database(settings_from(args).database) as db:
        if args.delete is not None:
            delete_saved(db, find_saved(db, args.delete).id)
        saved = list_saved(db)
    if args.json:
        print_json({"saved": [_values(search) for search in saved]})
        return DONE
    for search in saved:
        print(f"{search.name}: {_in_words(search)}")
    if not saved:
        print("No search is saved. Save one with 'python -m search \"...\" --save NAME'.")
    return DONE


def show_history(args: argparse.Namespace) -> int:
    with open_database(settings_from(args).database) as db:
        if args.keep:
            keep_history(db, args.keep == "on")
        cleared = clear_history(db) if args.clear else None
        past, kept = list_history(db), keeps_history(db)
    if args.json:
        print_json({"kept": kept, "history": [_values(search) for search in past]})
        return DONE
    if cleared is not None:
        print(f"{count(cleared, 'question')} forgotten.")
    for search in past:
        print(f"{search.at}  {_in_words(search)}")
    if not kept:
        print("Questions are not kept. 'python -m search history --keep on' changes that.")
    return DONE


def _in_words(search: KeptSearch) -> str:
    parts = [json.dumps(search.question, ensure_ascii=False), search.mode]
    parts += [f"at most {search.spread} of a paper first"] if search.spread else []
    return ", ".join([*parts, f"filter {filter_to_json(search.filter)}"] if search.filter.narrows else parts)


def _values(search: KeptSearch) -> dict[str, Any]:
    return {
        "id": search.id,
        "name": search.name,
        "question": search.question,
        "filter": json.loads(filter_to_json(search.filter)),
        "mode": search.mode,
        "spread": search.spread,
        "at": search.at,
    }
