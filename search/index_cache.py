"""The index of a large library as a file beside its manifest, so that a start need not make it from the rows.

The manifest tells what the file was made from and how far it had followed the rows; what came and went since is
applied after it is read. At any doubt it is thrown away. Worker processes write it at the end of a job and when there
is nothing to do, so no search waits for it.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from sqlite_utils import Database

from core.settings import INDEX_FOLDER
from core.types import ModelVersion
from search.gpu import Device, find_device
from search.vector_index import MOST_EXACT, VectorIndex, read_vector_index
from storage.database import transaction
from storage.index_files import drop_index_files, index_files
from storage.integrity import Problem
from storage.library import count_chunks
from storage.vectors import ChangeMark, change_blocks, change_mark, chunks_with_vector, find_vectors

logger = logging.getLogger(__name__)

_FORMAT = 1
_CODES, _MANIFEST = "codes.faiss", "manifest.json"
# So many of the codes are held against the stored vectors; their byte codes are nearer than this to them.
_COMPARED, _LEAST_COSINE = 32, 0.98


@dataclass(frozen=True, slots=True)
class IndexAtMark:
    """An index, and how far it has followed the rows."""

    index: VectorIndex
    mark: ChangeMark


def open_index(db: Database, version: ModelVersion, home: Path, most_exact: int = MOST_EXACT) -> IndexAtMark:
    """The version's index at what the rows are now: from its file where that is beyond doubt, else from the rows."""
    device = find_device()
    with db.atomic():
        found = None if device.gpu else _read(db, version, home, device, most_exact)
        if found is not None:
            followed = IndexAtMark(found.index, follow_rows(db, version, found.index, found.mark))
            if _agrees(db, version, found.index):
                return followed
            logger.warning("the index file does not agree with the rows; it is made anew")
        index = VectorIndex(version.dimension, device, most_exact)
        return IndexAtMark(index, follow_rows(db, version, index, ChangeMark()))


def follow_rows(db: Database, version: ModelVersion, index: VectorIndex, mark: ChangeMark) -> ChangeMark:
    """Bring an index that is at this mark to what the rows are; the mark it is at then."""
    reached = mark
    for changes in change_blocks(db, version.id, version.dimension, mark):
        index.update(changes.removed, changes.added, changes.vectors)
        reached = changes.mark
    return reached


def refresh_index_file(db: Database, version: ModelVersion, home: Path, most_exact: int = MOST_EXACT) -> bool:
    """Bring the file to what the rows are, or remove it where the library needs none; whether it was written.

    A crash in the middle leaves the old file or none. Nothing is written that holds what was removed meanwhile.
    """
    if find_device().gpu or count_chunks(db) <= most_exact:
        drop_index_files(home)
        return False
    if _is_current(db, version, home):
        return False
    now = open_index(db, version, home, most_exact)
    if now.index.exact:
        return False
    try:
        return _write(db, version, home, now)
    except (OSError, RuntimeError) as error:  # FAISS tells of a full disk by a RuntimeError
        logger.warning("the index could not be written (%s); the next start makes it from the rows", error)
        drop_index_files(home)
        return False


def check_index_file(db: Database, home: Path) -> Iterator[Problem]:
    """A file that does not hold what its manifest tells, or holds what was removed since."""
    files = index_files(home)
    if not files:
        return
    manifest = _read_manifest(home)

    def remove(db: Database) -> str:
        drop_index_files(home)
        return "It was removed; the next start makes it from the rows."

    if manifest is None or {path.name for path in files} != {_CODES, _MANIFEST}:
        yield Problem("index", "The start-up copy of the index was cut off while it was written.", remove)
    elif manifest.get("sha256") != _hash(home / INDEX_FOLDER / _CODES):
        yield Problem("index", "The start-up copy of the index is damaged.", remove)
    elif manifest["mark"].get("removal") != change_mark(db).removal:
        yield Problem("index", "The start-up copy of the index holds passages that were removed.", remove)


def _write(db: Database, version: ModelVersion, home: Path, now: IndexAtMark) -> bool:
    folder = home / INDEX_FOLDER
    folder.mkdir(exist_ok=True)
    for path in index_files(home):
        if path.name not in (_CODES, _MANIFEST):
            path.unlink(missing_ok=True)
    codes, manifest = folder / f".{os.getpid()}-{_CODES}", folder / f".{os.getpid()}-{_MANIFEST}"
    now.index.write(str(codes))
    with codes.open("rb+") as file:
        os.fsync(file.fileno())
    told = _head(version) | {"vectors": len(now.index), "mark": asdict(now.mark), "sha256": _hash(codes)}
    manifest.write_text(json.dumps(told))
    with transaction(db):
        # A removal drops the files after its transaction: it comes before this one, or finds them all.
        if change_mark(db).removal != now.mark.removal:
            drop_index_files(home)
            return False
        (folder / _MANIFEST).unlink(missing_ok=True)
        codes.replace(folder / _CODES)
        manifest.replace(folder / _MANIFEST)
    return True


def _read(db: Database, version: ModelVersion, home: Path, device: Device, most_exact: int) -> IndexAtMark | None:
    manifest = _read_manifest(home)
    if manifest is None or any(manifest.get(key) != value for key, value in _head(version).items()):
        return None
    path = home / INDEX_FOLDER / _CODES
    try:
        mark = ChangeMark(**manifest["mark"])
        now_at = change_mark(db)
        if mark.chunk > now_at.chunk or mark.embedding > now_at.embedding or mark.removal > now_at.removal:
            return None
        if _hash(path) != manifest.get("sha256"):
            return None
        index = read_vector_index(str(path), version.dimension, device, most_exact)
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        logger.warning("the index file can't be used (%s)", error)
        return None
    return IndexAtMark(index, mark) if len(index) == manifest.get("vectors") else None


def _agrees(db: Database, version: ModelVersion, index: VectorIndex) -> bool:
    """Whether it holds exactly the passages that have a vector, and the codes of these vectors as far as was tried."""
    ids = np.sort(index.ids)
    if not np.array_equal(ids, chunks_with_vector(db, version.id)):
        return False
    tried = ids[:: max(1, len(ids) // _COMPARED)].tolist()
    found = find_vectors(db, version.id, tried, version.dimension)
    scores = [
        index.search(vector, 1, [chunk_id]).scores
        for chunk_id, vector in zip(found.ids.tolist(), found.vectors, strict=True)
    ]
    return len(found.ids) == len(tried) and all(len(one) and one[0] > _LEAST_COSINE for one in scores)


def _is_current(db: Database, version: ModelVersion, home: Path) -> bool:
    manifest = _read_manifest(home)
    return (
        manifest is not None
        and all(manifest.get(key) == value for key, value in _head(version).items())
        and manifest["mark"] == asdict(change_mark(db))
        and (home / INDEX_FOLDER / _CODES).is_file()
    )


def _read_manifest(home: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((home / INDEX_FOLDER / _MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("mark"), dict) else None


def _head(version: ModelVersion) -> dict[str, Any]:
    """What must be as it was for the file to be used."""
    return {
        "format": _FORMAT,
        "model": version.id,
        "fingerprint": version.fingerprint,
        "dimension": version.dimension,
        "faiss": faiss.__version__,
        "numpy": np.__version__,
    }


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
