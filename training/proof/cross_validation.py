"""A recipe proved by cross-validation (Stone 1974), for so few judged queries that none can be held out for good."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.settings import Settings
from core.types import EmbeddingMatrix
from storage.database import open_database
from storage.library import chunks_by_id
from storage.progress import Progress
from training.data.pairs import JudgedQuery, TrainingPair
from training.data.split import Split
from training.proof.comparison import VersionScores, drop_removed, first_chunk_of_text, join_scores, score_vectors
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.settings import TrainingSettings
from training.recipe.train import TrainingRun, fine_tune
from training.recipe.warm_start import WarmStart

# A fold's models rank so many passages, all there are in a small library: to embed a large one for each fold would
# take longer than to train. Among them are the answers, and what the start model and the version found best for each
# query, so that the strongest rivals of either kind are there.
RANKED_PASSAGES = 1000
_HITS = 50


@dataclass(frozen=True, slots=True)
class Fold:
    """Queries that a model trained on the others answers, and the start model's vectors of them."""

    queries: tuple[JudgedQuery, ...]
    vectors: EmbeddingMatrix


@dataclass(frozen=True, slots=True)
class Contest:
    """Where two versions meet: the start model with its folds, and the version trained from it."""

    start: EmbeddedModel
    folds: Sequence[Fold]
    version: EmbeddedModel


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """The queries, scored by the start model, and each by a model that has not learnt it, over `passages` passages."""

    queries: tuple[JudgedQuery, ...]
    before: VersionScores
    after: VersionScores
    passages: int


def prepare_folds(start: EmbeddedModel, split: Split) -> list[Fold]:
    """The split's folds, while the start model is still itself."""
    return [Fold(fold, start.encoder.encode_queries([query.text for query in fold])) for fold in split.folds]


def cross_validate(
    settings: Settings,
    contest: Contest,
    warm: WarmStart,
    pairs: Sequence[TrainingPair],
    recipe: TrainingSettings,
    progress: Progress,
) -> CrossValidated | None:
    """Train from the warm start on all but a fold, and score that fold, for each fold; None where no answer is left.

    The start model's encoder is what is trained; at the end it is not itself.
    """
    encoder, folds = contest.start.encoder, contest.folds
    parts: list[_Scored] = []
    for number, fold in enumerate(folds, start=1):
        what = f"part {number} of {len(folds)}"

        def tell(run: TrainingRun, what: str = what) -> None:
            progress.report("cross-validating", item=what, done=run.curve[-1].step, total=run.steps)

        unseen = {query.text for query in fold.queries}
        warm.begin(encoder, without=unseen)
        fine_tune(encoder, [pair for pair in pairs if pair.query not in unseen], recipe, None, tell, warm.weights)
        # Else the bar would stand full for as long as the training took.
        progress.report("ranking for the comparison", item=what)
        if (scored := _score_fold(settings, contest, fold, recipe)) is not None:
            parts.append(scored)
    if not parts:
        return None
    return CrossValidated(
        tuple(query for part in parts for query in part.queries),
        join_scores([part.before for part in parts]),
        join_scores([part.after for part in parts]),
        max(part.passages for part in parts),
    )


@dataclass(frozen=True, slots=True)
class _Scored:
    queries: Sequence[JudgedQuery]
    before: VersionScores
    after: VersionScores
    passages: int


def _score_fold(settings: Settings, contest: Contest, fold: Fold, recipe: TrainingSettings) -> _Scored | None:
    """The fold's queries by the start model's vectors and by its encoder as it is now; None where no answer is left."""
    start, encoder = contest.start, contest.start.encoder
    chosen = choose_passages(contest, fold, recipe.seed)
    with open_database(settings.database) as db, db.atomic():
        kept = drop_removed(db, fold.queries)
        texts = {chunk.id: chunk.text for chunk in chunks_by_id(db, chosen).values()}
        same_text = first_chunk_of_text(db)
    if not kept:
        return None
    ids = np.array(list(texts), dtype=np.int64)
    dimensions = recipe.dimensions(encoder.dimension)
    row_of = {int(id_): row for row, id_ in enumerate(start.ids)}
    asked = encoder.encode_queries([query.text for query in kept])
    place = {query.text: row for row, query in enumerate(fold.queries)}
    rows = [place[query.text] for query in kept]
    before = start.vectors[[row_of[chunk] for chunk in texts]]
    after = encoder.encode_truncated_passages(list(texts.values()))
    return _Scored(
        kept,
        score_vectors(kept, fold.vectors[rows], ids, before, same_text, dimensions),
        score_vectors(kept, asked, ids, after, same_text, dimensions),
        len(ids),
    )


def choose_passages(contest: Contest, fold: Fold, seed: int) -> list[int]:
    """The chunks that the fold's models rank: answers, best hits of start model and version, and others by chance."""
    start, version = contest.start, contest.version
    there = {int(id_) for id_ in start.ids}
    chosen = dict.fromkeys(chunk for query in fold.queries for chunk, _ in query.relevant if chunk in there)
    asked = version.encoder.encode_queries([query.text for query in fold.queries])
    for ids in (start.best(fold.vectors, _HITS), version.best(asked, _HITS)):
        chosen |= dict.fromkeys(chunk for chunk in ids if chunk in there)
    others = sorted(there - set(chosen))
    missing = min(max(RANKED_PASSAGES - len(chosen), 0), len(others))
    return [*chosen, *random.Random(seed).sample(others, missing)]
