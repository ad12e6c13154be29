"""What does a job of each kind, imported when it is first needed: training takes many seconds to import."""

from collections.abc import Callable
from typing import Any

from core.settings import Settings
from core.types import Job, JobKind
from storage.progress import Progress

Handler = Callable[[Settings, Job, Progress], dict[str, Any]]


def find_handler(kind: JobKind) -> Handler:
    """What does a job of this kind; an ingest is the worker's own, for it keeps the encoder."""
    match kind:
        case JobKind.SWITCH:
            from training.promotion import run_switch

            return run_switch
        case JobKind.RETRAIN:
            from training.retrain import run_retrain

            return run_retrain
        case JobKind.COMPARE:
            from training.proof.compare_again import run_comparison

            return run_comparison
        case JobKind.MAP:
            from search.map.draw import run_map

            return run_map
        case JobKind.PROPOSE:
            from training.propose import run_propose

            return run_propose
    raise AssertionError(f"no handler for {kind}")
