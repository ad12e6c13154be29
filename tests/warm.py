"""Commands in processes of their own that have imported PyTorch already: forks of one process, where a start takes
tenths of a second and not fifteen seconds. What a command prints, how it exits and what it writes are its own."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
# One for all: Python has one such server a process.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preload"])


def plain_environment() -> dict[str, str]:
    """The environment as it is, without settings of Whetstone, and without a network for models."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHETSTONE_")}
    return kept | {"HF_HUB_OFFLINE": "1"}


def start_warm(
    arguments: Sequence[str], environment: Mapping[str, str], stdout: Path, stderr: Path, stdin: Path | None = None
) -> ForkServerProcess:
    """Begin `python ARGUMENTS...`, a module by -m or a file, whose output goes to these files; it reads nothing, or
    what is in `stdin`."""
    streams = (str(stdin or os.devnull), str(stdout), str(stderr))
    process = CONTEXT.Process(target=_become, args=(list(arguments), dict(environment), streams))
    process.start()
    return process


def run_warm(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    with TemporaryDirectory() as folder:
        asked, stdout, stderr = (Path(folder) / name for name in ("stdin", "stdout", "stderr"))
        asked.write_text(stdin)
        process = start_warm(arguments, environment, stdout, stderr, asked)
        process.join()
        code = process.exitcode
        assert code is not None
        return subprocess.CompletedProcess(list(arguments), code, stdout.read_text(), stderr.read_text())


def _become(arguments: list[str], environment: dict[str, str], streams: tuple[str, str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for descriptor, path in enumerate(streams):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND if descriptor else os.O_RDONLY, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    # Python gave this process another one, which is at its end.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.path.insert(0, str(ROOT))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
