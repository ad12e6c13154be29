"""Model versions, which one is active, and the way back."""

import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from core.errors import NotFoundError, PromotionError
from core.types import ModelState, ModelVersion
from storage.database import now, transaction
from storage.vectors import count_missing


def add_model(
    db: Database,
    *,
    name: str,
    source: str,
    dimension: int,
    window: int,
    fingerprint: str,
    parent_id: int | None = None,
    state: ModelState = ModelState.READY,
) -> ModelVersion:
    """Register a model; one that is known by the same source keeps its id.

    Raises PromotionError where the active model's source now holds other weights: its vectors are in use.
    """
    with transaction(db):
        known = find_model(db, source)
        if known is not None and known.fingerprint == fingerprint:
            return known
        if known is not None:
            if _standing_activations(db)[:1] == [known.id]:
                raise PromotionError(
                    f"'{known.name}' answers now with the files that '{source}' held before, and they were changed. "
                    "Put them back, or choose another model first; then this one can be taken in anew."
                )
            # The same folder or hub id now holds other weights: the old vectors are no longer its own.
            db.conn.execute("DELETE FROM embeddings WHERE model_id = ?", [known.id])
            db.conn.execute(
                "UPDATE models SET dimension = ?, window = ?, fingerprint = ? WHERE id = ?",
                [dimension, window, fingerprint, known.id],
            )
            return get_model(db, known.id)
        model_id = db.conn.execute(
            """
            INSERT INTO models (name, source, dimension, window, fingerprint, parent_id, state, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [_free_name(db, name), source, dimension, window, fingerprint, parent_id, state, now()],
        ).lastrowid
        assert model_id is not None
        return get_model(db, model_id)


def get_model(db: Database, model_id: int) -> ModelVersion:
    for row in db.query("SELECT * FROM models WHERE id = ?", [model_id]):
        return _model(row)
    raise NotFoundError(f"There is no model version with id {model_id}. 'python -m training models' shows the ids.")


def find_model(db: Database, source: str) -> ModelVersion | None:
    for row in db.query("SELECT * FROM models WHERE source = ?", [source]):
        return _model(row)
    return None


def list_models(db: Database) -> list[ModelVersion]:
    """Every model version, oldest first."""
    return [_model(row) for row in db.query("SELECT * FROM models ORDER BY id")]


def set_model_ready(db: Database, model_id: int, report: Mapping[str, Any]) -> None:
    with transaction(db):
        db.conn.execute(
            "UPDATE models SET state = ?, report = ? WHERE id = ?",
            [ModelState.READY, json.dumps(report), model_id],
        )


def set_report(db: Database, model_id: int, report: Mapping[str, Any]) -> None:
    with transaction(db):
        db.conn.execute("UPDATE models SET report = ? WHERE id = ?", [json.dumps(report), model_id])


def mark_of_removed(db: Database, model_id: int, papers: int = 1) -> None:
    """Record that the version has learnt from so many papers that were removed, in the library it comes from."""
    with transaction(db):
        db.conn.execute("UPDATE models SET removed_papers = removed_papers + ? WHERE id = ?", [papers, model_id])


def remove_model(db: Database, model_id: int) -> None:
    """Forget a version that was never active, with its vectors."""
    with transaction(db):
        db.conn.execute("UPDATE main.judgements SET model_id = NULL WHERE model_id = ?", [model_id])
        db.conn.execute("DELETE FROM models WHERE id = ?", [model_id])


def active_model(db: Database) -> ModelVersion | None:
    ids = _standing_activations(db)
    return get_model(db, ids[0]) if ids else None


def version_or_active(db: Database, model_id: int | None) -> ModelVersion | None:
    """The version with this id, or for None the active one, if there is one yet."""
    return active_model(db) if model_id is None else get_model(db, model_id)


def previous_model(db: Database) -> ModelVersion | None:
    """The version an undo goes back to; None where there is none."""
    ids = _standing_activations(db)
    return get_model(db, ids[1]) if len(ids) > 1 else None


def rival_model(db: Database) -> ModelVersion | None:
    """The version the active one is to be compared with: the newest trained one, else what it was trained from."""
    active = active_model(db)
    if active is None:
        return None
    trained = [one for one in list_models(db) if one.parent_id is not None and one.state is ModelState.READY]
    if trained and trained[-1].id != active.id:
        return trained[-1]
    return get_model(db, active.parent_id) if active.parent_id is not None else None


def activate_model(db: Database, model_id: int) -> None:
    """Make the version active. Raises PromotionError, and changes nothing, while a chunk lacks its vector.

    That its comparison did not recommend it is recorded with it.
    """
    with transaction(db):
        _require_live(db, model_id)
        if _standing_activations(db)[:1] != [model_id]:
            db.conn.execute(
                "INSERT INTO activations (model_id, at, against_advice) VALUES (?, ?, ?)",
                [model_id, now(), not get_model(db, model_id).advised],
            )


def promoted_against_advice(db: Database) -> set[int]:
    """The versions that were ever made active though their comparison did not recommend it."""
    rows = db.conn.execute("SELECT DISTINCT model_id FROM activations WHERE against_advice")
    return {row[0] for row in rows}


def undo_activation(db: Database) -> ModelVersion:
    """Go back to the version before, under the same condition as `activate_model`."""
    with transaction(db):
        before = previous_model(db)
        if before is None:
            raise PromotionError("There is no earlier model to go back to.")
        _require_live(db, before.id)
        db.conn.execute(
            "UPDATE activations SET undone_at = ? WHERE id = (SELECT max(id) FROM activations WHERE undone_at IS NULL)",
            [now()],
        )
        return before


def _require_live(db: Database, model_id: int) -> None:
    model = get_model(db, model_id)
    if model.state is not ModelState.READY:
        raise PromotionError(f"'{model.name}' is not finished yet.")
    missing = count_missing(db, model_id)
    if missing:
        raise PromotionError(f"'{model.name}' still lacks the vectors of {missing} passages; embed them first.")


def _standing_activations(db: Database) -> list[int]:
    """Model ids of activations not undone, newest first."""
    rows = db.conn.execute("SELECT model_id FROM activations WHERE undone_at IS NULL ORDER BY id DESC")
    return [row[0] for row in rows]


def _free_name(db: Database, name: str) -> str:
    free, number = name, 2
    while db["models"].count_where("name = ?", [free]):
        free, number = f"{name} ({number})", number + 1
    return free


def _model(row: dict[str, Any]) -> ModelVersion:
    return ModelVersion(
        id=row["id"],
        name=row["name"],
        source=row["source"],
        dimension=row["dimension"],
        window=row["window"],
        fingerprint=row["fingerprint"],
        parent_id=row["parent_id"],
        state=ModelState(row["state"]),
        created_at=row["created_at"],
        report=json.loads(row["report"]),
        removed_papers=row["removed_papers"],
    )
