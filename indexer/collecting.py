"""The command that keeps collections of papers."""

import argparse
from dataclasses import asdict

from sqlite_utils import Database

from core.cli import DONE, add_home_argument, count, print_json, unicode_text, whole_id
from core.errors import CollectionError
from core.people import viewer
from core.settings import Settings
from core.types import Collection
from storage.collections import (
    collections_named,
    create_collection,
    delete_collection,
    find_collection,
    list_collections,
    put_into_collection,
    rename_collection,
    take_out_of_collection,
)
from storage.database import open_database, transaction


def add_collection_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("collection", help="put papers together under a name, to search among them")
    actions = command.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="show the collections")
    create = actions.add_parser("create", help="make an empty collection")
    rename = actions.add_parser("rename", help="give a collection another name")
    delete = actions.add_parser("delete", help="forget a collection; its papers stay in the library")
    put = actions.add_parser("put", help="put papers into a collection, which is made where there is none")
    take = actions.add_parser("take", help="take papers out of a collection")
    for action in (create, rename, delete, put, take):
        action.add_argument("name", type=unicode_text, metavar="NAME")
    for action in (create, put):
        action.add_argument("--private", action="store_true", help="one that is private to the user of --as")
    rename.add_argument("new_name", type=unicode_text, metavar="NEW_NAME")
    for action in (put, take):
        action.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    for action in (listing, create, rename, delete, put, take):
        add_home_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def keep_collections(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db, transaction(db):
        _change(db, args)
        collections = list_collections(db)
    if args.json:
        print_json({"collections": [_as_json(collection) for collection in collections]})
        return DONE
    for collection in collections:
        private = ", private" if collection.private else ""
        print(f"{collection.id:>5}  {collection.name} ({count(collection.papers, 'paper')}{private})")
    if not collections:
        print("There is no collection. Make one with 'python -m indexer collection put NAME ID...'.")
    return DONE


def _as_json(collection: Collection) -> dict[str, object]:
    values = asdict(collection) | {"private": collection.private}
    return {name: value for name, value in values.items() if name != "owner"}


def _change(db: Database, args: argparse.Namespace) -> None:
    if args.action == "create":
        create_collection(db, args.name, private=args.private)
    elif args.action == "rename":
        rename_collection(db, find_collection(db, args.name).id, args.new_name)
    elif args.action == "delete":
        delete_collection(db, find_collection(db, args.name).id)
    elif args.action == "put":
        put_into_collection(db, found_or_made(db, args.name, private=args.private).id, args.ids)
    elif args.action == "take":
        take_out_of_collection(db, find_collection(db, args.name).id, args.ids)


def found_or_made(db: Database, name: str, *, private: bool = False) -> Collection:
    """The collection of this name, made where there is none; of two the shared one, unless a `private` one is meant.

    Raises CollectionError where only a shared one has the name of one that is to be private.
    """
    named = collections_named(db, name)
    if not named or (private and viewer() is None):
        return create_collection(db, name, private=private)
    if not private:
        return find_collection(db, name)
    own = [collection for collection in named if collection.private]
    if not own:
        raise CollectionError(
            f"'{named[0].name}' is a shared collection, so everybody would see what is put there. "
            "Choose another name, or leave out --private."
        )
    return own[0]
