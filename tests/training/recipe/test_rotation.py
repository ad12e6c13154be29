from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from core.types import EmbeddingMatrix
from indexer.encoder import Encoder, load_encoder
from tests.models import make_seed_like_model
from training.recipe.rotation import apply_matrix, principal_rotation

TEXTS = [f"fixed text number {n} about {s}" for n, s in enumerate(["gravity", "bread", "whales", "glass", "music"] * 2)]


def vectors_with_hidden_axes(rows: int = 400) -> EmbeddingMatrix:
    """Unit vectors that differ in 8 of 32 directions, none of them an axis, and share a mean."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(32, 32)))
    spread = np.array([1.0] * 8 + [0.02] * 24)
    vectors = (rng.normal(size=(rows, 32)) * spread) @ basis + basis[20] * 3
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_leading_dimensions_keep_the_ranking_and_the_mean_comes_last() -> None:
    vectors = vectors_with_hidden_axes()
    turned = vectors @ principal_rotation(vectors).T
    variance = turned.var(axis=0)
    assert variance[:8].sum() > 0.95 * variance.sum()
    assert abs(turned.mean(axis=0)[-1]) > 0.5
    np.testing.assert_allclose(turned.mean(axis=0)[:-1], 0, atol=1e-5)


def test_a_rotation_leaves_every_cosine_as_it_is() -> None:
    vectors = vectors_with_hidden_axes()
    rotation = principal_rotation(vectors)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(32), atol=1e-5)
    turned = vectors @ rotation.T
    np.testing.assert_allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-5)


def test_few_vectors_make_a_rotation_too() -> None:
    rotation = principal_rotation(vectors_with_hidden_axes(5))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(32), atol=1e-5)


@pytest.fixture(params=["minilm", "seed-like"])
def encoder(request: pytest.FixtureRequest, minilm: Encoder, tmp_path: Path) -> Encoder:
    if request.param == "minilm":
        minilm.model.save_pretrained(str(tmp_path / "start"))
    else:
        make_seed_like_model(tmp_path / "start")
    return load_encoder(str(tmp_path / "start"), tmp_path)


def random_rotation(dimension: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dimension, dimension)))[0].astype(np.float32)


def test_a_rotated_model_gives_rotated_vectors_and_loads_anywhere(encoder: Encoder, tmp_path: Path) -> None:
    passages, queries = encoder.encode_passages(TEXTS), encoder.encode_queries(TEXTS)
    first, second = (random_rotation(encoder.dimension, seed) for seed in (0, 1))
    apply_matrix(encoder.model, first)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), passages @ first.T, atol=1e-5)
    apply_matrix(encoder.model, second)
    assert sum(isinstance(module, torch.nn.Linear) for module in encoder.model[2].modules()) == 1
    encoder.model.save_pretrained(str(tmp_path / "turned"), create_model_card=False)
    plain = SentenceTransformer(str(tmp_path / "turned"))
    assert plain.get_embedding_dimension() == encoder.dimension
    options = {"normalize_embeddings": True, "show_progress_bar": False}
    np.testing.assert_allclose(plain.encode_document(TEXTS, **options), passages @ (second @ first).T, atol=1e-5)
    np.testing.assert_allclose(plain.encode_query(TEXTS, **options), queries @ (second @ first).T, atol=1e-5)
