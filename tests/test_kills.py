"""Processes killed and jobs cancelled in the middle of their work: see tests/kills.py, and benchmarks/kills.py."""

import random
from pathlib import Path

import pytest

from core.types import JobKind
from tests.kills import KINDS, Victim, cancel_once, in_a_process, kill_once, make_waiting_library, run_undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_loses_nothing_and_a_cancel_leaves_nothing(kind: JobKind, tmp_path: Path) -> None:
    victim = {JobKind.INGEST: Victim.WORKER, JobKind.SWITCH: Victim.SERVER, JobKind.RETRAIN: Victim.BOTH}.get(kind)
    in_a_process(make_waiting_library, tmp_path / "library", kind)
    undisturbed = run_undisturbed(tmp_path / "library")
    chance = random.Random(kind)
    kill_once(undisturbed, tmp_path / "killed", victim or Victim.WORKER, chance)
    cancel_once(undisturbed, tmp_path / "cancelled", chance)
