"""Questions embedded together, each once, in one thread; with the packaged model where the vectors matter."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.types import EmbeddingMatrix
from indexer.encoder import Encoder
from search.questions import QuestionEmbedder

QUESTIONS = [f"what is the {number}th thing to know about {'light ' * (number % 5)}?" for number in range(20)]


def test_many_who_ask_at_once_get_their_own_vectors_from_one_thread(minilm: Encoder) -> None:
    threads, sizes, go = set[int](), list[int](), threading.Event()

    def embed(questions: Sequence[str]) -> EmbeddingMatrix:
        go.wait()
        threads.add(threading.get_ident())
        sizes.append(len(questions))
        return minilm.encode_queries(questions)

    embedder = QuestionEmbedder(embed)
    with ThreadPoolExecutor(40) as many:
        asked = [many.submit(embedder.vector, question) for question in QUESTIONS * 2]
        # All that can wait do so: the first alone, or with those that were there already.
        while len(embedder._waiting) < len(QUESTIONS):
            go.wait(0.01)
        go.set()
        vectors = np.stack([one.result() for one in asked])
    np.testing.assert_allclose(vectors, np.tile(minilm.encode_queries(QUESTIONS), (2, 1)), atol=1e-5)
    assert len(threads) == 1
    assert sum(sizes) == len(QUESTIONS)
    assert len(sizes) < len(QUESTIONS) / 2
    assert max(sizes) == 8


def test_a_question_asked_again_is_not_embedded_again_until_a_thousand_others_came() -> None:
    embedded: list[str] = []

    def embed(questions: Sequence[str]) -> EmbeddingMatrix:
        embedded.extend(questions)
        return np.full((len(questions), 4), len(embedded), np.float32)

    embedder = QuestionEmbedder(embed)
    first = embedder.vector("first")
    assert embedder.vector("first") is first
    for number in range(999):
        embedder.vector(f"other {number}")
    assert embedder.vector("first") is first
    for number in range(1000):
        embedder.vector(f"later {number}")
    assert embedder.vector("first")[0] == len(embedded) == 2001
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_what_goes_wrong_is_told_to_who_asked_and_to_nobody_else() -> None:
    go = threading.Event()

    def embed(questions: Sequence[str]) -> EmbeddingMatrix:
        go.wait()
        if "bad" in questions:
            raise ValueError("no vector for this")
        return np.ones((len(questions), 4), np.float32)

    embedder = QuestionEmbedder(embed)
    with ThreadPoolExecutor(4) as many:
        asked = [many.submit(embedder.vector, question) for question in ("good", "bad", "better", "best")]
        while len(embedder._waiting) < len(asked):
            go.wait(0.01)
        go.set()
        for number in (0, 2, 3):
            assert asked[number].result().tolist() == [1, 1, 1, 1]
        with pytest.raises(ValueError, match="no vector for this"):
            asked[1].result()
    with pytest.raises(ValueError, match="no vector for this"):
        embedder.vector("bad")


def test_the_thread_ends_with_its_model() -> None:
    embedder = QuestionEmbedder(lambda questions: np.ones((len(questions), 4), np.float32))
    embedder.vector("one")
    (thread,) = [one for one in threading.enumerate() if one in embedder._thread._threads]
    del embedder
    thread.join(10)
    assert not thread.is_alive()
