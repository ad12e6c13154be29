"""Read one paper in a child process with limits on time and memory, so that no file can harm more than itself."""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from core.errors import PasswordError, ReadError
from core.types import Metadata, OutlineEntry, PaperFile, PaperText
from core.wire import file_from_json, file_to_json, page_from_json
from indexer.child import LOCKED, OUT_OF_MEMORY, REFUSED, ReadLimits, limit_memory, limit_time
from indexer.forked import ForkedChildren, fork_for_each
from indexer.pdf import read_paper


def reading_children() -> ForkedChildren:
    """What reads several papers after one another faster than each alone."""
    return ForkedChildren("indexer.reader")


def read_paper_isolated(
    file: PaperFile,
    limits: ReadLimits,
    stopped: Callable[[], bool] | None = None,
    children: ForkedChildren | None = None,
) -> PaperText:
    """The paper's text, of whatever format; raises ReadError, also for a crash, too long a time or too much memory.

    Raises Cancelled soon after it is `stopped`. Without `children` they are started for this paper alone.
    """
    with contextlib.nullcontext(children) if children else reading_children() as reading:
        answer = reading.run(file_to_json(file), file.name, limits, stopped)
    return _from_json(json.loads(answer))


def main(megabytes: str, seconds: str) -> int:
    """In the child: the paper as JSON on stdout, or one sentence and its own exit code."""
    limit_memory(int(megabytes))
    limit_time(int(seconds))
    try:
        paper = _read(file_from_json(json.load(sys.stdin)), int(seconds), int(megabytes))
        document = json.dumps(asdict(paper))
    except ReadError as error:
        sys.stdout.buffer.write(str(error).encode("utf-8", "replace"))
        return LOCKED if isinstance(error, PasswordError) else REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
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
    # With limits it is the child of one paper, without them what is forked for each.
    sys.exit(main(*sys.argv[1:]) if sys.argv[1:] else fork_for_each(main, sys.stdin.buffer, sys.stdout.buffer))
