"""What a model version, and those it comes from, have learnt from."""

from collections.abc import Iterator

from sqlite_utils import Database

from core.types import ModelVersion
from storage import judgements, models
from training.data.connected import Learnt


def learnt_by(db: Database, version: ModelVersion | None) -> Learnt:
    """What the version, or one it comes from, was trained on; a copy of its folder is the same version."""
    line = list(_line_of(db, version))
    words = frozenset(words for one in line for words in one.report.get("trained_on", ()))
    # Versions of before these were kept tell their words only.
    return Learnt(words, frozenset(text for one in line for text in one.report.get("trained_passages", ())))


def chosen_by(db: Database, version: ModelVersion | None) -> Learnt:
    """The words of the queries that a checkpoint of the version, or of one it comes from, was chosen on."""
    return Learnt(frozenset(words for one in _line_of(db, version) for words in one.report.get("chosen_on", ())))


def count_unseen_queries(db: Database, version: ModelVersion | None) -> int:
    """How many queries have approvals that no retrain on the way to the version has worked with."""
    used = {number for one in _line_of(db, version) for number in one.report.get("judgement_ids", ())}
    return judgements.count_judged_queries(db, beyond=used)


def learnt_from_removed(db: Database, version: ModelVersion) -> bool:
    """Whether the version, or one it comes from, has learnt from a paper that has been removed since."""
    return any(one.removed_papers for one in _line_of(db, version))


def describe_learnt(learnt: Learnt) -> dict[str, list[str]]:
    """The same as a version's report keeps it."""
    return {"trained_on": sorted(learnt.words), "trained_passages": sorted(learnt.passages)}


def _line_of(db: Database, version: ModelVersion | None) -> Iterator[ModelVersion]:
    """The version, the one it was trained from, and so on, each with those of the same weights under other names."""
    waiting, seen = [version] if version is not None else [], set()
    everyone = models.list_models(db)
    while waiting:
        one = waiting.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        yield one
        waiting += [other for other in everyone if other.fingerprint == one.fingerprint or other.id == one.parent_id]
