"""Look whether a library is sound, and put right what can be: `python -m indexer check [--repair]`."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from filelock import FileLock, Timeout
from sqlite_utils import Database

from core.errors import LibraryError
from core.settings import MODELS_FOLDER, Settings
from core.types import UNFINISHED, ModelVersion
from indexer.check import check_half_done, check_leftovers, check_models, check_originals
from search.index_cache import check_index_file
from storage import library, models
from storage.database import open_database
from storage.integrity import DATABASE, Problem, check_file, check_rows, check_vectors, check_words, states_exist
from storage.kept_searches import check_kept_searches
from storage.maps import check_maps
from training.model_card import card_agrees, rewrite_model_card

# A worker that has nothing to do holds the lock for moments only.
_SECONDS_FOR_THE_LOCK = 5


@dataclass(frozen=True, slots=True)
class Repaired:
    """A problem, and what was done about it; None where nothing can be done."""

    problem: Problem
    done: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check looked at, and what it found; papers that wait to be read or embedded are no problem."""

    papers: int
    waiting: int
    passages: int
    models: int
    problems: tuple[Problem, ...]


def check_library(settings: Settings) -> Outcome:
    """Look at files, rows, vectors and models; nothing is changed."""
    with open_database(settings.database) as db:
        lock = FileLock(settings.work_lock)
        try:
            with lock.acquire(timeout=0):
                problems = list(_find_problems(settings, db, working=False))
        except Timeout:
            problems = list(_find_problems(settings, db, working=True))
        if any(problem.kind == DATABASE for problem in problems) or not states_exist(db):
            return Outcome(0, 0, 0, 0, tuple(problems))
        documents = library.list_documents(db)
        return Outcome(
            papers=len(documents),
            waiting=sum(document.state in UNFINISHED for document in documents),
            passages=library.count_chunks(db),
            models=len(models.list_models(db)),
            problems=tuple(problems),
        )


def repair_library(settings: Settings) -> list[Repaired]:
    """Put right what can be; papers may wait for their vectors then, which the worker makes.

    No judgement is removed. Raises LibraryError while a job runs.
    """
    try:
        with (
            FileLock(settings.work_lock).acquire(timeout=_SECONDS_FOR_THE_LOCK),
            open_database(settings.database) as db,
        ):
            return [
                Repaired(problem, problem.repair(db) if problem.repair is not None else None)
                for problem in _find_problems(settings, db, working=False)
            ]
    except Timeout as error:
        raise LibraryError("A job is at work in this library. Wait for its end, or stop it, then repair.") from error


def _find_problems(settings: Settings, db: Database, *, working: bool) -> Iterator[Problem]:
    damaged = _check_database(db)
    yield from damaged
    # Its indexes may have been built anew by now.
    if damaged and _check_database(db):
        return
    yield from check_rows(db)
    if not states_exist(db):
        return
    yield from check_vectors(db)
    yield from check_words(db)
    yield from check_kept_searches(db)
    yield from check_maps(db)
    yield from check_originals(settings, db)
    yield from check_models(settings, db)
    yield from _check_cards(settings, db)
    yield from check_leftovers(settings)
    if not working:
        yield from check_index_file(db, settings.home)
        yield from check_half_done(settings, db)


def _check_database(db: Database) -> list[Problem]:
    try:
        return check_file(db)
    except sqlite3.OperationalError:
        raise  # such as one that is locked, which is no damage
    except sqlite3.DatabaseError as error:
        return [Problem(DATABASE, f"The database can't be read ({error}). Restore a backup.")]


def _check_cards(settings: Settings, db: Database) -> Iterator[Problem]:
    """The cards of the versions that were trained here; an imported one brought its own."""
    for version in models.list_models(db):
        folder = settings.home / version.source
        if version.parent_id is None or "decision" not in version.report or not folder.is_dir():
            continue
        if not version.source.startswith(f"{MODELS_FOLDER}/") or card_agrees(folder, version):
            continue
        base = models.get_model(db, version.parent_id)
        yield Problem(
            "models",
            f"The card of '{version.name}' is gone or tells of another model.",
            partial(_rewrite_card, settings, version, base),
        )


def _rewrite_card(settings: Settings, version: ModelVersion, base: ModelVersion, db: Database) -> str:
    try:
        rewrite_model_card(settings.home / version.source, version, base)
    except (OSError, KeyError, json.JSONDecodeError):
        return "It could not be written anew, for lack of what it tells."
    return "It was written anew."
