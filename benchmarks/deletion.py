"""Whether what is removed is gone: random steps on a library, each compared with a plain account of what must be there.

    python -m benchmarks.deletion [--steps 10000] [--seed 1] [--json]

The steps: add a paper, add it under another name, ingest, remove, remove and die before the file is gone, judge, take a
verdict back, take on a version that learnt from the verdicts, switch, undo, restart. tests/deletion.py tells what is
compared. The first difference ends it with an error.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from core.cli import print_json, quieten_libraries, say

_STEPS_A_LIBRARY = 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deletion", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    quieten_libraries()
    # Delayed: it imports PyTorch and Gradio, which takes seconds.
    from tests.deletion import Walk

    began, taken = time.monotonic(), dict[str, int]()
    for seed, first in enumerate(range(0, args.steps, _STEPS_A_LIBRARY), start=args.seed):
        with tempfile.TemporaryDirectory() as folder:
            walk = Walk(Path(folder), seed)
            for _ in range(min(_STEPS_A_LIBRARY, args.steps - first)):
                walk.step()
            taken = {name: taken.get(name, 0) + number for name, number in walk.taken.items()} | {
                name: number for name, number in taken.items() if name not in walk.taken
            }
        say(f"{min(first + _STEPS_A_LIBRARY, args.steps):,} steps, no difference")
    figures = {"steps": args.steps, "differences": 0, "seconds": round(time.monotonic() - began, 1), "taken": taken}
    if args.json:
        print_json(figures)
    else:
        for name, value in figures.items():
            print(f"{name:<14} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
