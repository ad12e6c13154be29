"""Judgements as JSON lines, out of a library and into one."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.errors import ImportFormatError
from core.people import Role, viewer, viewing
from core.types import Document, StoredChunk
from storage import library
from storage.database import transaction
from storage.judgements import SHORTEST_PART, judge_called, list_judgements, relevance_by, store_judgement
from storage.judges import Judge, present_judge
from storage.people import list_users

# Fewer characters than these may stand anywhere.
_SHORTEST_QUOTE = 8
# A hundred thousand judgements on long passages; and more sentences than anybody reads.
_MOST_BYTES = 256 << 20
_MOST_REFUSED = 10_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines: new or changed judgements, those there already, and one sentence a refused line."""

    stored: int
    known: int
    refused: tuple[str, ...]


def export_judgements(db: Database, only: Collection[int] | None = None) -> Iterator[str]:
    """One JSON object a judgement, oldest first; of all, or of those with these ids."""
    for judgement in list_judgements(db):
        if only is not None and judgement.id not in only:
            continue
        record = {
            "query": judgement.query,
            "document": judgement.document,
            "sha256": judgement.sha256,
            "page": judgement.page,
            "start": judgement.start,
            "end": judgement.end,
            "text": judgement.text,
            "relevance": judgement.relevance,
        }
        if judgement.narrowed:
            record["part"] = judgement.text
        if judgement.judge:
            record["judge"] = judgement.judge
        if judgement.private:
            record["private"] = True
        yield json.dumps(record, ensure_ascii=False)


def read_lines(path: Path) -> list[str]:
    """The lines of a file. Raises ImportFormatError where it is no text, or too large for judgements."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ImportFormatError(
                f"'{path.name}' has more than {_MOST_BYTES >> 20} MB, so none of it was taken. Split it."
            )
        # By "\n" alone: splitlines would also split at line separators inside a text.
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFormatError(f"'{path.name}' can't be read as UTF-8 text ({error}).") from error


def import_judgements(db: Database, lines: Iterable[str]) -> Imported:
    """Take in every line that names a passage of this library; one transaction, bad lines refused by number.

    Where there are users, a line is the verdict of who it names, and without a name of who takes it in. What others say
    here already is not changed, and only an admin, or a command, takes in a new verdict of another user.
    """
    stored, known, refused = 0, 0, []
    with transaction(db):
        judges, finder = _Judges(db), _PassageFinder(db)
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = _parse(line)
                giver = judges.find(record.get("judge"))
                chunk = finder.find(record, giver)
                judges.require_right(giver, record, chunk)
            except ImportFormatError as error:
                refused.append(f"Line {number}: {error}")
                if len(refused) > _MOST_REFUSED:
                    raise ImportFormatError(
                        f"More than {_MOST_REFUSED:,} lines can't be taken, so none was. The first is: {refused[0]}"
                    ) from error
                continue
            part = _part_in(record, chunk)
            if store_judgement(db, record["query"], chunk.id, record["relevance"], part=part, giver=giver):
                stored += 1
            else:
                known += 1
    return Imported(stored, known, tuple(refused))


def _parse(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # not JSON, a number of thousands of digits, or nested too deep
        raise ImportFormatError(f"it is not JSON that can be read ({error}).") from error
    if not isinstance(record, dict):
        raise ImportFormatError("it is not an object with query, document, page, start, end, text, relevance.")
    query = record.get("query")
    if not isinstance(query, str) or not query.strip():
        raise ImportFormatError("'query' is missing or empty.")
    if not is_unicode(query):
        raise ImportFormatError("'query' holds half a character (a lone surrogate).")
    if record.get("relevance") not in (0, 1):
        raise ImportFormatError(f"'relevance' is {record.get('relevance')!r:.60}; it must be 1 or 0.")
    judge = record.get("judge")
    if judge is not None and not (isinstance(judge, str) and is_unicode(judge)):
        raise ImportFormatError(f"'judge' is {judge!r:.60}; it must be a name, or left out.")
    return record | {"relevance": int(record["relevance"])}


def _part_in(record: dict[str, Any], chunk: StoredChunk) -> str | None:
    """What of the passage is meant; all of it where that is not told, or passages have been cut elsewhere since."""
    part = record.get("part")
    return part if isinstance(part, str) and len(part) >= SHORTEST_PART and part in chunk.text else None


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Judges:
    """Finds whose verdict a record is, and whether it may be taken in here."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._present = present_judge()
        self._known: dict[str, Judge] = {}

    def find(self, name: object) -> Judge:
        if not isinstance(name, str) or not name.strip():
            return self._present
        if name not in self._known:
            # Whoever takes it in: it is who is named that judged.
            with viewing(None):
                self._known[name] = judge_called(self._db, name)
        return self._known[name]

    def require_right(self, giver: Judge, record: dict[str, Any], chunk: StoredChunk) -> None:
        """Raise ImportFormatError where it is another's verdict, and not the asker's to change or to give."""
        if (giver.user_id, giver.away) == (self._present.user_id, self._present.away):
            return
        there, user = relevance_by(self._db, giver, record["query"], chunk.id), viewer()
        if there is not None and there != record["relevance"]:
            raise ImportFormatError(f"'{giver.name}' judges this otherwise here, which stays.")
        if there is None and giver.user_id is not None and user is not None and not user.role.may(Role.ADMIN):
            raise ImportFormatError(f"it is the verdict of '{giver.name}', who can take it in, as an admin can.")


