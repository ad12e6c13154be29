"""A real cross-encoder, so small that it is made here; its weights are by chance, so its order is its own."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sentence_transformers import CrossEncoder
from sqlite_utils import Database
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from core.errors import ModelError
from core.settings import Settings, load_settings
from indexer.encoder import Encoder
from indexer.start import ensure_active_model
from search import reranker
from search.reranker import load_reranker
from search.searcher import Searcher, SearchRequest
from tests.makers import embed_all, store_paper

SONGS = [f"Whales of kind {letter} sing songs number {number}." for number, letter in enumerate("abcdefgh")]


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.?"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(str(folder))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("cross") / "encoder")


def test_the_first_passages_are_in_the_cross_encoders_order_and_tell_its_rank(
    db: Database, settings: Settings, minilm: Encoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranker, "RERANKED", 5)
    version = ensure_active_model(settings).version
    store_paper(db, "sea", SONGS)
    embed_all(db, version, minilm)
    request = SearchRequest("who sings songs?", k=8)
    plain = Searcher(settings).search(request).hits
    assert {hit.rerank for hit in plain} == {None}
    hits = Searcher(replace(settings, reranker=str(folder))).search(request).hits
    scores = CrossEncoder(str(folder)).predict([(request.query, hit.chunk.text) for hit in plain[:5]])
    best = sorted(range(5), key=lambda place: -scores[place])
    assert best != list(range(5)), "an order that shows nothing"
    assert [hit.chunk.id for hit in hits] == [plain[place].chunk.id for place in [*best, 5, 6, 7]]
    assert [hit.rerank for hit in hits] == [1, 2, 3, 4, 5, None, None, None]
    assert [hit.rank for hit in hits] == list(range(1, 9))
    assert {hit.chunk.id: (hit.score, hit.dense_rank) for hit in hits} == {
        hit.chunk.id: (hit.score, hit.dense_rank) for hit in plain
    }


def test_what_is_no_harmless_cross_encoder_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match="neither a model folder"):
        load_reranker("nowhere", tmp_path)
    with pytest.raises(ModelError, match="gives 3 numbers"):
        load_reranker(str(make_cross_encoder(tmp_path / "three", labels=3)), tmp_path)
    pickled = make_cross_encoder(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="not in safetensors"):
        load_reranker(str(pickled), tmp_path)
    coded = make_cross_encoder(tmp_path / "coded")
    config = (coded / "config.json").read_text()
    (coded / "config.json").write_text(config.replace("{", '{"auto_map": {"AutoModel": "evil.Model"},', 1))
    with pytest.raises(ModelError, match="code of its own"):
        load_reranker(str(coded), tmp_path)


def test_it_is_off_unless_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for value, reranker_set in (("", None), ("off", None), ("a/b", "a/b")):
        monkeypatch.setenv("WHETSTONE_RERANKER", value)
        assert load_settings(home=tmp_path).reranker == reranker_set


def test_the_first_passage_is_the_same_however_many_are_asked_for(
    db: Database, settings: Settings, minilm: Encoder, folder: Path
) -> None:
    version = ensure_active_model(settings).version
    store_paper(db, "sea", [f"Whales of kind {number} sing songs." for number in range(40)])
    embed_all(db, version, minilm)
    searcher = Searcher(replace(settings, reranker=str(folder)))
    question = "who sings songs?"
    hits = searcher.search(SearchRequest(question, k=50)).hits
    best = [hit.chunk.id for hit in hits if hit.rerank is not None]
    assert len(best) == reranker.RERANKED
    for k in (1, 5):
        assert [hit.chunk.id for hit in searcher.search(SearchRequest(question, k=k)).hits] == best[:k]
