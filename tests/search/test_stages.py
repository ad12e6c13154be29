"""More vectors than an exact index holds: codes find candidates, the stored vectors rank them."""

from collections.abc import Sequence

import faiss
import numpy as np
import pytest

from core.types import FoundVectors
from search.gpu import Device
from search.vector_index import VectorIndex, read_vector_index

NOTHING = np.array([], dtype=np.int64)
CPU, GPU = Device("CPU", "a test"), Device("GPU", "a test", gpu=True)
DIMENSION, COUNT = 64, 6000


def clustered(count: int, seed: int) -> np.ndarray:
    """Unit vectors around 50 centres."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((50, DIMENSION))
    rows = centres[chance.integers(0, 50, count)] + chance.standard_normal((count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Rows:
    """Stored vectors by chunk id, as the database has them."""

    def __init__(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        self.rows = dict(zip(ids.tolist(), vectors, strict=True))

    def __call__(self, ids: Sequence[int]) -> FoundVectors:
        found = [one for one in ids if one in self.rows]
        return FoundVectors(
            np.array(found, np.int64), np.array([self.rows[one] for one in found]).reshape(-1, DIMENSION)
        )

    def best(self, query: np.ndarray, k: int, among: Sequence[int] | None = None) -> list[int]:
        found = self(list(self.rows) if among is None else among)
        return found.ids[np.argsort(-(found.vectors @ query))[:k]].tolist()


@pytest.fixture
def coded() -> tuple[VectorIndex, Rows]:
    ids, vectors = np.arange(COUNT) * 3 + 7, clustered(COUNT, 0)
    index = VectorIndex(DIMENSION, CPU, most_exact=1000)
    for first in range(0, COUNT, 900):
        index.update(NOTHING, ids[first : first + 900], vectors[first : first + 900])
    return index, Rows(ids, vectors)


def overlap(index: VectorIndex, rows: Rows, among: Sequence[int] | None = None) -> float:
    """The share of the exact ten best that a search finds, over 40 questions."""
    shares = []
    for query in clustered(40, 1):
        found = index.search(query, 10, among, rows).ids.tolist()
        assert len(found) == 10
        shares.append(len(set(found) & set(rows.best(query, 10, among))) / 10)
    return float(np.mean(shares))


def test_codes_find_what_an_exact_search_finds_and_scores_are_exact(coded: tuple[VectorIndex, Rows]) -> None:
    index, rows = coded
    assert not index.exact
    assert overlap(index, rows) >= 0.99
    query = clustered(1, 2)[0]
    found = index.search(query, 10, None, rows)
    np.testing.assert_allclose(found.scores, [rows.rows[one] @ query for one in found.ids.tolist()], rtol=1e-6)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("every", [2, 40])
def test_a_filter_holds_in_every_stage_whether_it_leaves_many_or_few(
    coded: tuple[VectorIndex, Rows], every: int
) -> None:
    index, rows = coded
    among = [*list(rows.rows)[::every], 1, 2]
    assert overlap(index, rows, among) >= 0.99
    assert set(index.search(clustered(1, 3)[0], 50, among, rows).ids.tolist()) <= set(among)


def test_papers_come_and_go_without_the_codes_being_made_anew(
    coded: tuple[VectorIndex, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, rows = coded
    monkeypatch.setattr("search.vector_index.encode_stage", lambda *_: pytest.fail("made anew"))
    new, replaced = np.arange(100_000, 100_200), clustered(200, 4)
    gone = np.array(list(rows.rows)[500:700])
    index.update(gone, new, replaced)
    for one in gone.tolist():
        del rows.rows[one]
    rows.rows |= dict(zip(new.tolist(), replaced, strict=True))
    assert sorted(index.ids.tolist()) == sorted(rows.rows)
    assert overlap(index, rows) >= 0.99
    assert index.search(replaced[7], 1, None, rows).ids.tolist() == [100_007]
    index.update(NOTHING, new[:1], -replaced[:1])
    assert index.search(replaced[0], 1, [100_000]).scores[0] < -0.9
    assert len(index) == len(rows.rows)


def test_a_chunk_removed_since_is_left_out_whatever_the_codes_hold(coded: tuple[VectorIndex, Rows]) -> None:
    index, rows = coded
    query = clustered(1, 5)[0]
    best = rows.best(query, 1)[0]
    del rows.rows[best]
    found = index.search(query, 10, None, rows).ids.tolist()
    assert best not in found
    assert len(found) == 10


def test_up_to_the_limit_a_search_is_exact() -> None:
    index, vectors = VectorIndex(DIMENSION, CPU, most_exact=1000), clustered(1000, 0)
    index.update(NOTHING, np.arange(1000), vectors)
    assert index.exact
    query = clustered(1, 6)[0]
    assert index.search(query, 10).ids.tolist() == np.argsort(-(vectors @ query))[:10].tolist()


def in_two_parts(index: faiss.Index) -> faiss.Index:
    """What FAISS makes of an index for two GPUs, on the CPU: a part on each, searched in a thread of its own."""
    vectors = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d).copy()
    whole = faiss.IndexShards(index.d, True, True)
    parts = [faiss.IndexFlatIP(index.d) for _ in range(2)]
    for part, rows in zip(parts, np.array_split(vectors, 2), strict=True):
        part.add(np.ascontiguousarray(rows))
        whole.add_shard(part)
    return whole


def test_a_copy_in_parts_gives_what_the_cpu_gives_while_papers_come_and_go() -> None:
    copies: list[int] = []

    def copy(index: faiss.Index) -> faiss.Index:
        copies.append(index.ntotal)
        return in_two_parts(index)

    chance = np.random.default_rng(0)
    plain, copied = VectorIndex(DIMENSION, CPU), VectorIndex(DIMENSION, GPU, most_exact=100, copy_index=copy)
    vectors, queries = clustered(8000, 0), clustered(20, 1)
    live = np.arange(4000)
    for index in (plain, copied):
        index.update(NOTHING, live, vectors[live])
    for step in range(30):
        gone = chance.choice(live, 30, replace=False)
        new = np.arange(4000 + 50 * step, 4050 + 50 * step)
        again = chance.choice(np.setdiff1d(live, gone), 5, replace=False)
        live = np.concatenate([np.setdiff1d(live, gone), new])
        for index in (plain, copied):
            index.update(gone, np.concatenate([new, again]), vectors[np.concatenate([new, again])])
        for query in queries:
            expected, found = plain.search(query, 10), copied.search(query, 10)
            assert found.ids.tolist() == expected.ids.tolist()
            np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        among = live[::3].tolist()
        assert copied.search(queries[0], 5, among).ids.tolist() == plain.search(queries[0], 5, among).ids.tolist()
    assert copied.exact
    # Not for each change.
    assert 2 <= len(copies) <= 5
    assert copied.search(queries[0], 4000).ids.tolist() == plain.search(queries[0], 4000).ids.tolist()


def test_what_was_written_is_read_back_and_goes_on(coded: tuple[VectorIndex, Rows], tmp_path: object) -> None:
    index, rows = coded
    path = f"{tmp_path}/codes"
    index.write(path)
    again = read_vector_index(path, DIMENSION, CPU, 1000)
    assert again.ids.tolist() == index.ids.tolist()
    assert overlap(again, rows) >= 0.99
    again.update(np.array(list(rows.rows)[:10]), np.array([5]), clustered(1, 7))
    assert again.search(clustered(1, 7)[0], 1).ids.tolist() == [5]
    assert len(again) == COUNT - 9


def test_a_file_of_another_kind_or_width_is_refused(coded: tuple[VectorIndex, Rows], tmp_path: object) -> None:
    path = f"{tmp_path}/codes"
    coded[0].write(path)
    with pytest.raises(ValueError, match="64 numbers"):
        read_vector_index(path, 32, CPU, 1000)
    faiss.write_index(faiss.IndexFlatIP(DIMENSION), path)
    with pytest.raises(ValueError, match="IndexFlat"):
        read_vector_index(path, DIMENSION, CPU, 1000)


def test_codes_of_which_nothing_is_left_find_nothing_until_something_comes(
    coded: tuple[VectorIndex, Rows],
) -> None:
    index, rows = coded
    query, ids, vectors = clustered(1, 1)[0], np.array(list(rows.rows)), np.array(list(rows.rows.values()))
    index.update(ids, NOTHING, np.zeros((0, DIMENSION), np.float32))
    assert not index.exact
    assert len(index.search(query, 10, None, rows).ids) == len(index.search(query, 10, [7], rows).ids) == 0
    index.update(NOTHING, ids[:50], vectors[:50])
    assert index.search(query, 3, None, rows).ids.tolist() == rows.best(query, 3, ids[:50].tolist())


def test_a_gpu_that_fails_while_it_is_used_leaves_the_search_to_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    full = False

    class Copy:
        """A copy on a GPU whose memory another program may take."""

        def __init__(self, index: faiss.Index) -> None:
            if full:
                raise RuntimeError("Error in StandardGpuResources\nCUDA out of memory")
            self._index = in_two_parts(index)

        def search(self, *arguments: object) -> object:
            if full:
                raise RuntimeError("CUDA out of memory")
            return self._index.search(*arguments)

    plain, copied = VectorIndex(DIMENSION, CPU), VectorIndex(DIMENSION, GPU, copy_index=Copy)
    vectors, queries = clustered(6000, 0), clustered(10, 1)

    def change(removed: np.ndarray, added: np.ndarray) -> None:
        for index in (plain, copied):
            index.update(removed, added, vectors[added])
        for query in queries:
            assert copied.search(query, 10).ids.tolist() == plain.search(query, 10).ids.tolist()

    change(NOTHING, np.arange(2000))
    full = True
    change(np.arange(100), NOTHING)
    change(np.arange(100, 200), np.arange(2000, 4000))
    assert "CUDA out of memory" in caplog.text
    full = False
    change(np.arange(200, 300), np.arange(4000, 4100))
    assert copied._copied is not None
    assert copied._copied.can_find(10), "it lies on the GPU again"
