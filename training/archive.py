"""A model version as one zip, out of a library and into another: the model, its card, its pairs, its metrics."""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.errors import ImportFormatError, ModelError
from core.files import written_whole
from core.held import held_folder, remove_abandoned
from core.people import for_everybody
from core.settings import MODELS_FOLDER, Settings
from core.types import ModelVersion
from core.zips import UNREADABLE, most_unpacked, open_zip, place_of, unpack_entry
from indexer.encoder import Encoder, load_encoder
from indexer.model_sources import find_model_folder
from storage import models
from storage.database import open_database, transaction
from training.data.exchange import export_judgements, is_unicode
from training.data.lineage import chosen_by, describe_learnt, learnt_by, learnt_from_removed

_FORMAT = 1
# What of its report a version brings along: what it has seen proves nothing about it, in any library.
_SEEN = {"trained_on": "questions", "chosen_on": "questions", "trained_passages": "hashes"}
_METRICS, _PAIRS, _MODEL = "metrics.json", "pairs.jsonl", "model"
# What a sentence-transformers model is made of; pickles and code are not.
MODEL_FILE_SUFFIXES = frozenset({".json", ".jinja", ".md", ".model", ".safetensors", ".txt"})
_MOST_BYTES = 32 << 30
_MOST_FILES = 1000
_RESERVED_BYTES = 1 << 30
_MOST_METRICS_BYTES = 64 << 20


@for_everybody
def export_version(settings: Settings, model_id: int, target: Path) -> None:
    """Write the version to `target`, whole or not at all; the same for whoever does it.

    Raises ModelError where its files are gone.
    """
    with open_database(settings.database) as db:
        version = models.get_model(db, model_id)
        used = set(version.report.get("judgement_ids", ()))
        pairs = "".join(f"{line}\n" for line in export_judgements(db, used))
        base = models.get_model(db, version.parent_id).name if version.parent_id is not None else None
        # With what its ancestors have learnt, who stay behind.
        of_removed = learnt_from_removed(db, version)
        seen = describe_learnt(learnt_by(db, version)) | {"chosen_on": sorted(chosen_by(db, version).words)}
    folder = find_model_folder(version.source, settings.home)
    if folder is None:
        raise ModelError(f"'{version.name}' is a model of the hub and not kept in the library; name it by its id.")
    metrics = {
        "format": _FORMAT,
        "name": version.name,
        "base": base,
        "dimension": version.dimension,
        "window": version.window,
        "fingerprint": version.fingerprint,
        "created_at": version.created_at,
        "of_removed": of_removed,
        "report": version.report | seen,
    }
    with written_whole(target) as half_done, zipfile.ZipFile(half_done, "w") as archive:
        archive.writestr(_METRICS, json.dumps(metrics, ensure_ascii=False, indent=2))
        archive.writestr(_PAIRS, pairs)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in MODEL_FILE_SUFFIXES:
                archive.write(path, f"{_MODEL}/{path.relative_to(folder).as_posix()}")


def import_version(settings: Settings, source: Path) -> ModelVersion:
    """Take a version in, ready but neither active nor compared with anything here.

    Its questions are remembered, so that a comparison here leaves out what it has learnt. Raises ImportFormatError
    where the file is no such zip, or the version is here already; then nothing stays.
    """
    remove_abandoned(settings.models)
    with held_folder(settings.models) as unpacked:
        metrics = _unpack(source, unpacked)
        encoder = load_encoder(str(unpacked), settings.home)
        if encoder.fingerprint != metrics["fingerprint"]:
            raise ImportFormatError(
                f"The model in '{source.name}' is not the one its metrics tell of. Export it again."
            )
        with open_database(settings.database) as db:
            _require_new(db, encoder.fingerprint)
            home = _free_folder(settings.models, metrics["name"])
            shutil.copytree(unpacked, home)
            try:
                return _register(db, metrics, encoder, f"{MODELS_FOLDER}/{home.name}")
            except BaseException:
                shutil.rmtree(home, ignore_errors=True)
                raise


