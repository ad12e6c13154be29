"""The ranking loss over vectors, at every Matryoshka dimension. Pure functions of tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

# The inverse temperature of all-MiniLM, arctic-embed and sentence-transformers' default.
SCALE = 20.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who competes in a batch of n queries and m passages.

    `positive` (n) is each query's column; `allowed` (n, m) is False where a passage is no negative of the query,
    because it answers it too; `start_scores` (n, m) are the start model's cosines, None where no loss needs them.
    """

    positive: torch.Tensor
    allowed: torch.Tensor
    start_scores: torch.Tensor | None = None


def ranking_loss(
    queries: torch.Tensor,
    passages: torch.Tensor,
    candidates: Candidates,
    dimensions: Sequence[int],
    distillation: float = 0.0,
) -> torch.Tensor:
    """Cross-entropy of each query's positive among the batch's passages (van den Oord et al. 2018, InfoNCE).

    It is summed over the dimensions the vectors are cut to (Kusupati et al. 2022). `distillation` is the share that
    the divergence from the start model's distribution has in it (Hinton et al. 2015).
    """
    total = queries.new_zeros(())
    for dimension in dimensions:
        scores = cosines(queries[:, :dimension], passages[:, :dimension]) * SCALE
        scores = scores.masked_fill(~candidates.allowed, -torch.inf)
        loss = functional.cross_entropy(scores, candidates.positive)
        if distillation and candidates.start_scores is not None:
            loss = (1 - distillation) * loss + distillation * _divergence(scores, candidates)
        total = total + loss
    return total


def cosines(queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    return functional.normalize(queries, dim=1) @ functional.normalize(passages, dim=1).T


def guard_against_false_negatives(candidates: Candidates, margin: float = 0.0) -> Candidates:
    """Without the negatives that the start model finds nearer to the query than the positive, less the margin.

    That is GISTEmbed (Solatorio 2024), the start model being the guide.
    """
    assert candidates.start_scores is not None
    of_positive = candidates.start_scores.gather(1, candidates.positive[:, None])
    allowed = candidates.allowed & (candidates.start_scores <= of_positive - margin)
    allowed = allowed.scatter(1, candidates.positive[:, None], True)
    return Candidates(candidates.positive, allowed, candidates.start_scores)


def _divergence(scores: torch.Tensor, candidates: Candidates) -> torch.Tensor:
    assert candidates.start_scores is not None
    # A mask of -inf on both sides would make 0 * inf; a large finite number has the same softmax.
    start = (candidates.start_scores * SCALE).masked_fill(~candidates.allowed, -1e4)
    return functional.kl_div(
        functional.log_softmax(scores.clamp(min=-1e4), dim=1),
        functional.log_softmax(start, dim=1),
        reduction="batchmean",
        log_target=True,
    )
