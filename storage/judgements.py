"""Verdicts on passages, one a query, passage and judge."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlite_utils import Database

from core.errors import NotFoundError, RoleError, TrainingError
from core.people import Role, viewer
from core.types import Judgement, OthersVerdict
from storage.database import now, transaction
from storage.judges import GIVER, OF_ONE, Judge, present_judge
from storage.library import get_chunk, spans_from_json
from storage.people import list_users, with_name

# In letters; less of a passage tells too little to be learnt from.
SHORTEST_PART = 20
_JUDGEMENTS = f"""
    SELECT j.*, q.text AS query, coalesce(j.part, c.text) AS text, c.spans, c.document_id, k.title AS document,
        d.sha256, d.owner_id, {GIVER} AS giver
    FROM judgements j JOIN queries q ON q.id = j.query_id
        JOIN chunks c ON c.id = j.chunk_id JOIN documents d ON d.id = c.document_id
        JOIN known_metadata k ON k.document_id = d.id
"""
_ON_QUERY = "FROM judgements j JOIN queries q ON q.id = j.query_id WHERE q.text = :query"

_SHARED = """
    NOT EXISTS (
        SELECT 1 FROM main.chunks c JOIN main.documents d ON d.id = c.document_id
        WHERE c.id = j.chunk_id AND d.owner_id IS NOT NULL)
"""


def normalise_query(text: str) -> str:
    """The query as it is stored: white space folded, nothing else changed."""
    return " ".join(text.split())


def store_judgement(
    db: Database,
    query: str,
    chunk_id: int,
    relevance: int,
    rank: int | None = None,
    model_id: int | None = None,
    part: str | None = None,
    judge: str | None = None,
    giver: Judge | None = None,
) -> bool:
    """Keep the verdict, in place of the judge's earlier one on the query and passage; False if it was there already.

    `part` is what of the passage it is about, all of it where that is None; `giver` is who gives it, who without one is
    found by the name `judge`, see `judge_called`. Raises NotFoundError where the passage or the model is not in the
    library, or the passage does not hold the part, TrainingError where the query is empty.
    """
    text = normalise_query(query)
    if not text:
        raise TrainingError("The question is empty, so there is nothing to judge this passage for. Ask one first.")
    with transaction(db):
        giver = giver or judge_called(db, judge)
        part = _part_of(get_chunk(db, chunk_id).text, part)
        if model_id is not None and not db["models"].count_where("id = ?", [model_id]):
            raise NotFoundError(f"There is no model version with id {model_id}, so it has not found this passage.")
        db.conn.execute("INSERT OR IGNORE INTO main.queries (text) VALUES (?)", [text])
        query_id = db.conn.execute("SELECT id FROM main.queries WHERE text = ?", [text]).fetchone()[0]
        known = db.conn.execute(
            f"SELECT id, relevance, part FROM judgements WHERE query_id = :query AND chunk_id = :chunk AND {OF_ONE}",
            {"query": query_id, "chunk": chunk_id} | giver.key,
        ).fetchone()
        if known is not None and tuple(known[1:]) == (relevance, part):
            return False
        given = [relevance, rank, model_id, now(), part, giver.name]
        if known is not None:
            db.conn.execute(
                "UPDATE main.judgements SET (relevance, rank, model_id, at, part, judge) = (?, ?, ?, ?, ?, ?) "
                "WHERE id = ?",
                [*given, known[0]],
            )
        else:
            db.conn.execute(
                """
                INSERT INTO main.judgements
                    (relevance, rank, model_id, at, part, judge, query_id, chunk_id, user_id, away)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [*given, query_id, chunk_id, giver.user_id, giver.away],
            )
        return True


def relevance_by(db: Database, giver: Judge, query: str, chunk_id: int) -> int | None:
    """What this judge says of the passage for the query, None where they have not judged it."""
    row = db.conn.execute(
        f"SELECT relevance {_ON_QUERY} AND chunk_id = :chunk AND {OF_ONE}",
        giver.key | {"query": normalise_query(query), "chunk": chunk_id},
    ).fetchone()
    return row[0] if row else None


def judge_called(db: Database, name: str | None) -> Judge:
    """Who judges: the user who asks. Where none does, as in a command, it is the user of this name, if there are users,
    or by another name somebody who is away; where there are none, who needs no account, by this name.
    """
    users = list_users(db) if name and viewer() is None else []
    user = with_name(users, name) if name else None
    if user is not None:
        return Judge(user.id, user.name)
    judge = present_judge(name)
    return replace(judge, away=True) if users and judge.name else judge


def _of_present(query: str) -> dict[str, Any]:
    return {"query": normalise_query(query)} | present_judge().key


def _part_of(text: str, part: str | None) -> str | None:
    """The part, with the passage's own spaces, None where it is all of it."""
    if part is None:
        return None
    words = part.split()
    if not words:
        raise NotFoundError("Nothing of the passage is left. Leave the words that answer, or judge all of it.")
    if " ".join(words) == " ".join(text.split()):
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), text)
    if found is None:
        raise NotFoundError(
            "These words do not stand in the passage as they are here. "
            "Only cut off its beginning and its end, or judge all of it."
        )
    if len(found[0]) < SHORTEST_PART:
        raise NotFoundError(f"'{found[0]}' is too short to learn from. Choose a sentence of the passage.")
    return found[0]


def take_back_judgement(db: Database, query: str, chunk_id: int) -> bool:
    """Forget one's own verdict; False if there was none. What others say of the two stays."""
    with transaction(db):
        found = db.conn.execute(
            f"SELECT j.id {_ON_QUERY} AND chunk_id = :chunk AND {OF_ONE}", _of_present(query) | {"chunk": chunk_id}
        ).fetchall()
        return bool(delete_judgements(db, [row[0] for row in found]))


