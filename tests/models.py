"""A small model in the architecture of the seed's: BERT, CLS pooling, unit vectors, a query prompt, random weights."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

QUERY_PROMPT = "Represent this sentence for searching relevant passages: "
DIMENSION, WINDOW = 1024, 512


def make_seed_like_model(folder: Path, seed: int = 0) -> None:
    """Save such a model as a sentence-transformers folder; the same seed gives the same weights."""
    bert = folder.with_name(f"{folder.name}-bert")
    bert.mkdir(parents=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!()-'"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (bert / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=WINDOW).save_pretrained(str(bert))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=DIMENSION,
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
