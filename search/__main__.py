# PYTHON_ARGCOMPLETE_OK
"""`python -m search`: ask the library, draw its map, or score the active model on a labelled set."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core.cli import DONE, add_home_argument, print_json, run_command, say, unicode_text, whole_id, whole_number
from core.files import written_whole
from core.settings import Settings
from core.types import KeptSearch, SearchMode, SearchResult
from search.answer import result_as_json
from search.arguments import FILTER_ARGUMENTS, add_filter_arguments, filter_of
from search.exports import EXPORTS
from search.kept import build_history_parser, build_saved_parser, show_history, show_saved
from search.map.command import build_map_parser, show_map
from storage import library
from storage.commands import settings_from
from storage.database import open_database
from storage.kept_searches import find_saved, remember_search, save_search

if TYPE_CHECKING:
    from search.searcher import SearchRequest

_PICTURE_WIDTH = 1400


def build_search_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search",
        description="Ask the library. 'python -m search passage ID' shows a passage on its page, 'python -m search "
        "map' draws the map of the library, 'saved' and 'history' show what was asked, and 'python -m search eval DIR' "
        "scores the active model on a labelled set.",
    )
    add_home_argument(parser)
    parser.add_argument("question", nargs="?", type=unicode_text, help="in plain words; not with --saved")
    parser.add_argument("-k", type=whole_number(1, 50), default=10, metavar="N", help="how many passages, 1 to 50 (10)")
    parser.add_argument("--mode", choices=list(SearchMode), type=SearchMode, help="what ranks (both)")
    add_filter_arguments(parser)
    parser.add_argument("--blind", action="store_true", help="the passages of two models, mixed and without scores")
    parser.add_argument(
        "--spread", type=whole_number(1, 50), metavar="N", help="at most N passages of a paper before the others"
    )
    parser.add_argument("--like", type=whole_id, metavar="CHUNK_ID", help="the passages nearest to this one, instead")
    parser.add_argument(
        "--save", type=unicode_text, metavar="NAME", help="keep this search under a name; -k is no part of it"
    )
    parser.add_argument("--saved", type=unicode_text, metavar="NAME", help="ask a search that was saved, as it is")
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--format", choices=["text", *EXPORTS], default="text", help="how to print it (text)")
    printed.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def build_passage_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search passage", description="Show a passage with its paper, its page and how it is cited."
    )
    add_home_argument(parser)
    parser.add_argument("id", type=whole_id, metavar="ID", help="as 'python -m search --json' gives it")
    parser.add_argument(
        "--page", type=whole_number(1, 1 << 31), metavar="N", help="the first it stands on unless given"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE.jpg", help="write the page's picture, without marks")
    parser.add_argument("--json", action="store_true", help="print one JSON document, with where it is to be marked")
    return parser


def build_eval_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search eval", description="Score the active model on a folder in BEIR's shape."
    )
    add_home_argument(parser)
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds corpus.jsonl, queries.jsonl and qrels")
    parser.add_argument("--split", default="test", help="which qrels/<split>.tsv (test)")
    parser.add_argument(
        "--mode", choices=list(SearchMode), type=SearchMode, default=SearchMode.MEANING, help="what ranks (meaning)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def search(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    # Delayed, here and below: PyTorch takes seconds to import.
    from indexer.start import ensure_active_model
    from search.searcher import Searcher

    with open_database(settings.database) as db:
        request = _request(db, args)
    ensure_active_model(settings)
    searcher = Searcher(settings)
    result = (searcher.search_blind if args.blind else searcher.search)(request)
    if args.json:
        print_json(result_as_json(result, blind=args.blind))
    elif args.format in EXPORTS:
        with open_database(settings.database) as db:
            sys.stdout.write(EXPORTS[args.format](db, result))
    elif not request.query.strip() and request.like is None:
        print("The question is empty. Ask in your own words, for example: how is attention computed?")
    elif not result.hits:
        print(_explain_nothing(settings, request))
    else:
        _print_hits(result, request, blind=args.blind)
    if request.query.strip() and request.like is None:
        _keep(settings, request, args.save)
    return DONE


def show_passage(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    if args.picture is not None:
        settings.require_outside(args.picture)
    # Delayed: PDFium and its children are needed here only.
    from indexer.drawing import Drawer
    from indexer.ingest import paper_file
    from search.page_view import view_page

    drawer = Drawer()
    try:
        with open_database(settings.database) as db:
            view = view_page(settings, drawer, db, args.id, args.page)
            if args.picture is not None:
                picture = drawer.draw(paper_file(settings, db, view.document), view.page, _PICTURE_WIDTH)
                with written_whole(args.picture) as half_done:
                    half_done.write_bytes(picture)
    finally:
        drawer.close()
    if args.json:
        print_json(asdict(view))
        return DONE
    print(f"{view.document.title}, page {view.page} of {view.document.pages}")
    for sentence in filter(None, (view.note, view.citation)):
        print(f"\n{sentence}")
    return DONE


def _request(db: Database, args: argparse.Namespace) -> "SearchRequest":
    from search.searcher import SearchRequest

    if args.saved is not None:
        kept = find_saved(db, args.saved)
        return SearchRequest(kept.question, args.k, kept.filter, kept.mode, kept.spread)
    mode = args.mode or SearchMode.BOTH
    return SearchRequest(args.question or "", args.k, filter_of(db, args), mode, args.spread, args.like)


def _keep(settings: Settings, request: "SearchRequest", name: str | None) -> None:
    kept = KeptSearch(request.query.strip(), request.filter, request.mode, request.spread)
    with open_database(settings.database) as db:
        remember_search(db, kept)
        if name is not None:
            say(f"Saved as '{save_search(db, name, kept).name}'.")


def _explain_nothing(settings: Settings, request: "SearchRequest") -> str:
    from search.searcher import NO_WORD, lacks_words

    with open_database(settings.database) as db:
        if lacks_words(db, request):
            return NO_WORD
        if request.filter.narrows:
            return "No passage that can be searched passes the filter. 'python -m indexer list' shows the papers."
        if library.has_unfinished_documents(db):
            return "The papers are still being read and embedded. 'python -m indexer list' shows how far they are."
        if library.list_documents(db):
            return "None of the papers can be searched. 'python -m indexer list' shows why."
    return "There is no passage to search. Add papers with 'python -m indexer add FILE_OR_FOLDER'."


def evaluate(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    scores = _evaluate(settings, args.folder, args.split, args.mode)
    if args.json:
        print_json(scores)
    else:
        for name, value in scores.items():
            print(f"{name:>12}  {value:.4f}" if isinstance(value, float) else f"{name:>12}  {value}")
    return DONE


def _evaluate(settings: Settings, folder: Path, split: str, mode: SearchMode) -> dict[str, float]:
    from indexer.encoder import load_version
    from indexer.start import ensure_active_model
    from search.beir import fuse_runs, load_labelled_set, rank_by_words, rank_passages
    from search.evaluation import score_run

    labelled = load_labelled_set(folder, split)
    version = ensure_active_model(settings).version
    encoder = load_version(version, settings.home)
    say(f"scoring {version.name} ({mode}) on {len(labelled.queries)} queries over {len(labelled.passages)} passages")
    started = time.perf_counter()
    by_words = {} if mode is SearchMode.MEANING else rank_by_words(labelled.passages, labelled.queries)
    run = by_words if mode is SearchMode.WORDS else rank_passages(encoder, labelled.passages, labelled.queries)
    if mode is SearchMode.BOTH:
        run = fuse_runs(run, by_words, labelled.queries, encoder.spelling)
    scores = score_run(run, labelled.qrels).as_dict()
    return {name: scores[name] for name in ("ndcg@10", "mrr@10", "recall@10", "recall@100", "queries")} | {
        "passages": len(labelled.passages),
        "seconds": round(time.perf_counter() - started, 3),
    }


def _print_hits(result: SearchResult, request: "SearchRequest", *, blind: bool) -> None:
    if result.missing:
        names = ", ".join(f"“{name}”" for name in result.missing)
        among = " that passes the filter" if request.filter.narrows else ""
        print(f"{names} {'stands' if len(result.missing) == 1 else 'stand'} in no passage{among}.\n")
    if not result.answered:
        print("No passage found that answers this. The nearest are:\n")
    for hit in result.hits:
        section = f", {hit.chunk.section}" if hit.chunk.section else ""
        score = "" if blind else f"{hit.score:.3f}  "
        print(f"{hit.rank:>2}. {score}{hit.chunk.document}, page {hit.chunk.page}{section}")
        print(f"    {hit.chunk.text}\n")


# Words of their own before the question, so that a question may begin with them when it is quoted as a whole.
_COMMANDS = {
    "eval": (evaluate, build_eval_parser),
    "passage": (show_passage, build_passage_parser),
    "map": (show_map, build_map_parser),
    "saved": (show_saved, build_saved_parser),
    "history": (show_history, build_history_parser),
}


def run(argv: list[str]) -> int:
    home = argparse.ArgumentParser(add_help=False)
    add_home_argument(home)
    _, rest = home.parse_known_args(argv)
    word = rest[0] if rest else ""
    # "passage" alone may be a question.
    if word in _COMMANDS and (word != "passage" or len(rest) > 1):
        argv.remove(word)
        command, build_parser = _COMMANDS[word]
        return run_command(command, build_parser(), argv)
    parser = build_search_parser()
    args, _ = parser.parse_known_args(rest)
    if problem := _find_misuse(args):
        parser.error(problem)
    return run_command(search, parser, argv)


def _find_misuse(args: argparse.Namespace) -> str:
    """What is asked for that would be passed over without a word; empty where there is nothing."""
    ways = {"--mode": args.mode, "--spread": args.spread}
    narrowed = any(getattr(args, name) for name in FILTER_ARGUMENTS) or None
    if args.question is None and args.saved is None and args.like is None:
        return "the following arguments are required: question, --saved or --like"
    if args.saved is not None:
        others = {"a question": args.question, "--like": args.like, "--save": args.save, "a filter": narrowed}
        return _excluded("--saved", others | ways)
    if args.like is not None:
        others = {"a question": args.question, "--save": args.save, "--mode": args.mode, "--blind": args.blind or None}
        return _excluded("--like", others)
    if args.blind:
        return _excluded("--blind", ways | {"--format": args.format if args.format != "text" else None})
    if args.save is not None and not args.question.strip():
        return "--save keeps a question, and this one is empty"
    return ""


def _excluded(option: str, others: dict[str, object]) -> str:
    given = next((name for name, value in others.items() if value is not None), None)
    return f"{given} is not allowed with {option}" if given else ""


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
