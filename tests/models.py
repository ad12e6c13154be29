"""Small models for tests: one in the seed's architecture (BERT, CLS pooling, query prompt), one of a few words."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

QUERY_PROMPT = "Represent this sentence for searching relevant passages: "
DIMENSION, WINDOW = 1024, 512


def make_word_model(words: Sequence[str], vectors: torch.Tensor) -> SentenceTransformer:
    """A BERT so small that it trains in a moment: it knows these words, and begins with these vectors of them."""
    with TemporaryDirectory() as name:
        bert = Path(name)
        (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
        BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=32).save_pretrained(name)
        config = BertConfig(
            vocab_size=5 + len(words),
            hidden_size=vectors.shape[1],
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=vectors.shape[1],
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        torch.manual_seed(0)
        model = BertModel(config)
        with torch.no_grad():
            model.embeddings.word_embeddings.weight[5:] = vectors
        model.save_pretrained(name)
        transformer = Transformer(name, max_seq_length=32)
    return SentenceTransformer(modules=[transformer, Pooling(vectors.shape[1], pooling_mode="mean"), Normalize()])


def make_seed_like_model(folder: Path, seed: int = 0, dimension: int = DIMENSION) -> None:
    """Save such a model as a sentence-transformers folder; the same seed gives the same weights."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!()-'"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    with TemporaryDirectory() as name:
        bert = Path(name)
        (bert / "vocab.txt").write_text("\n".join(words))
        BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=WINDOW).save_pretrained(str(bert))
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=dimension,
            num_hidden_layers=1,
            num_attention_heads=8,
            intermediate_size=64,
            max_position_embeddings=WINDOW,
        )
        BertModel(config).save_pretrained(str(bert))
        transformer = Transformer(str(bert), max_seq_length=WINDOW)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="cls")
    model = SentenceTransformer(modules=[transformer, pooling, Normalize()], prompts={"query": QUERY_PROMPT})
    model.save_pretrained(str(folder), create_model_card=False)