class _PassageFinder:
    """Finds the chunk a record means: its paper by hash, id, title or file name, then by place, then by text."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._documents = library.list_documents(db)
        self._has_users = bool(list_users(db))
        self._chunks: dict[int, list[StoredChunk]] = {}

    def find(self, record: dict[str, Any], giver: Judge) -> StoredChunk:
        document = self._find_document(record, giver)
        if document.id not in self._chunks:
            self._chunks[document.id] = library.chunks_of_document(self._db, document.id)
        chunks = self._chunks[document.id]
        found = _by_place(chunks, record) or _by_text(chunks, record.get("text"))
        if found is None:
            raise ImportFormatError(f"no passage of '{document.title}' stands at this place or has this text.")
        return found

    def _find_document(self, record: dict[str, Any], giver: Judge) -> Document:
        sha256, name = record.get("sha256"), record.get("document")
        # What was said of a private paper is not to be told of a shared one; of two the shared one is meant else.
        documents = [one for one in self._documents if one.private and one.owner == giver.user_id]
        private = record.get("private") is True and self._has_users
        if not private:
            documents = [*(one for one in self._documents if not one.private), *documents]
        for document in documents:
            if sha256 and document.sha256 == sha256:
                return document
        named = [
            document
            for document in documents
            if name is not None and name in (document.id, document.title, document.sha256, *document.names)
        ]
        if len(named) == 1:
            return named[0]
        if named:
            raise ImportFormatError(f"{len(named)} papers are called {name!r}; give 'sha256' too.")
        if private:
            raise ImportFormatError(f"{name!r} is no private paper of who judged it; add it, or leave out 'private'.")
        raise ImportFormatError(f"the library has no paper {name!r}; add it first.")


def _by_place(chunks: Sequence[StoredChunk], record: dict[str, Any]) -> StoredChunk | None:
    """The chunk that has most of these characters; among equals the one whose own place is nearest."""
    page, start, end = record.get("page"), record.get("start"), record.get("end")
    if not (isinstance(page, int) and isinstance(start, int) and isinstance(end, int)):
        return None
    text = record.get("text")
    # With the hash the file is the very same, and the place alone tells; another edition's place may be another's.
    if isinstance(text, str) and text.strip() and not record.get("sha256"):
        chunks = [chunk for chunk in chunks if _agree(chunk.text, text)]
    overlaps = [(_overlap(chunk, page, start, end), -abs(chunk.start - start), chunk) for chunk in chunks]
    best = max(overlaps, key=lambda overlap: overlap[:2], default=None)
    return best[2] if best is not None and best[0] > 0 else None


def _overlap(chunk: StoredChunk, page: int, start: int, end: int) -> int:
    return sum(max(0, min(span.end, end) - max(span.start, start)) for span in chunk.spans if span.page == page)


def _by_text(chunks: Sequence[StoredChunk], text: object) -> StoredChunk | None:
    if not isinstance(text, str) or not text.strip():
        return None
    wanted = " ".join(text.split())
    equal = [chunk for chunk in chunks if chunk.text == wanted]
    if equal:
        return equal[0]
    holding = [chunk for chunk in chunks if wanted in chunk.text]
    # Overlapping passages share a sentence; a few letters in two of them, or a text in more, name none.
    return holding[0] if len(holding) == 1 or (len(holding) == 2 and len(wanted) >= _SHORTEST_QUOTE) else None


def _agree(one: str, other: str) -> bool:
    """Whether most words of the shorter text are in the longer one: passages may have been cut elsewhere since."""
    shorter, longer = sorted((set(one.casefold().split()), set(other.casefold().split())), key=len)
    return len(shorter & longer) > 0.5 * len(shorter)
