"""Whether a library's files are what its rows say: originals, model folders, and what was left half done."""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from safetensors import SafetensorError, safe_open
from sqlite_utils import Database

from core.cli import count
from core.errors import ModelError
from core.files import remove_all, stale
from core.formats import DocumentFormat
from core.held import PREFIX, find_abandoned, remove_abandoned
from core.settings import MODELS_FOLDER, Settings
from core.types import Document, ModelState, ModelVersion
from indexer.model_sources import find_model_folder, fingerprint_folder
from storage import library, models
from storage.database import empty_log, transaction
from storage.half_done import HALF_DONE, remove_half_done
from storage.integrity import Problem
from storage.words import forget_removed_words

# An upload is under way for hours at most.
_UPLOAD_SECONDS = 86_400
_ORIGINAL = re.compile(rf"[0-9a-f]{{64}}\.(?:{'|'.join(DocumentFormat)})")


def check_originals(settings: Settings, db: Database) -> Iterator[Problem]:
    """Every paper's file by its SHA-256, and the files of no paper."""
    for document in library.list_documents(db):
        path = settings.original(document.sha256, document.format)
        said = _what_is_wrong(path, document.sha256)
        # Looked at once more, because it may have been removed just now.
        if said and _is_there(db, document):
            yield Problem(
                "originals",
                f"The file of '{document.title}' (id {document.id}) {said}. Its passages are found all the same. "
                "Add the same PDF again to put it back; nothing else can.",
            )
    with transaction(db):
        strays = _strays(settings, db)
    if strays:
        of = "a paper that is" if len(strays) == 1 else "papers that are"
        yield Problem(
            "originals",
            f"{count(len(strays), 'file')} of {of} not in the library: a removal was cut off before its end.",
            partial(_remove_strays, settings),
        )


def check_models(settings: Settings, db: Database) -> Iterator[Problem]:
    """Every finished version kept in the library, and the model in use: its folder, its weights, its fingerprint."""
    active = models.active_model(db)
    versions = models.list_models(db)
    for version in versions:
        in_use = active is not None and version.id == active.id
        if version.state is ModelState.READY and (in_use or version.source.startswith(f"{MODELS_FOLDER}/")):
            said = _what_is_wrong_with(settings, version)
            if said:
                yield Problem("models", f"{said} {_cure(in_use)}")
    known = {Path(version.source).name for version in versions if version.source.startswith(f"{MODELS_FOLDER}/")}
    for folder in sorted(settings.models.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in known:
            yield Problem(
                "models",
                f"The folder 'models/{folder.name}' belongs to no version of this library. "
                "Use it by its path on the Training tab, or remove it by hand.",
            )


def check_leftovers(settings: Settings) -> Iterator[Problem]:
    """What processes left that are no more, and uploads of long ago."""
    for folder in settings.folders:
        if number := len(find_abandoned(folder)):
            yield Problem(
                "leftovers",
                f"{count(number, 'half-done file')} in '{folder.name}/', of a process that is no more.",
                partial(_remove_abandoned, folder),
            )
    if number := len(_forgotten_uploads(settings)):
        yield Problem(
            "leftovers", f"{count(number, 'forgotten upload')} in 'uploads/'.", partial(_remove_forgotten, settings)
        )


def check_half_done(settings: Settings, db: Database) -> Iterator[Problem]:
    """What a retrain left that nobody works on; the caller must know that nobody does."""
    unfinished = [version.name for version in models.list_models(db) if version.state is ModelState.PREPARING]
    if not unfinished and not (settings.models / HALF_DONE).exists():
        return

    def remove(db: Database) -> str:
        remove_half_done(settings)
        return "It was removed, with its folder and its vectors."

    yield Problem("leftovers", f"A retrain was cut off and left {', '.join(unfinished) or 'its folder'}.", remove)


def _remove_abandoned(folder: Path, db: Database) -> str:
    return f"{count(remove_abandoned(folder), 'half-done file')} removed."


def _forgotten_uploads(settings: Settings) -> list[Path]:
    """Those that no process holds; of the page's, which all lie together, the old ones."""
    return stale((path for path in settings.uploads.iterdir() if not path.name.startswith(PREFIX)), _UPLOAD_SECONDS)


def _remove_forgotten(settings: Settings, db: Database) -> str:
    forgotten = _forgotten_uploads(settings)
    remove_all(forgotten)
    return f"{count(len(forgotten), 'forgotten upload')} removed."


def hash_file(path: Path) -> str:
    """The SHA-256 of its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _what_is_wrong(path: Path, sha256: str) -> str | None:
    try:
        return None if hash_file(path) == sha256 else "is damaged"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"can't be read ({error.strerror})"


def _is_there(db: Database, document: Document) -> bool:
    return bool(db["documents"].count_where("id = ?", [document.id]))


def _strays(settings: Settings, db: Database) -> list[Path]:
    """Originals without a row. Inside a transaction no paper is half added: its file comes with its row."""
    known = {".".join(row) for row in db.conn.execute("SELECT sha256, format FROM documents")}
    return [path for path in settings.originals.iterdir() if _ORIGINAL.fullmatch(path.name) and path.name not in known]


def _remove_strays(settings: Settings, db: Database) -> str:
    with transaction(db):
        strays = _strays(settings, db)
        for path in strays:
            path.unlink(missing_ok=True)
    forget_removed_words(db)
    empty_log(db)
    return f"{count(len(strays), 'file')} removed."


def _what_is_wrong_with(settings: Settings, version: ModelVersion) -> str | None:
    try:
        folder = find_model_folder(version.source, settings.home)
    except ModelError as error:
        return str(error)
    if folder is None:
        return None  # the hub's cache is not ours to check
    for path in sorted(folder.rglob("*.safetensors")):
        try:
            with safe_open(path, "np") as weights:
                weights.keys()
        except (SafetensorError, OSError) as error:
            return f"The weights of '{version.name}' can't be loaded ({error})."
    if fingerprint_folder(folder) != version.fingerprint:
        return f"The files of '{version.name}' are not those its vectors were made with."
    return None


def _cure(in_use: bool) -> str:
    if in_use:
        return "It is in use: put its files back from a backup, or choose another model on the Training tab."
    return "Put its files back from a backup or an exported version; it can't be used until then."
