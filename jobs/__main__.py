"""`python -m jobs`: do the library's heavy work until the parent process ends. The app starts this by itself."""

import argparse
import os
import sys
import threading

from core.cli import add_home_argument, run_command
from storage.commands import settings_from


def main(args: argparse.Namespace) -> int:
    _end_with_parent()
    _lower_priority()
    # Delayed: PyTorch takes seconds to import, and the parent may be gone by then.
    from jobs.worker import Worker

    Worker(settings_from(args), supervised=True).work_until(lambda: False)
    return 0


def _end_with_parent() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        # At once, like a power cut: every step is a transaction, and the next start goes on from there.
        os._exit(0)

    threading.Thread(target=wait, name="watch the parent", daemon=True).start()


def _lower_priority() -> None:
    """Searches in the web process come first; where the system has no priorities of this kind, nothing changes."""
    if hasattr(os, "nice"):
        os.nice(5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m jobs", description=__doc__)
    add_home_argument(parser)
    sys.exit(run_command(main, parser))
