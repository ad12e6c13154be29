"""What a retrain works from: the base, and the judged queries, split for learning and deciding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import LibraryError, TrainingError
from core.settings import Settings
from core.types import Judgement, ModelVersion
from storage import judgements, models
from storage.database import open_database
from training.data.lineage import learnt_by
from training.data.pairs import MINIMUM_PAIRS, JudgedQuery, collect_queries, queries_needed
from training.data.split import Split, split_queries
from training.proof.verdict import Shortage
from training.recipe.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Material:
    """Taken once, at the beginning of a retrain; `papers` are the ids of those that the judgements are on."""

    base: ModelVersion
    split: Split
    contradictions: int
    disagreements: int
    judged_queries: int
    judgement_ids: tuple[int, ...]
    papers: frozenset[int]
    first_ranked_share: float

    def describe_split(self) -> dict[str, Any]:
        return {
            "train_queries": len(self.split.train),
            "train_pairs": sum(len(query.relevant) for query in self.split.train),
            "held_out_queries": len(self.split.held_out),
            "held_out_pairs": sum(len(query.relevant) for query in self.split.held_out),
            "choose_queries": len(self.split.choose),
            "chosen_on_held_out": self.split.chosen_on_held_out,
            "folds": len(self.split.folds),
            "contradictions": self.contradictions,
            "disagreements": self.disagreements,
            "first_ranked_share": self.first_ranked_share,
        }

    @property
    def shortage(self) -> Shortage:
        return Shortage(queries_needed(self.judged_queries), self.split.obstacle)


def gather_material(settings: Settings, recipe: TrainingSettings) -> Material:
    """Raises LibraryError without a model, TrainingError with too few judgements to train at all."""
    with open_database(settings.database) as db:
        base = models.version_or_active(db, recipe.base_model_id)
        judged = judgements.list_judgements(db)
        learnt = learnt_by(db, base)
    if base is None:
        raise LibraryError("This library has no model yet. Add a paper first.")
    collected = collect_queries(judged)
    pairs = sum(len(query.relevant) for query in collected.queries)
    if pairs < MINIMUM_PAIRS or len(collected.queries) < 2:
        raise TrainingError(
            f"There are {pairs} approved passages for {len(collected.queries)} questions; "
            "training needs passages approved for at least 2 different questions."
        )
    split = split_queries(collected.queries, recipe.seed, learnt, choose=recipe.choose)
    document_of = {one.id: one.document_id for one in judged}
    used = tuple(judgement_id for query in collected.queries for judgement_id in query.judgement_ids)
    return Material(
        base,
        split,
        len(collected.contradictions),
        len(collected.disagreements),
        len(collected.queries),
        used,
        frozenset(document_of[judgement_id] for judgement_id in used),
        first_ranked_share(judged, split.held_out, base),
    )


def first_ranked_share(judged: Sequence[Judgement], queries: Sequence[JudgedQuery], base: ModelVersion) -> float:
    """The share of the queries' approvals that were given to what the base had ranked first."""
    held_out = {number for query in queries for number in query.judgement_ids}
    approved = [one for one in judged if one.id in held_out and one.relevance == 1]
    return sum(one.rank == 1 and one.model_id == base.id for one in approved) / len(approved) if approved else 0.0
