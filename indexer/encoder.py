"""The Encoder of a model version: texts to unit vectors, with the model's own window and prompts."""

import copy
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError

from core.cjk import cjk_runs, strip_cjk
from core.errors import ModelError
from core.types import EmbeddingMatrix, ModelVersion, Vector
from indexer.model_files import require_harmless
from indexer.model_sources import fetch_from_hub, find_model_folder, fingerprint_folder, first_line
from indexer.side_by_side import ModelCopies, threads_for, work_side_by_side

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Small, length-sorted batches stay in a CPU's cache (measured: 35 passages/s at 8, 28 at 32); a GPU wants large ones.
_CPU_BATCH = 8
_GPU_BATCH = 64
# Of passages, with what is padded, at once.
_CPU_TOKENS, _GPU_TOKENS = 1024, 16_384

# Entries of a tokenizer: BERT's has 30,000, GPT-2's 50,000, those for many languages have from 100,000 on.
_MOST_OF_ONE_LANGUAGE = 60_000


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a tokenizer writes a text: the share of its pieces that are unknown, 0 to 1, and how many a word takes.

    A character of a script without spaces counts as a word.
    """

    unknown: float
    pieces_a_word: float


FAMILIAR = Spelling(0.0, 1.0)


class Encoder:
    """One loaded model. Safe to call from several threads."""

    def __init__(self, model: "SentenceTransformer", fingerprint: str) -> None:
        self.model = model.eval()
        self.fingerprint = fingerprint
        # Concurrent calls of one Rust tokenizer fail with "Already borrowed".
        self._lock = threading.Lock()
        self._copies = ModelCopies(self.model)
        # Its own tokenizer, so that chunking one paper does not wait for the embedding of another.
        self._counter = copy.deepcopy(model.tokenizer)
        self._counter_lock = threading.Lock()
        dimension, window = model.get_embedding_dimension(), model.max_seq_length
        if not dimension or not window:
            raise ModelError("This model does not say its dimension or its window, so it can't be used here.")
        self.dimension = dimension
        self.window = window
        self.passage_tokens = window - self._overhead("document")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special ones."""
        if not texts:
            return []
        with self._counter_lock:
            backend = getattr(self._counter, "backend_tokenizer", None)
            if backend is not None:
                backend.no_truncation()
                backend.no_padding()
                return [len(tokens) for tokens in backend.encode_batch_fast(list(texts), add_special_tokens=False)]
            # verbose=False: a text longer than the window is what is being looked for, not worth a warning.
            found = self._counter(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in found["input_ids"]]

    def spelling(self, text: str) -> Spelling:
        """How the model's tokenizer writes the words of a text."""
        words = re.findall(r"\w+", strip_cjk(text))
        runs = cjk_runs(text)
        if not words and not runs:
            return FAMILIAR
        with self._counter_lock:
            ids = self._counter(" ".join([*words, *runs]), add_special_tokens=False, truncation=False, verbose=False)
        pieces = ids["input_ids"]
        unknown = pieces.count(self._counter.unk_token_id) / max(1, len(pieces))
        # A vocabulary for many languages cuts those with long words more finely, and knows them all the same.
        if len(self._counter) > _MOST_OF_ONE_LANGUAGE:
            return Spelling(unknown, FAMILIAR.pieces_a_word)
        return Spelling(unknown, len(pieces) / (len(words) + sum(map(len, runs))))

    def encode_query(self, query: str) -> Vector:
        """The query's unit vector, with the model's query prompt."""
        return self.encode_queries([query])[0]

    def encode_queries(self, queries: Sequence[str]) -> EmbeddingMatrix:
        with self._lock:
            vectors = self.model.encode_query(
                list(queries), batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        return self._matrix(vectors)

    def encode_passages(self, texts: Sequence[str], between: Callable[[], object] = lambda: None) -> EmbeddingMatrix:
        """Unit vectors, one row a text. Raises ModelError rather than leave out tokens past the window.

        `between` is called every few texts, and ends it by what it raises.
        """
        lengths = self.count_tokens(texts)
        longest = max(lengths, default=0)
        if longest > self.passage_tokens:
            raise ModelError(
                f"This model reads at most {self.passage_tokens} tokens of a passage, but one has {longest}. "
                "Choose a model with a larger window, or start a library with a smaller WHETSTONE_CHUNK_TOKENS."
            )
        return self._encode_by_length(texts, lengths, between)

    def encode_truncated_passages(self, texts: Sequence[str]) -> EmbeddingMatrix:
        """As `encode_passages`, but tokens past the window are left out: for labelled sets, which come as they are."""
        return self._encode_by_length(texts, self.count_tokens(texts))

    def _encode_by_length(
        self, texts: Sequence[str], lengths: Sequence[int], between: Callable[[], object] = lambda: None
    ) -> EmbeddingMatrix:
        """Texts of about one length together, so that little is padded, and of short ones more at once."""
        matrix = np.zeros((len(texts), self.dimension), np.float32)
        tokens = _CPU_TOKENS if self.model.device.type == "cpu" else _GPU_TOKENS
        batches = batches_by_length([min(length, self.window) for length in lengths], tokens)

        def encode(model: "SentenceTransformer", rows: list[int]) -> None:
            matrix[rows] = model.encode_document(
                [texts[row] for row in rows],
                batch_size=len(rows),
                normalize_embeddings=True,
                show_progress_bar=False,
            )

        threads = threads_for(self.model, batches)
        if threads > 1:
            with self._lock:
                work_side_by_side(self._copies.take(threads), batches, encode, between)
            return matrix
        for rows in batches:
            with self._lock:
                encode(self.model, rows)
            between()
        return matrix

    @property
    def _batch_size(self) -> int:
        return _CPU_BATCH if self.model.device.type == "cpu" else _GPU_BATCH

    def _matrix(self, vectors: np.ndarray) -> EmbeddingMatrix:
        return np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1, self.dimension)

    def _overhead(self, prompt_name: str) -> int:
        """Tokens that the special ones and the prompt take of every text's window."""
        prompt = self.model.prompts.get(prompt_name) or ""
        return len(self.model.tokenizer(prompt)["input_ids"])


def batches_by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """The rows of all texts, longest first, in batches of at most so many tokens with what is padded, of one at least.

    The longest comes first, so that what does not fit the memory fails at once.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and (len(batches[-1]) + 1) * longest <= tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
            longest = max(lengths[row], 1)
    return batches


def load_encoder(source: str, home: Path, on_step: Callable[[str], None] = lambda step: None) -> Encoder:
    """Load a model by hub id, folder, or a source kept in the library.

    `on_step` hears what is going on. Raises ModelError, in one sentence, where it can't be had.
    """
    folder = find_model_folder(source, home)
    if folder is None:
        on_step(f"fetching {source}")
        folder = fetch_from_hub(source)
    require_harmless(folder, source)
    on_step(f"loading {source}")
    # Delayed: it takes many seconds, and much can be said and done without a model.
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(
            str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"'{source}' can't be loaded as a sentence-transformers model with safetensors weights "
            f"({first_line(error)}). Choose another one."
        ) from error
    return Encoder(model, fingerprint_folder(folder))


def load_version(version: ModelVersion, home: Path) -> Encoder:
    """A registered version's encoder. Raises ModelError where its files are not those its vectors were made with."""
    encoder = load_encoder(version.source, home)
    if encoder.fingerprint != version.fingerprint:
        raise ModelError(
            f"The files of '{version.name}' are not those its vectors were made with. "
            "Put them back, or choose another model on the Training tab."
        )
    return encoder