def _register(db: Database, metrics: dict[str, Any], encoder: Encoder, source: str) -> ModelVersion:
    with transaction(db):
        version = models.add_model(
            db,
            name=metrics["name"],
            source=source,
            dimension=encoder.dimension,
            window=encoder.window,
            fingerprint=encoder.fingerprint,
        )
        report = {name: metrics["report"].get(name, []) for name in _SEEN} | {"imported": metrics}
        models.set_model_ready(db, version.id, report)
        if metrics.get("of_removed") is True:
            models.mark_of_removed(db, version.id)
        return models.get_model(db, version.id)


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    """The model's files in `folder`, and the metrics."""
    try:
        with open_zip(source, _MOST_FILES) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_FILES:
                raise ImportFormatError(
                    f"'{source.name}' holds {len(entries):,} files, and a version at most {_MOST_FILES:,}. "
                    "It is not taken in."
                )
            metrics = _read_metrics(archive, source.name)
            left = _most_bytes(source, folder)
            for entry in entries:
                path = _place_of(entry, source.name)
                if path is None:
                    continue
                written = unpack_entry(archive, entry, folder / path, left)
                if written is None:
                    raise ImportFormatError(
                        f"'{source.name}' unpacks to far more than a version has, or than the disk has room for. "
                        "It is not taken in."
                    )
                left -= written[0]
    except UNREADABLE as error:
        raise ImportFormatError(
            f"'{source.name}' can't be read as a zip ({error}). Export the version again."
        ) from error
    return metrics


def _most_bytes(source: Path, folder: Path) -> int:
    """What the zip may unpack to: so many times its size, and what the disk has room for."""
    # Its files are copied once more when they are taken in.
    by_disk = max(0, shutil.disk_usage(folder).free - _RESERVED_BYTES) // 2
    return min(_MOST_BYTES, most_unpacked(source), by_disk)


def _read_metrics(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    problem = f"'{name}' is not an exported model version"
    try:
        entry = archive.getinfo(_METRICS)
        if entry.file_size > _MOST_METRICS_BYTES:
            raise ImportFormatError(f"{problem}: its {_METRICS} is too large.")
        metrics = json.loads(archive.read(entry))
    except (KeyError, ValueError, RecursionError) as error:
        raise ImportFormatError(f"{problem}: it has no {_METRICS} that can be read.") from error
    wanted = {"format": int, "name": str, "fingerprint": str, "report": dict}
    if not isinstance(metrics, dict) or not all(isinstance(metrics.get(key), kind) for key, kind in wanted.items()):
        raise ImportFormatError(f"{problem}: its {_METRICS} lacks {', '.join(wanted)}.")
    if metrics["format"] != _FORMAT:
        raise ImportFormatError(f"{problem} of a kind known here: its format is {metrics['format']}, not {_FORMAT}.")
    for name, what in _SEEN.items():
        seen = metrics["report"].get(name, [])
        if not isinstance(seen, list) or not all(isinstance(one, str) and is_unicode(one) for one in seen):
            raise ImportFormatError(f"{problem}: its '{name}' is not a list of {what}.")
    # It is shown, becomes a folder's name, and stands in the Markdown of what is trained from it.
    plain = re.sub(r"[^\w .+()-]", " ", metrics["name"].encode("utf-8", "replace").decode())
    metrics["name"] = " ".join(plain.split())[:60] or "imported"
    return metrics


def _place_of(entry: zipfile.ZipInfo, name: str) -> Path | None:
    """Where in the model's folder the entry belongs; None for what is not of the model."""
    if entry.is_dir() or not entry.filename.startswith(f"{_MODEL}/"):
        return None
    path = place_of(entry, name)
    inside = path.parts[1:]
    if not inside or path.suffix not in MODEL_FILE_SUFFIXES:
        raise ImportFormatError(f"'{name}' holds '{entry.filename}', which no model version has. It is not taken in.")
    return Path(*inside)


def _require_new(db: Database, fingerprint: str) -> None:
    for version in models.list_models(db):
        if version.fingerprint == fingerprint:
            raise ImportFormatError(f"This model is in the library already: it is '{version.name}'.")


def _free_folder(folder: Path, name: str) -> Path:
    plain = "".join(character if character.isalnum() or character in "-_" else "-" for character in name) or "imported"
    free, number = folder / plain, 2
    while free.exists():
        free, number = folder / f"{plain}-{number}", number + 1
    return free
