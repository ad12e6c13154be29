"""A cross-encoder, which reads question and passage together, puts the first of a ranking in its own order."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from core.errors import ModelError
from core.types import Hit
from indexer.model_files import require_harmless
from indexer.model_sources import fetch_from_hub, find_model_folder, first_line

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

logger = logging.getLogger(__name__)

# How many passages are read anew; each costs as much as a question does.
RERANKED = 30


class Reranker:
    """One loaded cross-encoder. Safe to call from several threads."""

    def __init__(self, model: "CrossEncoder") -> None:
        self._model = model
        # Concurrent calls of one Rust tokenizer fail with "Already borrowed".
        self._lock = threading.Lock()

    def rerank(self, query: str, hits: Sequence[Hit]) -> list[Hit]:
        """The first 30 of the hits in the order of the cross-encoder, each with its rank there; then the rest."""
        first, rest = hits[:RERANKED], hits[RERANKED:]
        if not first:
            return []
        with self._lock:
            scores = self._model.predict([(query, hit.chunk.text) for hit in first], show_progress_bar=False)
        order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
        return [*(replace(first[place], rerank=rank) for rank, place in enumerate(order.tolist(), start=1)), *rest]


def load_reranker(source: str, home: Path) -> Reranker:
    """A cross-encoder by folder or hub id, from safetensors and without code of its own.

    Raises ModelError, in one sentence, where it can't be had.
    """
    folder = find_model_folder(source, home) or fetch_from_hub(source)
    require_harmless(folder, source)
    # Delayed: it takes many seconds, and few have a reranker.
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(
            str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"'{source}' can't be loaded as a cross-encoder ({first_line(error)}). "
            "Set WHETSTONE_RERANKER to another, or to off."
        ) from error
    labels = model.config.num_labels
    if labels != 1:
        raise ModelError(
            f"'{source}' gives {labels} numbers for a question and a passage, and not one score. "
            "Set WHETSTONE_RERANKER to a reranker, or to off."
        )
    logger.info("reranking with %s", source)
    return Reranker(model)
