import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.gpu import find_device
from search.vector_index import VectorIndex

NOTHING = np.array([], dtype=np.int64)


def unit_vectors(count: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_search_returns_chunk_ids_best_first_as_numpy_would_rank_them() -> None:
    vectors, query = unit_vectors(50), unit_vectors(1, seed=1)[0]
    ids = np.arange(1000, 1050)
    index = VectorIndex(16)
    index.update(NOTHING, ids, vectors)
    found = index.search(query, 5)
    order = np.argsort(-(vectors @ query))[:5]
    assert found.ids.tolist() == ids[order].tolist()
    np.testing.assert_allclose(found.scores, (vectors @ query)[order], rtol=1e-5)


def test_a_removed_id_is_found_no_more_and_the_rest_keep_their_ids() -> None:
    vectors = unit_vectors(4)
    index = VectorIndex(16)
    index.update(NOTHING, np.array([7, 8, 9, 10]), vectors)
    index.update(np.array([8, 99]), NOTHING, unit_vectors(0))
    assert len(index) == 3
    assert sorted(index.search(vectors[1], 10).ids.tolist()) == [7, 9, 10]
    assert index.search(vectors[3], 1).ids.tolist() == [10]


def test_an_id_given_again_has_its_new_vector_only() -> None:
    vectors = unit_vectors(2)
    index = VectorIndex(16)
    index.update(NOTHING, np.array([7]), vectors[:1])
    index.update(NOTHING, np.array([7]), vectors[1:])
    found = index.search(vectors[1], 10)
    assert found.ids.tolist() == [7]
    assert found.scores[0] == pytest.approx(1, abs=1e-5)


def test_only_the_ids_asked_for_are_searched() -> None:
    vectors = unit_vectors(20)
    index = VectorIndex(16)
    index.update(NOTHING, np.arange(20), vectors)
    assert sorted(index.search(vectors[0], 10, among=[3, 4, 5]).ids.tolist()) == [3, 4, 5]
    assert index.search(vectors[0], 10, among=[]).ids.tolist() == []


def test_an_empty_index_finds_nothing() -> None:
    assert VectorIndex(16).search(unit_vectors(1)[0], 10).ids.tolist() == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=40))
def test_after_any_adds_and_removals_exactly_the_live_ids_are_found(steps: list[tuple[bool, int]]) -> None:
    vectors, index, live = unit_vectors(16), VectorIndex(16), set()
    for add, number in steps:
        if add:
            index.update(NOTHING, np.array([number]), vectors[number : number + 1])
            live.add(number)
        else:
            index.update(np.array([number]), NOTHING, unit_vectors(0))
            live.discard(number)
    assert set(index.search(vectors[0], 50).ids.tolist()) == live


def test_searches_and_changes_at_once_never_fail_or_return_a_foreign_id() -> None:
    vectors, index = unit_vectors(200), VectorIndex(16)
    index.update(NOTHING, np.arange(200), vectors)
    problems: list[object] = []

    def change(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 200, 50):
            index.update(np.array([number]), NOTHING, unit_vectors(0))
            index.update(NOTHING, np.array([number]), vectors[number : number + 1])

    def search(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 200, 100):
            found = index.search(vectors[number], 10)
            if len(found.ids) != 10 or not set(found.ids.tolist()) <= set(range(200)):
                problems.append(found)

    threads = [threading.Thread(target=work, args=(n,)) for n, work in enumerate([change, search, search, search])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(index) == 200


def test_the_device_says_why_it_was_chosen() -> None:
    device = find_device()
    assert device.name in ("CPU", "GPU")
    assert device.why
