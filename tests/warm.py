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
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["faiss", "sentence_transformers", "sklearn.manifold"])


def plain_environment() -> dict[str, str]:
    """The environment as it is, without settings of Whetstone, and without a network for models."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHETSTONE_")}
    return kept | {"HF_HUB_OFFLINE": "1"}


def start_warm(
    arguments: Sequence[str], environment: Mapping[str, str], stdout: Path, stderr: Path
) -> ForkServerProcess:
    """Begin `python ARGUMENTS...`, a module by -m or a file, whose output goes to these files."""
    process = _CONTEXT.Process(target=_become, args=(list(arguments), dict(environment), str(stdout), str(stderr)))
    process.start()
    return process


def run_warm(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
        process = start_warm(arguments, environment, stdout, stderr)
        process.join()
        code = process.exitcode
        assert code is not None
        return subprocess.CompletedProcess(list(arguments), code, stdout.read_text(), stderr.read_text())


def _become(arguments: list[str], environment: dict[str, str], stdout: str, stderr: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for descriptor, path in ((1, stdout), (2, stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    sys.path.insert(0, str(ROOT))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