def delete_judgements(db: Database, judgement_ids: Sequence[int]) -> int:
    """Forget verdicts by id; how many there were.

    Raises RoleError where one is another's and the viewer may only judge.
    """
    with transaction(db):
        ids = json.dumps(list(judgement_ids))
        found = db.conn.execute(
            f"SELECT id, {GIVER}, judge FROM judgements WHERE id IN (SELECT value FROM json_each(?))", [ids]
        ).fetchall()
        for _, giver, judge in found:
            if not may_withdraw(giver):
                raise RoleError(
                    f"This verdict was given by {judge or 'somebody else'}. To withdraw it you need the role train."
                )
        db.conn.executemany("DELETE FROM main.judgements WHERE id = ?", [(row[0],) for row in found])
        _drop_unjudged_queries(db)
        return len(found)


def may_withdraw(giver: str) -> bool:
    """Whether the viewer may forget a verdict of this giver, see `Judgement.giver`."""
    user = viewer()
    return user is None or giver == present_judge().giver or user.role.may(Role.TRAIN)


def list_judgements(db: Database) -> list[Judgement]:
    """Every judgement, oldest first."""
    return [_judgement(row) for row in db.query(f"{_JUDGEMENTS} ORDER BY j.id")]


def relevance_by_chunk(db: Database, query: str) -> dict[int, int]:
    """One's own verdicts for one query: chunk id to relevance."""
    rows = db.conn.execute(f"SELECT chunk_id, relevance {_ON_QUERY} AND {OF_ONE}", _of_present(query))
    return dict(rows.fetchall())


def parts_by_chunk(db: Database, query: str) -> dict[int, str]:
    """What of each passage one's own verdict for this query is about, where that is not all of it, by its id."""
    rows = db.conn.execute(f"SELECT chunk_id, part {_ON_QUERY} AND part IS NOT NULL AND {OF_ONE}", _of_present(query))
    return dict(rows.fetchall())


def others_by_chunk(db: Database, query: str) -> dict[int, list[OthersVerdict]]:
    """What others say of passages for this query, by the passage's id, in the order of their names."""
    sql = f"SELECT chunk_id, judge, relevance {_ON_QUERY} AND NOT ({OF_ONE}) ORDER BY judge, j.id"
    found: dict[int, list[OthersVerdict]] = {}
    for chunk, judge, relevance in db.conn.execute(sql, _of_present(query)):
        found.setdefault(chunk, []).append(OthersVerdict(judge, relevance))
    return found


def judged_chunks(db: Database) -> dict[int, int]:
    """Every passage that is judged for some question, by id; 1 where it is approved for one of them."""
    return dict(db.conn.execute("SELECT chunk_id, max(relevance) FROM judgements GROUP BY chunk_id").fetchall())


def count_judgements(db: Database) -> dict[int, int]:
    """How many judgements there are of each relevance, 1 and 0."""
    counts = dict(db.conn.execute("SELECT relevance, count(*) FROM judgements GROUP BY relevance").fetchall())
    return {1: counts.get(1, 0), 0: counts.get(0, 0)}


def count_judged_queries(db: Database, beyond: Collection[int] = ()) -> int:
    """How many queries have a passage of a shared paper that most of its judges approve, and so can be learnt from.

    A passage with a judgement of an id in `beyond` does not count.
    """
    return db.conn.execute(
        f"""
        SELECT count(DISTINCT query_id) FROM (
            SELECT query_id FROM main.judgements j WHERE {_SHARED} GROUP BY query_id, chunk_id
            HAVING 2 * sum(relevance) > count(*) AND NOT sum(id IN (SELECT value FROM json_each(?))))
        """,
        [json.dumps(sorted(beyond))],
    ).fetchone()[0]


def count_shared(db: Database) -> int:
    """How many judgements there are on shared papers; the same for everybody."""
    return db.conn.execute(f"SELECT count(*) FROM main.judgements j WHERE {_SHARED}").fetchone()[0]


def count_shared_ties(db: Database) -> int:
    """On how many passages of shared papers as many people approve as reject, for one question; the same for all."""
    sql = f"""
        SELECT count(*) FROM (
            SELECT 1 FROM main.judgements j WHERE {_SHARED}
            GROUP BY query_id, chunk_id HAVING count(*) > 1 AND sum(relevance) * 2 = count(*))
        """
    return db.conn.execute(sql).fetchone()[0]


def count_by_document(db: Database) -> dict[int, int]:
    """How many judgements there are on passages of each document that has any."""
    rows = db.conn.execute(
        "SELECT c.document_id, count(*) FROM judgements j JOIN chunks c ON c.id = j.chunk_id GROUP BY c.document_id"
    )
    return dict(rows.fetchall())


def _drop_unjudged_queries(db: Database) -> None:
    db.conn.execute("DELETE FROM main.queries WHERE id NOT IN (SELECT query_id FROM main.judgements)")


def _judgement(row: dict[str, Any]) -> Judgement:
    first = spans_from_json(row["spans"])[0]
    return Judgement(
        id=row["id"],
        query=row["query"],
        chunk_id=row["chunk_id"],
        document_id=row["document_id"],
        document=row["document"],
        sha256=row["sha256"],
        page=first.page,
        start=first.start,
        end=first.end,
        text=row["text"],
        relevance=row["relevance"],
        rank=row["rank"],
        model_id=row["model_id"],
        at=row["at"],
        narrowed=row["part"] is not None,
        judge=row["judge"],
        giver=row["giver"],
        private=row["owner_id"] is not None,
    )
