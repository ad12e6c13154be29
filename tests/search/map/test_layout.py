import numpy as np
import pytest

from search.map.layout import lay_out
from search.map.places import centred, fit_upon


def crowds(number: int, each: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around as many directions."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(number, 64))
    rows = np.repeat(middles, each, axis=0) + 0.4 * chance.normal(size=(number * each, 64))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_alike_stands_together_and_the_picture_is_the_same_again() -> None:
    vectors = crowds(4, 15)
    places = lay_out(vectors)
    assert np.array_equal(places, lay_out(vectors))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5] // 15
    assert (nearest == np.arange(60)[:, None] // 15).mean() > 0.95


def test_a_picture_begun_from_another_looks_like_it() -> None:
    vectors = crowds(4, 15)
    start = np.repeat(np.array([[0, 9], [9, 0], [0, -9], [-9, 0]], np.float32), 15, axis=0)
    start = centred(start + np.random.default_rng(1).normal(size=start.shape).astype(np.float32))

    def off(places: np.ndarray) -> float:
        return float(np.sqrt(((fit_upon(places, start)(places) - start) ** 2).sum(axis=1).mean()))

    # By itself it puts other crowds beside each other.
    assert off(lay_out(vectors, start)) < 0.5
    assert off(lay_out(vectors)) > 0.8


@pytest.mark.parametrize("many", [0, 1, 2, 3, 11, 13])
def test_few_vectors_make_a_map_too(many: int) -> None:
    places = lay_out(crowds(max(many, 1), 1)[:many])
    assert places.shape == (many, 2)
    assert np.isfinite(places).all()


def test_equal_vectors_make_no_trouble() -> None:
    assert np.isfinite(lay_out(np.repeat(crowds(1, 1), 20, axis=0))).all()
