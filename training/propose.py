"""Find what is worth a verdict next: a job of the worker, which asks two models all that was judged."""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.errors import LibraryError
from core.people import for_everybody
from core.settings import Settings
from core.types import ChunkKind, Job, JobKind, Judgement, ModelVersion, ProposalKind, ScoredChunks
from indexer.encoder import load_version
from search.floor import FEWEST_PASSAGES, embed_general_questions, find_floor
from search.gpu import Device
from search.index_cache import follow_rows
from search.vector_index import VectorIndex
from storage import jobs, judgements, library, maps, models, proposals
from storage.database import open_database, transaction
from storage.maps import library_mark
from storage.progress import Progress
from storage.proposals import ProposalRow
from storage.vectors import ChangeMark, count_missing
from training.data.agreement import Agreed, agree
from training.data.pairs import collect_queries
from training.data.suggestions import suggest_questions
from training.data.worth_judging import (
    Found,
    Proposal,
    choose_uncovered,
    find_border,
    propose_at_border,
    propose_disagreements,
    propose_disputed,
    take_turns,
)

_DEPTH, _TOP = 30, 10
# The newest questions; with more, each would have too few of the proposals to matter.
_MOST_QUESTIONS = 200
_MOST_PROPOSALS = 60
_MOST_UNCOVERED = 12
# So many new judgements make another look worth while.
_JUDGEMENTS_A_LOOK = 10


def propose_mark(db: Database) -> str:
    """Another text when there is reason to look again."""
    active, judged = models.active_model(db), judgements.count_shared(db)
    looks, ties = judged // _JUDGEMENTS_A_LOOK, judgements.count_shared_ties(db)
    return f"{active.id if active else ''}/{library_mark(db)}/{looks}/{ties}"


def queue_propose(db: Database, *, anew: bool = False) -> Job | None:
    """Have the worker look; None where it has looked since anything changed."""
    mark, last = propose_mark(db), jobs.last_job(db, JobKind.PROPOSE)
    if not anew and last is not None and last.params.get("mark") == mark:
        return last if last.open else None
    return jobs.add_job(db, JobKind.PROPOSE, {"mark": mark})


@for_everybody
def run_propose(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Put new proposals in place of the old; `tops` are the ten best passages of each judged question, by its id."""
    progress.report("looking at the judgements")
    with open_database(settings.database) as db:
        active, rival = models.active_model(db), models.rival_model(db)
        if active is None:
            raise LibraryError("This library has no model yet. Add a paper first.")
        if rival is not None and count_missing(db, rival.id):
            rival = None
        judged = judgements.list_judgements(db)
    asked = [query.text for query in collect_queries(judged).queries][-_MOST_QUESTIONS:]
    progress.report("asking", item=active.name)
    first, floor = _ask(settings, active, asked)
    second = None
    if rival is not None:
        progress.report("asking", item=rival.name)
        second, _ = _ask(settings, rival, asked)
    agreed = agree(judged)
    found = _gather(asked, first, second, judged, agreed)
    kinds = [propose_at_border(found, find_border(found, floor))]
    if rival is not None:
        kinds.insert(0, propose_disagreements(found, active.name, rival.name))
    by_id = {one.id: one for one in judged}
    kinds.insert(0, propose_disputed([by_id[one] for one in tie] for tie in agreed.disagreements))
    progress.report("choosing")
    with open_database(settings.database) as db:
        chosen, uncovered = take_turns(kinds, _MOST_PROPOSALS), _propose_uncovered(db, active)
        with transaction(db):
            ids = dict(db.conn.execute("SELECT text, id FROM queries").fetchall())
            # A question whose judgements went meanwhile, as with a paper, is not brought back.
            kept = [one for one in chosen if one.query in ids] + uncovered
            proposals.replace_proposals(db, active.id, [_row(one) for one in kept])
    tops = {str(ids[one.query]): [chunk for chunk, _ in one.active[:_TOP]] for one in found if one.query in ids}
    return {"tops": tops, "model_id": active.id}


Ranking = tuple[tuple[int, float], ...]


def _ask(settings: Settings, version: ModelVersion, asked: Sequence[str]) -> tuple[list[Ranking], float | None]:
    """What the version finds for each question, and its floor of an answer."""
    encoder = load_version(version, settings.home)
    with open_database(settings.database) as db:
        references = {row[0] for row in db.conn.execute("SELECT id FROM chunks WHERE kind = ?", [ChunkKind.REFERENCE])}
        index = VectorIndex(version.dimension, Device("CPU", "a look at the judgements"))
        # A block after the other: a large library's vectors are in memory once, and not three times.
        follow_rows(db, version, index, ChangeMark())
    floor = None
    if len(index) >= FEWEST_PASSAGES:
        floor = find_floor(index.best_scores(embed_general_questions(encoder)))
    if not asked:
        return [], floor
    # Reference lists answer nothing; of what is left so many are looked at.
    hits = [index.search(vector, 3 * _DEPTH) for vector in encoder.encode_queries(asked)]
    return [_without(one, references)[:_DEPTH] for one in hits], floor


def _without(hits: ScoredChunks, left_out: Set[int]) -> Ranking:
    pairs = zip(hits.ids.tolist(), hits.scores.tolist(), strict=True)
    return tuple((chunk, score) for chunk, score in pairs if chunk not in left_out)


def _gather(
    asked: Sequence[str],
    first: Sequence[Ranking],
    second: Sequence[Ranking] | None,
    judged: Sequence[Judgement],
    agreed: Agreed,
) -> list[Found]:
    verdicts: defaultdict[str, dict[int, int | None]] = defaultdict(dict)
    for one in judged:
        verdicts[one.query][one.chunk_id] = None
    for one in agreed.judgements:
        verdicts[one.query][one.chunk_id] = one.relevance
    return [
        Found(query, first[place], second[place] if second else (), verdicts[query])
        for place, query in enumerate(asked)
    ]


def _propose_uncovered(db: Database, active: ModelVersion) -> list[Proposal]:
    """For papers of the map's least judged groups, or of any where there is no map, a question of their own."""
    judged = judgements.count_by_document(db)
    stored = maps.load_map(db, active.id)
    if stored is not None and stored.papers:
        groups = {paper.document_id: paper.group for paper in stored.papers}
        at = {paper.document_id: np.array([paper.x, paper.y]) for paper in stored.papers}
        middles = {
            group: np.mean([at[paper] for paper, its in groups.items() if its == group], axis=0)
            for group in set(groups.values())
        }
        far = {paper: float(np.linalg.norm(at[paper] - middles[group])) for paper, group in groups.items()}
    else:
        groups = {document.id: 0 for document in library.list_documents(db) if document.chunks}
        far = dict.fromkeys(groups, 0.0)
    proposed = []
    for paper in choose_uncovered(groups, judged, far, _MOST_UNCOVERED):
        chunks = library.chunks_of_document(db, paper)
        for suggested in suggest_questions(chunks, most=1):
            reason = "nothing of this paper is judged, and little of what is like it"
            proposed.append(Proposal(ProposalKind.UNCOVERED, suggested.query, suggested.chunk_id, 0.0, reason))
    return proposed


def _row(one: Proposal) -> ProposalRow:
    return ProposalRow(one.kind, one.query, one.chunk_id, one.reason, one.rank)
