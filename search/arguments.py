"""The arguments of the commands that narrow a search."""

import argparse

from sqlite_utils import Database

from core.cli import unicode_text, whole_id
from core.errors import QuestionError
from core.types import ChunkKind, Filter
from search.years import parse_years
from storage.collections import find_collection
from storage.library import get_document

FILTER_ARGUMENTS = ("paper", "collection", "author", "kind", "year")


def add_filter_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--paper", type=whole_id, action="append", metavar="ID", help="only this paper")
    parser.add_argument(
        "--collection", type=unicode_text, action="append", metavar="NAME", help="only of the papers in this collection"
    )
    parser.add_argument(
        "--year",
        type=_year_range,
        metavar="2017|2015-2019|2015-|-2019",
        help="only these years",
    )
    parser.add_argument("--author", type=unicode_text, default="", metavar="NAME", help="only of papers by this author")
    parser.add_argument(
        "--kind", type=ChunkKind, action="append", choices=list(ChunkKind), help="only this kind of passage"
    )


def filter_of(db: Database, args: argparse.Namespace) -> Filter:
    """The filter that the arguments name. Raises NotFoundError for a paper or a collection that is not there."""
    first, last = args.year or (None, None)
    return Filter(
        papers=tuple(get_document(db, document_id).id for document_id in args.paper) if args.paper else None,
        collections=tuple(find_collection(db, name).id for name in args.collection) if args.collection else None,
        year_from=first,
        year_to=last,
        author=args.author,
        kinds=tuple(args.kind) if args.kind else None,
    )


def _year_range(text: str) -> tuple[int | None, int | None]:
    try:
        return parse_years(text)
    except QuestionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
