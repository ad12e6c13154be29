"""What a process leaves that is killed in the middle of its work."""

import subprocess
import sys
from pathlib import Path

_HOLD = """
import sys, time
from pathlib import Path
from core.held import held_folder

with held_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print(flush=True)
    time.sleep(600)
"""


def hold(parent: Path) -> "subprocess.Popen[bytes]":
    """A process that holds a folder with a file in `parent` until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(parent)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def leave_half_done(parent: Path) -> None:
    """Have a process make a folder with a file in `parent`, and kill it."""
    before = set(parent.iterdir())
    with hold(parent) as process:
        process.kill()
    assert set(parent.iterdir()) - before
