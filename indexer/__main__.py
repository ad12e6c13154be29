# PYTHON_ARGCOMPLETE_OK
"""`python -m indexer`: add, fetch, list, correct, cite and remove papers, tell how they were read; keep all sound."""

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from getpass import getpass
from pathlib import Path

from core.cli import DONE, REFUSED, add_home_argument, count, print_json, run_command, say, unicode_text, whole_id
from core.errors import CollectionError, FetchError, MetadataError
from core.people import require_user
from core.settings import Settings
from core.types import UNFINISHED, Document, DocumentState
from indexer.added import Added
from indexer.citations import FORMATS
from indexer.collecting import add_collection_command, found_or_made, keep_collections
from indexer.editing import metadata_texts, parse_metadata
from indexer.same_work import find_same_works
from indexer.upkeep import add_upkeep_commands, keep_up
from indexer.watch_commands import WATCH_COMMANDS, add_watch_commands, run_watch_command
from storage import library
from storage.collections import collections_by_document
from storage.commands import settings_from
from storage.corrections import FIELDS, correct_document, forget_corrections
from storage.database import open_database, transaction
from storage.equal_passages import count_equal_passages
from storage.left_out import dismiss_left_out, list_left_out
from storage.privacy import make_private, share_papers

# What an edit takes, with an example of each; an empty text clears.
_EDITABLE = {"title": "TEXT", "authors": '"A; B"', "year": "2017", "doi": "10.1000/182", "arxiv_id": "1706.03762"}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer",
        description="Add papers, list, correct and cite them, tell how they were read, remove them; check the library, "
        "back it up, restore it.",
    )
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command", required=True)

    add = commands.add_parser(
        "add", help="add papers, or those of folders and zips, and wait until they can be searched"
    )
    add.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    bib = commands.add_parser("import-bib", help="add the PDFs of an exported bibliography, with what it says of them")
    bib.add_argument("path", type=Path, metavar="FILE", help="BibTeX (.bib), RIS (.ris), CSL-JSON (.json), or a zip")
    fetch = commands.add_parser("fetch", help="fetch papers from arXiv, or from where their DOIs lead, and add them")
    fetch.add_argument("identifiers", nargs="+", type=unicode_text, metavar="ID_OR_LINK")
    for adding in (add, fetch):
        adding.add_argument(
            "--into", type=unicode_text, metavar="COLLECTION", help="a collection, made where there is none"
        )
        adding.add_argument("--private", action="store_true", help="one that is private to the user of --as")
    left_out = commands.add_parser(
        "left-out", help="show what files dropped onto the page held, and could not be added"
    )
    left_out.add_argument("--dismiss", action="store_true", help="show it no longer")
    listing = commands.add_parser("list", help="show the papers of the library")
    remove = commands.add_parser("remove", help="remove papers, with the judgements on them")
    remove.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    report = commands.add_parser("report", help="show how each page of a paper was read")
    report.add_argument("id", type=whole_id, metavar="ID")
    retry = commands.add_parser("retry", help="read papers that failed once more, and wait")
    retry.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    retry.add_argument(
        "--password", action="store_true", help="ask for the password that opens them, or take it from stdin"
    )
    again = commands.add_parser("reread", help="read papers anew, judgements kept, and wait")
    again.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    cite = commands.add_parser("cite", help="print papers as BibTeX, RIS or CSL-JSON")
    cite.add_argument("ids", nargs="*", type=whole_id, metavar="ID", help="all papers, unless some are named")
    cite.add_argument("--format", choices=sorted(FORMATS), default="bibtex", help="bibtex, ris or csl (bibtex)")
    add_home_argument(cite)
    edit = commands.add_parser("edit", help="correct what is known of a paper; no new reading takes its place")
    edit.add_argument("id", type=whole_id, metavar="ID")
    for field, example in _EDITABLE.items():
        edit.add_argument(f"--{field.replace('_', '-')}", type=unicode_text, metavar=example)
    edit.add_argument("--as-read", action="store_true", help="first let every field be what was read again")
    private = commands.add_parser(
        "privacy", help="make papers private to the user of --as who has added them, or share"
    )
    private.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    which = private.add_mutually_exclusive_group(required=True)
    which.add_argument("--private", action="store_true", help="nobody else sees them any more")
    which.add_argument("--shared", action="store_true", help="everybody sees them")
    for command in (add, bib, fetch, left_out, listing, remove, report, retry, again, edit, private):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")
    add_watch_commands(commands)
    add_collection_command(commands)
    add_upkeep_commands(commands)
    return parser


