"""Processes killed and jobs cancelled in the middle of their work: see tests/kills.py, and benchmarks/kills.py."""

import random
import shutil
from pathlib import Path

import pytest

from core.types import JobKind
from tests.kills import (
    KINDS,
    Victim,
    cancel_once,
    in_a_process,
    kill_once,
    make_judged_library,
    queue_job,
    run_undisturbed,
)

_VICTIMS = (Victim.WORKER, Victim.SERVER, Victim.BOTH, Victim.WORKER, Victim.SERVER, Victim.BOTH)
VICTIMS = dict(zip(KINDS, _VICTIMS, strict=True))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("judged") / "library"
    in_a_process(make_judged_library, home)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_loses_nothing_and_a_cancel_leaves_nothing(kind: JobKind, judged: Path, tmp_path: Path) -> None:
    home = shutil.copytree(judged, tmp_path / "library")
    in_a_process(queue_job, home, kind)
    undisturbed = run_undisturbed(home)
    chance = random.Random(kind)
    kill_once(undisturbed, tmp_path / "killed", VICTIMS[kind], chance)
    cancel_once(undisturbed, tmp_path / "cancelled", chance)
