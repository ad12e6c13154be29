"""A recipe proved by cross-validation (Stone 1974), for so few judged queries that none can be held out for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.settings import Settings
from core.types import ChunkIds, EmbeddingMatrix
from indexer.encoder import Encoder
from storage.database import open_database
from storage.progress import Progress
from training.comparison import VersionScores, drop_removed, first_chunk_of_text, join_scores, score_vectors
from training.pairs import JudgedQuery, Split, TrainingPair
from training.settings import TrainingSettings
from training.start_model import StartModel
from training.train import TrainingRun, Weights, fine_tune

# A fold's model ranks what the start model ranked so high for the fold's queries, and their answers: to embed the whole
# library for each would take longer than to train.
_HITS = 50


@dataclass(frozen=True, slots=True)
class Fold:
    """Queries that a model trained on the others answers, with the passages it ranks, and the start model's vectors."""

    queries: tuple[JudgedQuery, ...]
    passages: Mapping[int, str]
    query_vectors: EmbeddingMatrix
    passage_vectors: EmbeddingMatrix

    @property
    def ids(self) -> ChunkIds:
        return np.array(list(self.passages), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """The queries, scored by the start model, and each by a model that has not learnt it."""

    queries: tuple[JudgedQuery, ...]
    before: VersionScores
    after: VersionScores


def prepare_folds(start: StartModel, split: Split) -> list[Fold]:
    """The split's folds, while the start model is still itself."""
    row_of = {int(id_): row for row, id_ in enumerate(start.ids)}
    folds = []
    for queries in split.folds:
        asked = start.encoder.encode_queries([query.text for query in queries])
        passages = {chunk: text for query in queries for chunk, text in query.relevant if chunk in row_of}
        for hits in start.nearest_to(asked, _HITS):
            passages |= {chunk: hit.text for chunk, hit in hits.items()}
        vectors = start.vectors[[row_of[chunk] for chunk in passages]]
        folds.append(Fold(queries, passages, asked, vectors))
    return folds


def cross_validate(
    settings: Settings,
    encoder: Encoder,
    weights: Weights,
    pairs: Sequence[TrainingPair],
    folds: Sequence[Fold],
    recipe: TrainingSettings,
    progress: Progress,
) -> CrossValidated | None:
    """Train from the weights on all but a fold, and score that fold, for each fold; None where no answer is left.

    The encoder has the weights again at the end.
    """
    dimensions = recipe.dimensions(encoder.dimension)
    queries: list[JudgedQuery] = []
    scores: list[tuple[VersionScores, VersionScores]] = []
    for number, fold in enumerate(folds, start=1):
        encoder.model.load_state_dict(weights)
        what = f"part {number} of {len(folds)}"

        def tell(run: TrainingRun, what: str = what) -> None:
            progress.report("cross-validating", item=what, done=run.curve[-1].step, total=run.steps)

        unseen = {query.text for query in fold.queries}
        fine_tune(encoder, [pair for pair in pairs if pair.query not in unseen], recipe, None, tell)
        passages = encoder.encode_truncated_passages(list(fold.passages.values()))
        asked = encoder.encode_queries([query.text for query in fold.queries])
        with open_database(settings.database) as db, db.atomic():
            kept = drop_removed(db, fold.queries)
            same_text = first_chunk_of_text(db)
        texts = [query.text for query in kept]
        rows = [row for row, query in enumerate(fold.queries) if query.text in texts]
        if kept:
            queries.extend(kept)
            old = score_vectors(kept, fold.query_vectors[rows], fold.ids, fold.passage_vectors, same_text, dimensions)
            new = score_vectors(kept, asked[rows], fold.ids, passages, same_text, dimensions)
            scores.append((old, new))
    encoder.model.load_state_dict(weights)
    if not queries:
        return None
    return CrossValidated(
        tuple(queries), join_scores([old for old, _ in scores]), join_scores([new for _, new in scores])
    )
