"""Maps of the library as rows, one a model version: where papers and passages stand, and what groups are called."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.cli import count
from core.types import ModelVersion
from storage.database import now, transaction
from storage.integrity import Problem
from storage.vectors import lacks_vectors

_LACKING = "-lacking"


@dataclass(frozen=True, slots=True)
class PaperPlace:
    """Where a paper stands, in which group; `laid_out` where it was there when the whole map was last made."""

    document_id: int
    x: float
    y: float
    group: int
    laid_out: bool


@dataclass(frozen=True, slots=True)
class PassagePlace:
    chunk_id: int
    document_id: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class StoredMap:
    """A map as it was made; `mark` is the state of the library that it shows."""

    model_id: int
    fingerprint: str
    mark: str
    made_at: str
    papers: tuple[PaperPlace, ...]
    passages: tuple[PassagePlace, ...]
    names: Mapping[int, str]


def library_mark(db: Database) -> str:
    """Another text after shared papers were added, read anew or removed; the same for everybody."""
    row = db.conn.execute(
        """
        SELECT (SELECT coalesce(max(id), 0) FROM main.chunks WHERE document_id NOT IN (
                   SELECT id FROM main.documents WHERE owner_id IS NOT NULL)),
               (SELECT coalesce(max(id), 0) FROM removals),
               (SELECT count(*) FROM main.documents WHERE state = 'ready' AND owner_id IS NULL)
        """
    ).fetchone()
    return "-".join(map(str, row))


def version_mark(db: Database, version: ModelVersion) -> str:
    """The mark of what a map of this version can show: another one while it lacks vectors."""
    return f"{library_mark(db)}{_LACKING if lacks_vectors(db, version.id) else ''}"


def is_up_to_date(db: Database, version: ModelVersion) -> bool:
    """Whether the version's map shows the library as it is, as far as the version has vectors.

    A few look-ups, unless vectors lacked when it was drawn.
    """
    row = db.conn.execute("SELECT fingerprint, mark FROM maps WHERE model_id = ?", [version.id]).fetchone()
    if row is None or row[0] != version.fingerprint:
        return False
    return row[1] == (version_mark(db, version) if row[1].endswith(_LACKING) else library_mark(db))


def maps_mark(db: Database) -> str:
    """Another text after a map was drawn, or went out of date."""
    drawn = db.conn.execute("SELECT group_concat(model_id || ' ' || made_at || ' ' || mark) FROM maps").fetchone()[0]
    active = db.conn.execute("SELECT max(id) FROM activations WHERE undone_at IS NULL").fetchone()[0]
    return f"{active or ''}/{library_mark(db)}/{drawn or ''}"


def store_map(
    db: Database,
    version: ModelVersion,
    mark: str,
    papers: Sequence[PaperPlace],
    passages: Sequence[PassagePlace],
    names: Mapping[int, str],
) -> None:
    """Keep the version's map, in place of an earlier one. What was removed meanwhile is left out of it."""
    with transaction(db):
        db.conn.execute("DELETE FROM maps WHERE model_id = ?", [version.id])
        removed = _removed_of(db, [paper.document_id for paper in papers])
        # A name may be of words of a removed paper: then none is kept, and the mark makes the map be drawn again.
        db.conn.execute(
            "INSERT INTO maps (model_id, fingerprint, mark, made_at, names) VALUES (?, ?, ?, ?, ?)",
            [version.id, version.fingerprint, mark, now(), "{}" if removed else json.dumps(names, ensure_ascii=False)],
        )
        db.conn.executemany(
            """
            INSERT INTO main.map_papers (model_id, document_id, x, y, in_group, laid_out)
            SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM documents WHERE id = ?)
            """,
            [(version.id, p.document_id, p.x, p.y, p.group, p.laid_out, p.document_id) for p in papers],
        )
        db.conn.executemany(
            """
            INSERT INTO main.map_passages (model_id, chunk_id, x, y)
            SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM chunks WHERE id = ?)
            """,
            [(version.id, p.chunk_id, p.x, p.y, p.chunk_id) for p in passages],
        )


def load_map(db: Database, model_id: int) -> StoredMap | None:
    """The version's map, of what is still in the library; None where it has none yet."""
    with db.atomic():
        row = db.conn.execute(
            "SELECT fingerprint, mark, made_at, names FROM maps WHERE model_id = ?", [model_id]
        ).fetchone()
        if row is None:
            return None
        papers = db.conn.execute(
            "SELECT document_id, x, y, in_group, laid_out FROM map_papers WHERE model_id = ? ORDER BY document_id",
            [model_id],
        ).fetchall()
        passages = db.conn.execute(
            """
            SELECT m.chunk_id, c.document_id, m.x, m.y FROM map_passages m JOIN chunks c ON c.id = m.chunk_id
            WHERE m.model_id = ? ORDER BY m.chunk_id
            """,
            [model_id],
        ).fetchall()
    fingerprint, mark, made_at, names = row
    return StoredMap(
        model_id,
        fingerprint,
        mark,
        made_at,
        tuple(PaperPlace(paper, x, y, group, bool(whole)) for paper, x, y, group, whole in papers),
        tuple(PassagePlace(*passage) for passage in passages),
        {int(group): name for group, name in json.loads(names).items()},
    )


def check_maps(db: Database) -> Iterator[Problem]:
    """A map whose names can't be read can't be shown; it is drawn anew from the vectors."""
    broken = [row[0] for row in db.conn.execute("SELECT model_id, names FROM maps") if not _are_names(row[1])]
    if broken:

        def remove(db: Database) -> str:
            with transaction(db):
                db.conn.executemany("DELETE FROM maps WHERE model_id = ?", [(one,) for one in broken])
            return "Removed; the next look at the map draws it anew."

        yield Problem("rows", f"{count(len(broken), 'map')} with names of groups that can't be read.", remove)


def _are_names(text: str) -> bool:
    try:
        return all(isinstance(name, str) and int(group) >= 0 for group, name in json.loads(text).items())
    except (ValueError, TypeError, AttributeError):
        return False


def _removed_of(db: Database, document_ids: Sequence[int]) -> bool:
    live = {row[0] for row in db.conn.execute("SELECT id FROM documents")}
    return not live.issuperset(document_ids)
