"""Passages that are worth a verdict, as the worker found them; what is judged since is no longer among them.

One that people disagree about waits for those who have not judged it, until there are more on one side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.types import ProposalKind, StoredChunk
from storage.database import transaction
from storage.judgements import normalise_query
from storage.judges import present_judge
from storage.library import chunks_by_id

# Each look is a job, and proposes fewer.
_IDS_A_LOOK = 1000


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A question, a passage to judge for it, why, and its rank with the model, None where it was not looked at."""

    kind: str
    query: str
    chunk_id: int
    reason: str
    rank: int | None


@dataclass(frozen=True, slots=True)
class StoredProposal:
    id: int
    kind: str
    query: str
    chunk: StoredChunk
    reason: str
    rank: int | None
    model_id: int


def replace_proposals(db: Database, model_id: int, proposals: Iterable[ProposalRow]) -> None:
    """Keep these in place of all earlier ones; without those whose question or passage is gone by now.

    A question that is judged is kept by its row, so that it goes when that goes; another goes with its passage.
    """
    with transaction(db):
        first = _first_new_id(db)
        db.conn.execute("DELETE FROM main.proposals")
        for number, one in enumerate(proposals, first):
            row = db.conn.execute("SELECT id FROM queries WHERE text = ?", [normalise_query(one.query)]).fetchone()
            db.conn.execute(
                """
                INSERT INTO main.proposals (id, kind, query_id, query, chunk_id, reason, rank, model_id)
                SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM chunks WHERE id = ?)
                """,
                [
                    number,
                    one.kind,
                    row[0] if row else None,
                    None if row else one.query,
                    one.chunk_id,
                    one.reason,
                    one.rank,
                    model_id,
                    one.chunk_id,
                ],
            )


def _first_new_id(db: Database) -> int:
    """Above all that a look before this one can have given: an open window, or a program, may still name those."""
    jobs = db.conn.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'").fetchone()[0]
    highest = db.conn.execute("SELECT coalesce(max(id), 0) FROM main.proposals").fetchone()[0]
    return max(_IDS_A_LOOK * jobs, highest) + 1


def list_proposals(db: Database) -> list[StoredProposal]:
    """What waits for a verdict, the most worth first."""
    rows = db.conn.execute(
        """
        SELECT p.id, p.kind, coalesce(q.text, p.query), p.chunk_id, p.reason, p.rank, p.model_id
        FROM proposals p LEFT JOIN queries q ON q.id = p.query_id
        -- One may see no verdict on the question any more, where another judged it for a paper of theirs.
        WHERE coalesce(q.text, p.query) IS NOT NULL AND NOT (
            SELECT CASE WHEN p.kind = :disputed
                -- A single one is of a tie with the same question in other words.
                THEN count(*) FILTER (WHERE j.user_id IS :user AND NOT j.away)
                    OR (count(*) > 1 AND sum(j.relevance) * 2 != count(*))
                ELSE count(*) END
            FROM judgements j JOIN queries k ON k.id = j.query_id
            WHERE j.chunk_id = p.chunk_id AND k.text = coalesce(q.text, p.query))
        ORDER BY p.id
        """,
        {"disputed": ProposalKind.DISPUTED, "user": present_judge().user_id},
    ).fetchall()
    chunks = chunks_by_id(db, [row[3] for row in rows])
    return [
        StoredProposal(number, kind, query, chunks[chunk], reason, rank, model)
        for number, kind, query, chunk, reason, rank, model in rows
        if chunk in chunks
    ]


def skip_proposals(db: Database, proposal_ids: Sequence[int]) -> None:
    """Ask for these no more, until they are found once again."""
    with transaction(db):
        # Through the view: only of those that can be seen.
        seen = {row[0] for row in db.conn.execute("SELECT id FROM proposals")}
        db.conn.executemany("DELETE FROM main.proposals WHERE id = ?", [(one,) for one in proposal_ids if one in seen])
