import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.nn import functional

from training.recipe.losses import Candidates, guard_against_false_negatives, ranking_loss

QUERIES, PASSAGES = (torch.randn(rows, 32, generator=torch.Generator().manual_seed(rows)) for rows in (4, 6))
EVERYONE = Candidates(torch.arange(4), torch.ones(4, 6, dtype=torch.bool))


def test_the_loss_is_that_of_sentence_transformers_at_each_dimension() -> None:
    theirs = MultipleNegativesRankingLoss(torch.nn.Identity())
    expected = sum(
        theirs.compute_loss_from_embeddings(
            [QUERIES[:, :dimension], PASSAGES[:4, :dimension], PASSAGES[4:, :dimension].repeat(2, 1)],
            torch.arange(4),
        )
        for dimension in (32, 8)
    )
    everyone = Candidates(torch.arange(4), torch.ones(4, 8, dtype=torch.bool))
    passages = torch.cat([PASSAGES[:4], PASSAGES[4:].repeat(2, 1)])
    assert ranking_loss(QUERIES, passages, everyone, [32, 8]).item() == pytest.approx(expected.item(), abs=1e-5)


def test_a_passage_that_is_not_allowed_has_no_part_in_the_loss() -> None:
    allowed = EVERYONE.allowed.clone()
    allowed[:, 5] = False
    without = ranking_loss(QUERIES, PASSAGES[:5], Candidates(torch.arange(4), allowed[:, :5]), [32])
    assert ranking_loss(QUERIES, PASSAGES, Candidates(torch.arange(4), allowed), [32]).item() == without.item()


def test_the_guard_takes_out_what_the_start_model_finds_nearer_than_the_positive() -> None:
    start = torch.tensor([[0.5, 0.6, 0.4], [0.1, 0.3, 0.3]])
    guarded = guard_against_false_negatives(
        Candidates(torch.tensor([0, 1]), torch.ones(2, 3, dtype=torch.bool), start), margin=0.0
    )
    assert guarded.allowed.tolist() == [[True, False, True], [True, True, True]]
    strict = guard_against_false_negatives(Candidates(torch.tensor([0, 1]), guarded.allowed, start), margin=0.05)
    assert strict.allowed.tolist() == [[True, False, True], [True, True, False]]


def test_distillation_alone_is_least_for_the_start_models_own_scores() -> None:
    start = functional.normalize(QUERIES, dim=1) @ functional.normalize(PASSAGES, dim=1).T
    candidates = Candidates(EVERYONE.positive, EVERYONE.allowed, start)
    assert ranking_loss(QUERIES, PASSAGES, candidates, [32], distillation=1.0).item() == pytest.approx(0, abs=1e-5)
    assert ranking_loss(QUERIES.flip(0), PASSAGES, candidates, [32], distillation=1.0).item() > 0.1


def test_distillation_is_a_number_where_passages_are_not_allowed() -> None:
    allowed = EVERYONE.allowed.clone()
    allowed[0, 3:] = False
    queries = QUERIES.clone().requires_grad_()
    loss = ranking_loss(queries, PASSAGES, Candidates(EVERYONE.positive, allowed, torch.zeros(4, 6)), [32, 8], 0.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert queries.grad is not None
    assert torch.isfinite(queries.grad).all()
