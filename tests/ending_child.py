"""A child process, as those that open files are, which ends as it is asked to."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from indexer.child import limit_memory
from indexer.forked import fork_for_each


def main(megabytes: str, _seconds: str) -> int:
    limit_memory(int(megabytes))
    end = json.load(sys.stdin)
    if end == "answer":
        sys.stdout.write("answered")
        return 0
    if end == "say who":
        sys.stdout.write(str(os.getpid()))
        return 0
    if end.startswith("hang, after a word in "):
        word = Path(end.removeprefix("hang, after a word in "))
        part = word.with_suffix(".part")
        part.write_text(str(os.getpid()))
        part.rename(word)
        time.sleep(600)
    if end == "answer much":
        sys.stdout.write("x" * (3 << 20))
        print("complained" * (1 << 20), file=sys.stderr)
        return 0
    if end == "fill the memory":
        return len([bytearray(1 << 20) for _ in range(1 << 20)])
    if end == "abort with a complaint":
        print("free(): invalid pointer", file=sys.stderr, flush=True)
    if end == "end the parent":
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(600)
    if end == "raise":
        raise KeyError("a defect")
    os.kill(os.getpid(), signal.Signals[end] if end.startswith("SIG") else signal.SIGABRT)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if sys.argv[1:] else fork_for_each(main, sys.stdin.buffer, sys.stdout.buffer))
