import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Cancelled, ModelError
from core.settings import PACKAGED_MODEL, SEED_MODEL
from indexer.encoder import Encoder, batches_by_length, load_encoder
from indexer.model_sources import choose_model, fingerprint_folder
from tests.models import make_seed_like_model


def test_passages_and_queries_become_unit_rows_of_the_models_dimension(minilm: Encoder) -> None:
    vectors = minilm.encode_passages(["a passage", "another, longer passage about something else"])
    assert vectors.shape == (2, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert minilm.encode_passages([]).shape == (0, 384)
    assert minilm.encode_query("a question").shape == (384,)


def test_a_passage_past_the_window_is_refused_not_cut(minilm: Encoder) -> None:
    assert minilm.passage_tokens == 254
    minilm.encode_passages(["word " * 254])
    with pytest.raises(ModelError, match="at most 254 tokens of a passage, but one has 255"):
        minilm.encode_passages(["word " * 255])


def test_the_seeds_architecture_is_asked_for_its_window_dimension_and_prompt(tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "model")
    encoder = load_encoder(str(tmp_path / "model"), tmp_path)
    assert (encoder.dimension, encoder.window) == (1024, 512)
    assert encoder.model.prompts["query"]
    text = "what is attention"
    with_prompt = encoder.encode_passages([encoder.model.prompts["query"] + text])[0]
    np.testing.assert_allclose(encoder.encode_query(text), with_prompt, atol=1e-5)
    assert abs(float(encoder.encode_query(text) @ encoder.encode_passages([text])[0])) < 0.9999


def test_a_model_folder_given_relative_to_the_library_is_found(tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "models" / "v2")
    assert load_encoder("models/v2", tmp_path).dimension == 1024


def test_the_fingerprint_follows_the_weights_and_not_the_model_card(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make_seed_like_model(folder)
    before = fingerprint_folder(folder)
    (folder / "README.md").write_text("another card")
    assert fingerprint_folder(folder) == before
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x01\x02\x03")
    assert fingerprint_folder(folder) != before


def test_a_hub_that_can_not_be_reached_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="could not be fetched from the Hugging Face hub") as caught:
        load_encoder(SEED_MODEL, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["/nowhere/model", "./model", "three/part/name", "oneword"])
def test_a_name_that_is_neither_folder_nor_hub_id_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ModelError, match="neither a model folder"):
        load_encoder(source, tmp_path)


def test_weights_in_a_pickle_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make_seed_like_model(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_encoder(str(folder), tmp_path)


def test_auto_without_a_gpu_is_the_packaged_model_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    choice = choose_model("auto")
    assert choice.source == PACKAGED_MODEL
    assert "no NVIDIA GPU" in choice.why
    assert choose_model("some/model").source == "some/model"


def test_eight_threads_may_encode_and_count_at_once(minilm: Encoder) -> None:
    expected = minilm.encode_query("a question")

    def work(_: int) -> bool:
        same = np.allclose(minilm.encode_query("a question"), expected, atol=1e-5)
        return same and minilm.count_tokens(["a question"]) == [2]

    with ThreadPoolExecutor(max_workers=8) as executor:
        assert all(executor.map(work, range(40)))


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 2000))
def test_batches_hold_every_text_once_and_no_more_tokens_than_allowed(lengths: list[int], tokens: int) -> None:
    batches = batches_by_length(lengths, tokens)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens
    longest = [max(lengths[row] for row in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


def test_passages_get_the_vectors_they_get_alone_whatever_stands_beside_them(minilm: Encoder) -> None:
    texts = [
        "short.",
        "a longer text about whales and tides. " * 9,
        "of middle length, on bread.",
        "glass. " * 40,
    ] * 6
    together = minilm.encode_passages(texts)
    alone = np.vstack([minilm.encode_passages([text]) for text in texts[:4]])
    np.testing.assert_allclose(together, np.tile(alone, (6, 1)), atol=1e-5)


def test_batches_on_several_threads_give_the_vectors_of_one_and_leave_pytorch_its_threads(minilm: Encoder) -> None:
    texts = [f"passage {number} on whales, tides and bread. " * (1 + number % 25) for number in range(40)]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = minilm.encode_passages(texts)
        torch.set_num_threads(3)
        names: set[str] = set()
        several = minilm.encode_passages(texts, lambda: names.add(threading.current_thread().name))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(several, one, atol=1e-5)
    # It may use the database of its caller.
    assert names == {threading.current_thread().name}


def test_what_is_cancelled_between_batches_ends_on_several_threads_too(minilm: Encoder) -> None:
    batches: list[int] = []

    def cancel() -> None:
        batches.append(1)
        raise Cancelled("stopped")

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(Cancelled):
            minilm.encode_passages(["a passage of some words " * 40] * 60, cancel)
        assert len(minilm.encode_passages(["it goes on"] * 3)) == 3
    finally:
        torch.set_num_threads(before)
    assert batches == [1]


def test_a_changed_model_is_what_several_threads_use(minilm: Encoder, tmp_path: Path) -> None:
    encoder = load_encoder(PACKAGED_MODEL, tmp_path)
    texts = [f"passage {number} on whales, tides and bread. " * 20 for number in range(20)]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        first = encoder.encode_passages(texts)
        with torch.no_grad():
            next(encoder.model.parameters()).mul_(0.5)
        assert np.abs(encoder.encode_passages(texts) - first).max() > 1e-3
    finally:
        torch.set_num_threads(before)
