"""Read one paper in a child process with limits on time and memory, so that no file can harm more than itself."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import PasswordError, ReadError
from core.types import Metadata, OutlineEntry, PaperFile, PaperText
from core.wire import file_from_json, file_to_json, page_from_json
from indexer.child import limit_memory, limit_time
from indexer.pdf import read_paper

_ROOT = Path(__file__).resolve().parent.parent
_REFUSED, _OUT_OF_MEMORY, _LOCKED = 3, 4, 5


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The longest time and the most address space one file may take."""

    seconds: int = 60
    megabytes: int = 1500


def read_paper_isolated(file: PaperFile, limits: ReadLimits) -> PaperText:
    """The paper's text, of whatever format; raises ReadError, also for a crash, too long a time or too much memory."""
    name = file.name
    command = [sys.executable, "-m", "indexer.reader", str(limits.megabytes), str(limits.seconds)]
    # By stdin, because other users of the machine can read what a command is given.
    wanted = json.dumps(file_to_json(file)).encode()
    try:
        child = subprocess.run(
            command, cwd=_ROOT, input=wanted, capture_output=True, timeout=limits.seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ReadError(
            f"'{name}' was not read within {limits.seconds} seconds. "
            "If it is only large, raise WHETSTONE_READ_SECONDS and retry it."
        ) from error
    if child.returncode == 0:
        return _from_json(json.loads(child.stdout))
    if child.returncode == _REFUSED:
        raise ReadError(child.stdout.decode())
    if child.returncode == _LOCKED:
        raise PasswordError(child.stdout.decode())
    if child.returncode == _OUT_OF_MEMORY or b"MemoryError" in child.stderr or -child.returncode == signal.SIGKILL:
        raise ReadError(
            f"'{name}' needs more than {limits.megabytes} MB of memory to be read. "
            "If you trust it, raise WHETSTONE_READ_MEGABYTES and retry it."
        )
    raise ReadError(f"'{name}' made the PDF reader crash. Print it to a new PDF, then add that.")


def main(megabytes: str, seconds: str) -> int:
    """In the child: the paper as JSON on stdout, or one sentence and its own exit code."""
    limit_memory(int(megabytes))
    limit_time(int(seconds))
    try:
        paper = _read(file_from_json(json.load(sys.stdin)), int(seconds), int(megabytes))
        document = json.dumps(asdict(paper))
    except ReadError as error:
        sys.stdout.buffer.write(str(error).encode("utf-8", "replace"))
        return _LOCKED if isinstance(error, PasswordError) else _REFUSED
    except MemoryError:
        return _OUT_OF_MEMORY
    sys.stdout.buffer.write(document.encode("utf-8", "surrogatepass"))
    return 0


def _read(file: PaperFile, seconds: int, megabytes: int) -> PaperText:
    if file.format.has_pages:
        return read_paper(file.path, file.name, file.password)
    # Delayed: most papers are PDFs, and need none of its libraries.
    from indexer.converted import read_converted

    return read_converted(file.path, file.format, file.name, seconds, megabytes)


def _from_json(value: dict[str, Any]) -> PaperText:
    pages = tuple(page_from_json(page) for page in value["pages"])
    outline = tuple(OutlineEntry(**entry) for entry in value["outline"])
    metadata = value["metadata"] | {"authors": tuple(value["metadata"]["authors"])}
    return PaperText(pages, outline, Metadata(**metadata))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
