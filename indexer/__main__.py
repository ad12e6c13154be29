"""`python -m indexer`: add, list, cite and remove papers, tell how they were read; check, back up, restore all."""

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from core.cli import DONE, REFUSED, add_home_argument, count, print_json, run_command, say, whole_id
from core.errors import LibraryError, ReadError
from core.settings import Settings, load_settings
from core.types import UNFINISHED, Document, DocumentState
from indexer.citations import FORMATS
from storage import library
from storage.commands import settings_from
from storage.database import open_database, prepare_database
from storage.integrity import DATABASE


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer",
        description="Add papers, list and cite them, tell how they were read, remove them; check the library, "
        "back it up, restore it.",
    )
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command", required=True)

    add = commands.add_parser("add", help="add PDFs, or all PDFs of folders, and wait until they can be searched")
    add.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    listing = commands.add_parser("list", help="show the papers of the library")
    remove = commands.add_parser("remove", help="remove papers, with the judgements on them")
    remove.add_argument("ids", nargs="+", type=whole_id, metavar="ID")
    report = commands.add_parser("report", help="show how each page of a paper was read")
    report.add_argument("id", type=whole_id, metavar="ID")
    cite = commands.add_parser("cite", help="print papers as BibTeX, RIS or CSL-JSON")
    cite.add_argument("ids", nargs="*", type=whole_id, metavar="ID", help="all papers, unless some are named")
    cite.add_argument("--format", choices=sorted(FORMATS), default="bibtex", help="bibtex, ris or csl (bibtex)")
    add_home_argument(cite)
    check = commands.add_parser("check", help="see whether files, rows, vectors and models are sound")
    check.add_argument("--repair", action="store_true", help="put right what can be, without losing a judgement")
    backup = commands.add_parser("backup", help="write the whole library to one file; the app may run on")
    backup.add_argument("file", type=Path, metavar="FILE")
    restoring = commands.add_parser("restore", help="make the library of a backup in a new or empty folder")
    restoring.add_argument("file", type=Path, metavar="FILE")
    for command in (add, listing, remove, report, check, backup, restoring):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def main(args: argparse.Namespace) -> int:
    if args.command == "restore":
        return restore_library(args)
    if args.command in ("check", "backup"):
        settings = load_settings(home=getattr(args, "home", None))
        _require_library(settings)
        if args.command == "check" and _is_damaged(settings):
            # What else would be a reason to end is what the check is to tell.
            return check(settings, args)
    commands = {
        "add": add,
        "list": list_papers,
        "remove": remove,
        "report": report,
        "cite": cite,
        "check": check,
        "backup": back_up_library,
    }
    return commands[args.command](settings_from(args), args)


def add(settings: Settings, args: argparse.Namespace) -> int:
    documents, known, refused = _add_files(settings, args.paths)
    if documents:
        _wait_until_finished(settings, [document.id for document in documents])
    with open_database(settings.database) as db:
        documents = [library.get_document(db, document.id) for document in documents]
    failed = [document for document in documents if document.state is DocumentState.FAILED]
    for document in failed:
        say(document.reason or f"'{document.names[0]}' failed.")
    if args.json:
        print_json({"documents": [_as_json(document) for document in documents], "known": sorted(known)})
    else:
        passages = sum(document.chunks for document in documents)
        ready = count(len(documents) - len(failed), "paper")
        there = f", {len(known)} of them there already" if known else ""
        print(f"{ready} ready ({count(passages, 'passage')}){there}, {len(failed) + refused} failed.")
    return REFUSED if failed or refused else DONE


def list_papers(settings: Settings, args: argparse.Namespace) -> int:
    with open_database(settings.database) as db:
        documents = library.list_documents(db)[::-1]
    if args.json:
        print_json({"documents": [_as_json(document) for document in documents]})
        return DONE
    for document in documents:
        others = " et al." if len(document.authors) > 1 else ""
        authors = f", {document.authors[0]}{others}" if document.authors else ""
        year = f", {document.year}" if document.year else ""
        size = f"{count(document.pages, 'page')}, {count(document.chunks, 'passage')}"
        print(f"{document.id:>5}  {document.state:<9}  {document.title}{authors}{year} ({size})")
        if document.reason:
            print(f"{'':>18}{document.reason}")
    if not documents:
        print("The library is empty. Add papers with 'python -m indexer add FILE_OR_FOLDER'.")
    return DONE


def remove(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed, here and below: ingest imports PyTorch, which takes seconds.
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


def check(settings: Settings, args: argparse.Namespace) -> int:
    from jobs.check import check_library, repair_library

    repaired = repair_library(settings) if args.repair else []
    if args.repair and not any(one.problem.kind == DATABASE and one.done is None for one in repaired):
        _embed_what_waits(settings)
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


def _embed_what_waits(settings: Settings) -> None:
    """Let what a repair made wait be read and embedded as what was just added is."""
    with open_database(settings.database) as db:
        waiting = [document.id for document in library.unfinished_documents(db)]
    if waiting:
        _wait_until_finished(settings, waiting)


def _add_files(settings: Settings, paths: Sequence[Path]) -> tuple[list[Document], set[int], int]:
    """The documents of all files that could be copied, each once; which were there already; how many could not be."""
    from indexer.ingest import add_file

    documents: dict[int, Document] = {}
    known: set[int] = set()
    refused = 0
    for path in _files_of(paths):
        try:
            document, new = add_file(settings, path)
        except ReadError as error:
            say(str(error))
            refused += 1
            continue
        if not new and document.id not in documents:
            known.add(document.id)
        documents[document.id] = document
    return list(documents.values()), known, refused


def _files_of(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".pdf" and file.is_file())
            if not found:
                say(f"The folder '{path}' holds no PDF.")
            yield from found
        else:
            yield path


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


def _as_json(document: Document) -> dict[str, object]:
    values = asdict(document)
    # How its pages were read is for the report, and its identifiers are for citing it.
    left_out = ("recognised", "without_text", "doi", "arxiv_id")
    return {name: value for name, value in values.items() if name not in left_out}


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
