"""One recipe with one seed: pairs from the train split, the product's own training, scores over all passages."""

import argparse
import hashlib
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from peft import LoraConfig, TaskType

from benchmarks.recipe_list import RECIPES, Recipe
from core.types import EmbeddingMatrix
from indexer.encoder import load_encoder
from search.beir import LabelledSet, load_labelled_set, rank_vectors
from search.evaluation import score_run
from search.gpu import Device
from search.vector_index import VectorIndex, cut_vectors
from training.data.connected import Learnt
from training.data.pairs import JudgedQuery, TrainingPair, make_pairs
from training.data.split import split_for_choosing, untouched_queries
from training.recipe.embedded_model import EmbeddedModel
from training.recipe.linear_map import MapLearner, Side, apply_map
from training.recipe.live_curve import make_pool
from training.recipe.rotation import principal_rotation
from training.recipe.settings import TrainingSettings, make_settings
from training.recipe.train import TrainingRun, fine_tune
from training.recipe.warm_start import prepare_warm_start

_HITS = 100
_REJECTED = 2


class Watch:
    """Seconds since it was made, by the clock and of this process' work on all cores, and the peak memory so far."""

    def __init__(self) -> None:
        self._began, self._began_work = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "seconds": round(time.perf_counter() - self._began, 1),
            "cpu_seconds": round(time.process_time() - self._began_work, 1),
            "peak_mb": _peak_megabytes(),
        }


