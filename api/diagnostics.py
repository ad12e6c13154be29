"""What a report of a fault should tell of a program and its library, and nothing of what is in it."""

import os
import platform
import re
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.names import without_names
from core.people import viewer
from core.settings import MODELS_FOLDER, PACKAGED_MODEL, Settings, Source, find_home
from core.stored_settings import list_knobs
from core.types import JobKind, ModelVersion
from search.gpu import Device
from storage import jobs, judgements, library, models, vectors
from storage.database import open_database
from storage.migrations import migrations

_REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
_FAILURES_TOLD = 5

Facts = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Running:
    """What only the running app knows: how long the last searches took, and the last warnings of its log."""

    start_note: str
    search_seconds: Sequence[float]
    warnings: Sequence[str]


def diagnose(settings: Settings, device: Device, running: Running | None = None) -> Facts:
    """The facts by section: no title, name, question or path of the library is among them."""
    with open_database(settings.database) as db:
        active = models.active_model(db)
        return {
            "program": _program(db),
            "libraries": _libraries(),
            "device": _device(device),
            "model": _model(db, active, running),
            "settings": _settings(settings),
            "sizes": _sizes(settings, db, active),
            "speeds": _speeds(db, running),
            "errors": _errors(db, running),
        }


def as_text(facts: Facts) -> str:
    """The facts as one can read them, in a mail or on a terminal."""
    blocks = []
    for section, values in facts.items():
        lines = [_line(name, value) for name, value in values.items()]
        blocks.append("\n".join([f"[{section}]", *lines]))
    return "\n\n".join(blocks)


def _program(db: Database) -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory bytes": memory,
        "schema": max(migration.name for migration in migrations.applied(db)),
    }


def _libraries() -> dict[str, Any]:
    """What is pinned, as it is installed; a star marks another version than the pinned one."""
    pinned = re.findall(r"^([\w-]+)==([\w.]+)", _REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    found = {}
    for name, wanted in pinned:
        try:
            installed = version(name)
        except PackageNotFoundError:
            # One FAISS of the two, for example, is for another platform.
            continue
        # A build for a certain platform, as +cpu, is the same version.
        found[name] = installed if installed.split("+")[0] == wanted else f"{installed}* (pinned: {wanted})"
    return found | {"sqlite": sqlite3.sqlite_version}


def _device(device: Device) -> dict[str, Any]:
    torch = sys.modules.get("torch")
    gpus = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] if torch is not None else []
    return {"index": device.name, "why": without_names(device.why), "gpus of pytorch": ", ".join(gpus) or "none"}


def _model(db: Database, active: ModelVersion | None, running: Running | None) -> dict[str, Any]:
    if active is None:
        return {"in use": "none yet"}
    return {
        "in use": _model_name(active),
        "why": without_names(running.start_note.partition(", as ")[2]) if running else None,
        "dimension": active.dimension,
        "window": active.window,
        "retrained": active.parent_id is not None,
        "versions": len(models.list_models(db)),
    }


def _model_name(model: ModelVersion) -> str:
    """The id of a model that everybody knows, and no folder's name."""
    if model.source.startswith(f"{MODELS_FOLDER}/"):
        return "a version of this library"
    is_id = re.fullmatch(r"[\w.-]+/[\w.-]+", model.source) and not Path(model.source).exists()
    return model.source if is_id or model.source == PACKAGED_MODEL else "a folder"


def _settings(settings: Settings) -> dict[str, Any]:
    told = {"library": "the default folder" if settings.home == find_home("~/.whetstone") else "another folder"}
    for knob in list_knobs(settings):
        if knob.source is not Source.DEFAULT and knob.variable.key != "home":
            # The others tell of a person's machines and folders.
            value = knob.value if knob.variable.effect else "set"
            told[knob.variable.name] = f"{value} ({knob.source})"
    return told | {"password": "set" if settings.password.is_file() else "none"}


def _sizes(settings: Settings, db: Database, active: ModelVersion | None) -> dict[str, Any]:
    counts = judgements.count_judgements(db)
    states = library.count_by_state(db)
    log = settings.database.with_name(f"{settings.database.name}-wal")
    return {
        **{f"papers {state}": number for state, number in sorted(states.items())},
        "papers": sum(states.values()),
        "pages": db["pages"].count,
        "passages": library.count_chunks(db),
        "vectors of the model in use": vectors.count_vectors(db, active.id) if active else 0,
        "vectors": sum(vectors.count_vectors(db, model.id) for model in models.list_models(db)),
        "approved": counts[1],
        "rejected": counts[0],
        "questions judged": judgements.count_judged_queries(db),
        "database bytes": settings.database.stat().st_size,
        "database log bytes": log.stat().st_size if log.exists() else 0,
        "originals bytes": _bytes_in(settings.originals),
        "models bytes": _bytes_in(settings.models),
        "free disk bytes": shutil.disk_usage(settings.home).free,
    }


def _speeds(db: Database, running: Running | None) -> dict[str, Any]:
    seconds = running.search_seconds if running else ()
    told: dict[str, Any] = {"searches measured": len(seconds) if running else "by the running app only"}
    if seconds:
        told |= {f"search p{part} ms": round(1000 * float(np.percentile(seconds, part)), 1) for part in (50, 95)}
    for job in jobs.last_done(db, JobKind.INGEST):
        if job.result.get("passages"):
            rate = job.result["passages"] / max(job.result["seconds"], 1e-3)
            # Some may have been of papers that are private to others.
            told |= {} if viewer() else {"last ingest passages": job.result["passages"]}
            told |= {"last ingest passages/s": round(rate, 1)}
            break
    trained = [model.report for model in models.list_models(db) if "seconds" in model.report]
    if trained:
        told["last retrain seconds"] = trained[-1]["seconds"]
        told["last retrain pairs"] = trained[-1].get("split", {}).get("train_pairs")
    return told


def _errors(db: Database, running: Running | None) -> dict[str, Any]:
    failed = [f"{job.finished_at} {job.kind}: {without_names(job.reason or '')}" for job in jobs.last_failed(db)]
    papers = Counter(
        without_names(reason)
        for (reason,) in db.conn.execute("SELECT reason FROM documents WHERE reason IS NOT NULL ORDER BY id DESC")
    )
    return {
        "failed jobs": failed,
        "failed papers": [f"{number} x {reason}" for reason, number in papers.most_common(_FAILURES_TOLD)],
        "last warnings": list(running.warnings) if running else "known to the running app only",
    }


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _line(name: str, value: Any) -> str:
    if name.endswith(" bytes") and value is not None:
        return f"{name.removesuffix(' bytes')}: {value / (1 << 20):,.1f} MB"
    return f"{name}: {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return "".join(f"\n  {line}" for line in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
