"""Read one PDF in a child process with limits on time and memory, so that no file can harm more than itself."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import ReadError
from core.types import Line, Metadata, OutlineEntry, Page, PageSource, PaperText
from indexer.pdf import read_paper

_ROOT = Path(__file__).resolve().parent.parent
_REFUSED, _OUT_OF_MEMORY = 3, 4


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The longest time and the most address space one file may take."""

    seconds: int = 60
    megabytes: int = 1500


def read_paper_isolated(path: Path, limits: ReadLimits, name: str | None = None) -> PaperText:
    """As `indexer.pdf.read_paper`; a crash, too long a time and too much memory are ReadErrors too."""
    name = name or path.name
    arguments = (path.absolute(), name, limits.megabytes, limits.seconds)
    command = [sys.executable, "-m", "indexer.reader", *map(str, arguments)]
    try:
        child = subprocess.run(
            command, cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=limits.seconds, check=False
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
    if child.returncode == _OUT_OF_MEMORY or b"MemoryError" in child.stderr or -child.returncode == signal.SIGKILL:
        raise ReadError(
            f"'{name}' needs more than {limits.megabytes} MB of memory to be read. "
            "If you trust it, raise WHETSTONE_READ_MEGABYTES and retry it."
        )
    raise ReadError(f"'{name}' made the PDF reader crash. Print it to a new PDF, then add that.")


def main(path: str, name: str, megabytes: str, seconds: str) -> int:
    """In the child: the paper as JSON on stdout, or one sentence and its own exit code."""
    limit_memory(int(megabytes))
    if hasattr(signal, "alarm"):
        # For the case that the parent, which measures the time, is gone.
        signal.alarm(int(seconds) + 2)
    try:
        document = json.dumps(asdict(read_paper(Path(path), name)))
    except ReadError as error:
        sys.stdout.buffer.write(str(error).encode())
        return _REFUSED
    except MemoryError:
        return _OUT_OF_MEMORY
    sys.stdout.buffer.write(document.encode("utf-8", "surrogatepass"))
    return 0


def limit_memory(megabytes: int) -> None:
    """Let this process have so much address space and no more."""
    if sys.platform == "win32":
        return  # it has no such limit; the one on time still holds
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _from_json(value: dict[str, Any]) -> PaperText:
    pages = tuple(_page_from_json(page) for page in value["pages"])
    outline = tuple(OutlineEntry(**entry) for entry in value["outline"])
    metadata = value["metadata"] | {"authors": tuple(value["metadata"]["authors"])}
    return PaperText(pages, outline, Metadata(**metadata))


def _page_from_json(value: dict[str, Any]) -> Page:
    lines = tuple(Line(**line) for line in value["lines"])
    return Page(**value | {"lines": lines, "source": PageSource(value["source"]), "words": ()})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
