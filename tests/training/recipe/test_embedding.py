from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from core.errors import TrainingError
from tests.models import make_seed_like_model
from training.recipe.embedding import Backward, Texts, backward
from training.recipe.losses import Candidates, ranking_loss

QUERIES = ["what is gravity?", "bread", "how do whales sing to one another"]
PASSAGES = [f"{query} and {'more ' * number}of it" for number, query in enumerate(QUERIES)] + ["glass"]
CANDIDATES = Candidates(torch.arange(3), torch.ones(3, 4, dtype=torch.bool))


@pytest.fixture
def model(tmp_path: Path) -> SentenceTransformer:
    make_seed_like_model(tmp_path / "model")
    return SentenceTransformer(str(tmp_path / "model")).train()


def gradients(model: SentenceTransformer, group: int, cached: bool, window: int | None = None) -> tuple[float, list]:
    torch.manual_seed(7)
    model.zero_grad(set_to_none=True)
    columns = [Texts(QUERIES, "query"), Texts(PASSAGES, "document", window)]
    loss = backward(model, columns, lambda v: ranking_loss(v[0], v[1], CANDIDATES, [1024, 64]), group, cached)
    return loss, [weight.grad for weight in model.parameters() if weight.grad is not None]


def test_groups_and_the_cache_change_neither_loss_nor_gradients(model: SentenceTransformer) -> None:
    model.eval()
    whole_loss, whole = gradients(model, 0, False)
    for group, cached in ((2, False), (2, True), (0, True)):
        loss, parts = gradients(model, group, cached)
        assert loss == pytest.approx(whole_loss, abs=1e-5)
        assert len(parts) == len(whole)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(parts, whole, strict=True))


def test_the_second_pass_of_the_cache_drops_out_what_the_first_did(model: SentenceTransformer) -> None:
    _, kept = gradients(model, 2, False)
    _, cached = gradients(model, 2, True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(kept, cached, strict=True))
    model.eval()
    assert not all(torch.allclose(a, b, atol=1e-5) for a, b in zip(gradients(model, 2, True)[1], cached, strict=True))


def test_a_window_for_training_cuts_passages_and_leaves_the_model_its_own(model: SentenceTransformer) -> None:
    model.eval()
    full, _ = gradients(model, 0, False)
    cut, _ = gradients(model, 0, False, window=8)
    assert cut != pytest.approx(full, abs=1e-4)
    assert model.max_seq_length == 512


@pytest.mark.parametrize("room", [1, 2, 3])
def test_a_batch_without_room_in_memory_is_taken_in_smaller_groups_with_the_same_gradients(
    model: SentenceTransformer, room: int
) -> None:
    model.eval()
    whole_loss, whole = gradients(model, 0, False)
    model.zero_grad(set_to_none=True)
    sizes: list[int] = []

    def refuse(module: torch.nn.Module, inputs: tuple[dict[str, torch.Tensor]]) -> None:
        sizes.append(len(inputs[0]["input_ids"]))
        if sizes[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model[0].register_forward_pre_hook(refuse)
    columns = [Texts(QUERIES, "query"), Texts(PASSAGES, "document")]
    step = Backward(model, 0, False)
    loss = step(columns, lambda v: ranking_loss(v[0], v[1], CANDIDATES, [1024, 64]))
    assert loss == pytest.approx(whole_loss, abs=1e-5)
    parts = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(parts, whole, strict=True))
    refused = sum(size > room for size in sizes)
    model.zero_grad(set_to_none=True)
    step(columns, lambda v: ranking_loss(v[0], v[1], CANDIDATES, [1024, 64]))
    assert refused == sum(size > room for size in sizes) > 0


def test_a_model_too_large_for_the_memory_is_told_in_one_sentence(model: SentenceTransformer) -> None:
    def refuse(module: torch.nn.Module, inputs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    model[0].register_forward_pre_hook(refuse)
    with pytest.raises(TrainingError, match="too small to train this model"):
        Backward(model, 0, False)([Texts(QUERIES, "query")], lambda v: v[0].sum())