def main(args: argparse.Namespace) -> int:
    if args.command in ("check", "backup", "restore"):
        return keep_up(args, _finish_waiting)
    settings = settings_from(args)
    if args.command in WATCH_COMMANDS:
        return run_watch_command(settings, args, _finish_added)
    commands = {
        "add": add,
        "import-bib": import_bib,
        "fetch": fetch,
        "left-out": show_left_out,
        "list": list_papers,
        "remove": remove,
        "report": report,
        "retry": retry,
        "reread": reread,
        "cite": cite,
        "edit": edit,
        "privacy": privacy,
        "collection": keep_collections,
    }
    return commands[args.command](settings, args)


def add(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed, here and below: ingest imports PyTorch, which takes seconds.
    from indexer.additions import add_paths

    return _finish_added(settings, args, add_paths(settings, args.paths, _collection_of(settings, args)))


def _collection_of(settings: Settings, args: argparse.Namespace) -> int | None:
    """The id of the collection that new papers come into, if any."""
    if args.into is None:
        if args.private:
            raise CollectionError("A new paper is private by a collection that is. Name one: --private --into NAME")
        return None
    with open_database(settings.database) as db:
        return found_or_made(db, args.into, private=args.private).id


def privacy(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db, transaction(db):
        if args.private:
            make_private(db, args.ids, require_user())
        else:
            share_papers(db, args.ids)
        documents = [library.get_document(db, document_id) for document_id in args.ids]
    if args.json:
        print_json({"documents": [_as_json(document) for document in documents]})
    else:
        print("Private to you." if args.private else "Shared.")
    return DONE


def retry(settings: Settings, args: argparse.Namespace) -> int:
    password = None
    if args.password:
        password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    with open_database(settings.database) as db:
        documents = [library.get_document(db, document_id) for document_id in args.ids]
        for document_id in args.ids:
            library.retry_document(db, document_id, password)
    return _finish_and_tell(settings, args, documents)


def reread(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        library.read_again(db, args.ids)
        documents = [library.get_document(db, document_id) for document_id in args.ids]
    return _finish_and_tell(settings, args, documents)


def _finish_and_tell(settings: Settings, args: argparse.Namespace, documents: Sequence[Document]) -> int:
    """Wait for these papers, then tell how they are."""
    documents, failed = _finish(settings, documents)
    if args.json:
        print_json({"documents": [_as_json(document) for document in documents], "known": []})
    else:
        print(_summary(documents, (), failed))
    return REFUSED if failed else DONE


def import_bib(settings: Settings, args: argparse.Namespace) -> int:
    from indexer.additions import add_bibliography

    return _finish_added(settings, args, add_bibliography(settings, args.path))


def fetch(settings: Settings, args: argparse.Namespace) -> int:
    from indexer.fetching import fetch_paper

    added, into = Added(), _collection_of(settings, args)
    for identifier in args.identifiers:
        try:
            added.merge(fetch_paper(settings, identifier, into))
        except FetchError as error:
            added.refused.append(str(error))
    return _finish_added(settings, args, added)


def show_left_out(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        told = list_left_out(db)
        if args.dismiss:
            dismiss_left_out(db)
    if args.json:
        print_json({"left_out": told})
    else:
        print("\n".join(told) or "Nothing was left out, or it was dismissed.")
    return DONE


def _finish_added(settings: Settings, args: argparse.Namespace, added: Added) -> int:
    """Say what could not be added, wait for what was, then tell how it is."""
    for sentence in (*added.refused, *added.remarks):
        say(sentence)
    documents, failed = _finish(settings, list(added.documents.values()))
    if args.json:
        shown = [_as_json(document) for document in documents]
        known = sorted(added.known)
        print_json({"documents": shown, "known": known, "refused": added.refused, "remarks": added.remarks})
    else:
        print(_summary(documents, added.known, failed + len(added.refused)))
    return REFUSED if failed or added.refused else DONE


def _finish(settings: Settings, documents: Sequence[Document]) -> tuple[list[Document], int]:
    """The documents once they are ready or failed, and how many failed; says why."""
    if documents:
        _wait_until_finished(settings, [document.id for document in documents])
    with open_database(settings.database) as db:
        finished = [library.get_document(db, document.id) for document in documents]
    failed = [document for document in finished if document.state is DocumentState.FAILED]
    for document in failed:
        say(document.reason or f"'{document.names[0]}' failed.")
    return finished, len(failed)


def _summary(documents: Sequence[Document], known: Collection[int], failed: int) -> str:
    passages = sum(document.chunks for document in documents)
    ready = sum(document.state is not DocumentState.FAILED for document in documents)
    there = f", {len(known)} of them there already" if known else ""
    return f"{count(ready, 'paper')} ready ({count(passages, 'passage')}){there}, {failed} failed."


def list_papers(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        documents = library.list_documents(db)[::-1]
        same = find_same_works(documents, count_equal_passages(db))
        collected = collections_by_document(db)
    if args.json:
        listed = [
            _as_json(document)
            | {
                "same_work_as": same.get(document.id, ()),
                "collections": [collection.name for collection in collected.get(document.id, ())],
            }
            for document in documents
        ]
        print_json({"documents": listed})
        return DONE
    for document in documents:
        others = " et al." if len(document.authors) > 1 else ""
        authors = f", {document.authors[0]}{others}" if document.authors else ""
        year = f", {document.year}" if document.year else ""
        size = f"{count(document.pages, 'page')}, {count(document.chunks, 'passage')}"
        print(f"{document.id:>5}  {document.state:<9}  {document.title}{authors}{year} ({size})")
        if document.reason:
            print(f"{'':>18}{document.reason}")
        if document.id in same:
            print(f"{'':>18}May be the same work as {', '.join(map(str, same[document.id]))}.")
    if not documents:
        print(f"The library in {settings.home} is empty. Add papers with 'python -m indexer add FILE_OR_FOLDER'.")
    return DONE


def remove(settings: Settings, args: argparse.Namespace) -> int:
    from indexer.ingest import remove_documents

    ids = list(dict.fromkeys(args.ids))
    remove_documents(settings, ids)
    if args.json:
        print_json({"removed": ids})
    else:
        print(f"{len(ids)} removed.")
    return DONE


def report(settings: Settings, args: argparse.Namespace) -> int:
    from indexer.encoder import load_version
    from indexer.report import make_report
    from indexer.start import ensure_active_model

    encoder = load_version(ensure_active_model(settings).version, settings.home)
    with open_database(settings.database) as db:
        found = make_report(db, args.id, encoder.count_tokens, encoder.passage_tokens)
    if args.json:
        print_json(asdict(found) | {"document": _as_json(found.document)})
        return DONE
    print(f"{found.document.title}: {count(len(found.pages), 'page')}, {count(found.document.chunks, 'passage')}")
    if found.document.reason:
        print(found.document.reason)
    for page in found.pages:
        said = "; ".join(page.remarks)
        print(f"{page.number:>5}  {page.source:<6}  {page.characters:>6} characters{'  ' if said else ''}{said}")
    print(f"{count(found.tokens_past_window, 'token')} of its passages are past the window of the model in use.")
    return DONE


def cite(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        documents = [library.get_document(db, number) for number in args.ids] or library.list_documents(db)[::-1]
    sys.stdout.write(FORMATS[args.format](documents))
    return DONE


def edit(settings: Settings, args: argparse.Namespace) -> int:
    texts = {field: text for field in FIELDS if (text := getattr(args, field)) is not None}
    if not texts and not args.as_read:
        options = ", ".join(f"--{field.replace('_', '-')}" for field in FIELDS)
        raise MetadataError(f"Nothing is to be changed. Give one of {options}, or --as-read.")
    values = parse_metadata(texts)
    with open_database(settings.database) as db, transaction(db):
        if args.as_read:
            forget_corrections(db, args.id, FIELDS)
        correct_document(db, args.id, values)
        document = library.get_document(db, args.id)
    if args.json:
        print_json(_as_json(document))
        return DONE
    for field, text in metadata_texts(document).items():
        print(f"{field.replace('_', ' '):>8}  {text}{'  (set by hand)' if field in document.corrected else ''}")
    return DONE


def _wait_until_finished(settings: Settings, document_ids: Sequence[int]) -> None:
    from indexer.start import ensure_active_model
    from jobs.terminal import show_job
    from jobs.worker import Worker

    ensure_active_model(settings, switch=True)

    def finished() -> bool:
        with open_database(settings.database) as db:
            return not any(
                document.id in document_ids and document.state in UNFINISHED for document in library.list_documents(db)
            )

    Worker(settings, show_job).work_until(finished)


def _finish_waiting(settings: Settings) -> None:
    with open_database(settings.database) as db:
        waiting = [document.id for document in library.unfinished_documents(db)]
    if waiting:
        _wait_until_finished(settings, waiting)


def _as_json(document: Document) -> dict[str, object]:
    values = asdict(document) | {"private": document.private}
    left_out = ("owner", "recognised", "without_text", "locked")  # how its pages were read is for the report
    return {name: value for name, value in values.items() if name not in left_out}


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
