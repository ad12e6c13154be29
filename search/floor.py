"""How near a passage must be to answer: nearer than passages are to questions that have nothing to do with the library.

No labels are needed: general questions that ship are asked, and what they find at best, in this library and with this
model, is what a question without an answer finds.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from core.types import EmbeddingMatrix
from indexer.encoder import Encoder

_SHIPPED = Path(__file__).with_name("general_questions.jsonl")
# Above the mean of these scores, in standard deviations. Chosen on six pairs of a labelled set's questions and
# another's passages: benchmarks/floor.py.
_DEVIATIONS = 0.6
# A library with fewer is too small to tell.
FEWEST_PASSAGES = 50


@cache
def general_questions() -> tuple[tuple[str, str], ...]:
    """Questions of all sorts, each with the passage that answers it."""
    lines = _SHIPPED.read_text(encoding="utf-8").splitlines()
    return tuple((pair["question"], pair["passage"]) for pair in map(json.loads, lines))


def embed_general_questions(encoder: Encoder) -> EmbeddingMatrix:
    return encoder.encode_queries([question for question, _ in general_questions()])


def find_floor(best_scores: np.ndarray) -> float:
    """The least score of an answer, from each general question's best."""
    return float(best_scores.mean() + _DEVIATIONS * best_scores.std())