def run_recipe(args: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """The scores, seconds of training and peak memory of one run."""
    recipe = _changed(RECIPES[name], args.change)
    train = load_labelled_set(args.folder, "train")
    start = load_start(args.model, train, args.cache)
    queries = take_pairs(train, args.pairs, seed)
    target = load_labelled_set(args.folder, "test") if args.score_on == "test" else _unused(train, queries)
    outcome: dict[str, Any] = {"recipe": name, "seed": seed}
    passages, query_texts = start.vectors, list(target.queries.values())
    if recipe.settings is None:
        outcome |= {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": _peak_megabytes()}
        asked = start.encoder.encode_queries(query_texts)
    elif recipe.side is not None:
        watch = Watch()
        rotation = principal_rotation(start.vectors)
        dimensions = recipe.settings.dimensions(len(rotation))
        fitted = MapLearner(start, queries, rotation, dimensions, recipe.side, seed).learn()
        outcome |= watch.read() | {"rate": fitted.rate, "share": fitted.share, "cross_validated": fitted.after}
        matrix = fitted.matrix @ rotation
        asked = apply_map(start.encoder.encode_queries(query_texts), matrix)
        passages = apply_map(passages, matrix if recipe.side is Side.BOTH else rotation)
    else:
        watch = Watch()
        run = train_recipe(recipe, replace(recipe.settings, seed=seed), start, queries)
        outcome |= watch.read()
        outcome |= {"best_step": run.best_step, "steps": run.steps, "start_weight": run.start_weight}
        outcome["curve"] = [point.as_dict() for point in run.curve if point.ndcg is not None]
        passages = start.encoder.encode_truncated_passages(list(train.passages.values()))
        asked = start.encoder.encode_queries(query_texts)
    return outcome | score_vectors(target, list(train.passages), passages, asked)


def take_pairs(train: LabelledSet, count: int, seed: int) -> list[JudgedQuery]:
    """Whole queries in an order by chance until they have so many pairs; the last one gives only what is missing."""
    number = {name: position for position, name in enumerate(train.passages)}
    order = sorted(train.qrels)
    random.Random(seed).shuffle(order)
    taken: list[JudgedQuery] = []
    missing = count
    for query in order:
        relevant = tuple((number[name], train.passages[name]) for name in list(train.qrels[query])[:missing])
        if relevant:
            taken.append(JudgedQuery(train.queries[query], relevant, (), ()))
        missing -= len(relevant)
    return taken


def train_recipe(
    recipe: Recipe, settings: TrainingSettings, start: EmbeddedModel, queries: Sequence[JudgedQuery]
) -> TrainingRun:
    """Train the start encoder in place, as a retrain does."""
    trained, choose = split_for_choosing(queries, settings.seed) if settings.choose else (tuple(queries), ())
    if recipe.rejected:
        trained = _with_rejected(trained, start)
    pool = make_pool(start, choose)
    pairs: Sequence[TrainingPair] = make_pairs(trained, with_rejected=settings.rejected_negatives)
    if settings.mined_negatives:
        pairs = start.mine(pairs, settings.mined_negatives).pairs
    # Last, because the start model's vectors are those of before the rotation.
    warm = prepare_warm_start(start, trained, settings)
    warm.begin(start.encoder)
    if recipe.lora:
        config = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, r=16, lora_alpha=32, target_modules="all-linear")
        start.encoder.model.add_adapter(config)
    return fine_tune(start.encoder, pairs, warm.recipe, pool.score if pool else None, lambda run: None, warm.weights)


def score_vectors(
    target: LabelledSet, ids: list[str], passages: EmbeddingMatrix, queries: EmbeddingMatrix
) -> dict[str, float]:
    """nDCG@10 and the share of queries with a relevant first hit, whole and at 64 dimensions."""
    scores: dict[str, float] = {}
    for dimension, suffix in ((passages.shape[1], ""), (64, "@64")):
        index = VectorIndex(dimension, Device("CPU", "a benchmark"))
        index.update(
            np.array([], dtype=np.int64), np.arange(len(ids), dtype=np.int64), cut_vectors(passages, dimension)
        )
        run = rank_vectors(index, ids, list(target.queries), cut_vectors(queries, dimension), _HITS)
        first = [run[query][0] in relevant for query, relevant in target.qrels.items()]
        scores[f"ndcg@10{suffix}"] = round(score_run(run, target.qrels).ndcg_at_10, 4)
        scores[f"accuracy@1{suffix}"] = round(sum(first) / len(first), 4)
    return scores


def _changed(recipe: Recipe, change: dict[str, Any]) -> Recipe:
    if recipe.settings is None or not change:
        return recipe
    changed = make_settings(asdict(recipe.settings) | change)
    return replace(recipe, settings=changed)


def load_start(model: str, labelled: LabelledSet, cache: Path) -> EmbeddedModel:
    """The start model over the set's passages, numbered in their order; their vectors are kept in the cache."""
    encoder = load_encoder(model, Path(model).absolute())
    texts = list(labelled.passages.values())
    digest = hashlib.sha256(encoder.fingerprint.encode())
    for text in texts:
        digest.update(b"\0" + text.encode())
    file = cache / f"{digest.hexdigest()[:32]}.npy"
    if file.is_file():
        vectors = np.load(file)
    else:
        vectors = encoder.encode_truncated_passages(texts)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, vectors)
    return EmbeddedModel(encoder, np.arange(len(texts)), vectors, lambda ids: {number: texts[number] for number in ids})


def _unused(train: LabelledSet, queries: Sequence[JudgedQuery]) -> LabelledSet:
    """The train split's queries that hang together with none of those trained on."""
    number = {name: position for position, name in enumerate(train.passages)}
    judged = {
        name: JudgedQuery(train.queries[name], tuple((number[one], train.passages[one]) for one in relevant), (), ())
        for name, relevant in train.qrels.items()
    }
    untouched = set(map(id, untouched_queries(list(judged.values()), Learnt.of(queries))))
    free = [name for name, query in judged.items() if id(query) in untouched]
    return LabelledSet(
        train.passages, {name: train.queries[name] for name in free}, {name: train.qrels[name] for name in free}
    )


def _with_rejected(queries: Sequence[JudgedQuery], start: EmbeddedModel) -> tuple[JudgedQuery, ...]:
    """As if the reader had rejected the start model's best hits that the set does not call relevant."""
    changed = []
    for query, hits in zip(queries, start.nearest([query.text for query in queries], _HITS), strict=True):
        approved = {text for _, text in query.relevant}
        wrong = [(number, hit.text) for number, hit in hits.items() if hit.text not in approved]
        changed.append(replace(query, rejected=tuple(wrong[:_REJECTED])))
    return tuple(changed)


def _peak_megabytes() -> float:
    """The most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
