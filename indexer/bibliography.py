"""Read a bibliography of whatever format in a child process with limits, as every file of a stranger is read."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import ReadError
from indexer.bib_entries import BibEntry, Bibliography
from indexer.child import REFUSED, ReadLimits, limit_memory, limit_time, run_child

BIBLIOGRAPHY_SUFFIXES = (".bib", ".ris", ".json")
_MOST_MEGABYTES = 64


def read_bibliography(path: Path, limits: ReadLimits) -> Bibliography:
    """The file's entries; relative paths in it start from its folder. Raises ReadError where it can't be read."""
    answer = json.loads(run_child("indexer.bibliography", str(path.absolute()), path.name, limits))
    return Bibliography(tuple(map(_entry_from_json, answer["entries"])), tuple(answer["refused"]))


def main(megabytes: str, seconds: str) -> int:
    """In the child: the entries as JSON on stdout, or one sentence and its own exit code."""
    limit_memory(int(megabytes))
    limit_time(int(seconds))
    try:
        found = _read(Path(json.load(sys.stdin)))
        answer = json.dumps(asdict(found), default=str)
    except ReadError as error:
        sys.stdout.buffer.write(str(error).encode("utf-8", "replace"))
        return REFUSED
    sys.stdout.write(answer)
    return 0


def _read(path: Path) -> Bibliography:
    # Delayed: the parent, which imports this module, needs no parser.
    from indexer.bibtex import read_bibtex
    from indexer.ris_csl import read_csl, read_ris

    readers = {".ris": read_ris, ".json": read_csl}
    text = _text_of(path)
    problem = f"'{path.name}' holds no entry. Export the papers as BibTeX, BibLaTeX, RIS or CSL-JSON, with their files."
    try:
        found = readers.get(path.suffix.lower(), read_bibtex)(text, path.name, path.parent)
    except (ValueError, LookupError, RecursionError) as error:  # no JSON, a line of no entry, nested without end
        raise ReadError(problem) from error
    if not found.entries and not found.refused:
        raise ReadError(problem)
    return found


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_MEGABYTES << 20:
            raise ReadError(f"'{path.name}' is larger than {_MOST_MEGABYTES} MB, which no bibliography is. Split it.")
        content = path.read_bytes()
    except OSError as error:
        raise ReadError(f"'{path.name}' can't be opened ({error.strerror}). Check the name and the rights.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what is no UTF-8 is from the time before it


def _entry_from_json(value: dict[str, Any]) -> BibEntry:
    values = {name: tuple(one) if isinstance(one, list) else one for name, one in value["values"].items()}
    pdfs = tuple(tuple(map(Path, paths)) for paths in value["pdfs"])
    return BibEntry(value["key"], values, pdfs, tuple(value["remarks"]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
