"""A library at a glance."""

from typing import Any

from sqlite_utils import Database

from storage import jobs, judgements, library, models


def library_facts(db: Database) -> dict[str, Any]:
    """How many papers are found in full, what is judged, which model answers, and whether work is under way."""
    active, counts = models.active_model(db), judgements.count_judgements(db)
    return {
        "papers": library.count_searchable(db),
        "approved": counts[1],
        "rejected": counts[0],
        "model": active.name if active else "no model yet",
        "busy": bool(jobs.open_jobs(db)),
    }
