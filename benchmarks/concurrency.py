"""Whether many can search while one adds, removes and judges papers and switches models: no error, no mixed answer.

    python -m benchmarks.concurrency [--readers 32] [--minutes 10] [--seed 1] [--json]

One process with its searcher and as many threads as readers, a worker in another process, and random changes from the
first. Every score of every answer is computed once more, from the vectors of the model that the answer names. The first
error ends it. Papers and models are tiny (tests/together.py), so that changes come fast; times mean little.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from core.cli import print_json, quieten_libraries


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concurrency", description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    # Delayed: it imports PyTorch and Gradio, which takes seconds.
    from tests.together import read_and_write

    end = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as folder:
        seen = read_and_write(Path(folder), args.readers, lambda seen: time.monotonic() < end, args.seed)
    print_json(
        {
            "readers": args.readers,
            "minutes": args.minutes,
            "errors": 0,
            "searches": seen.searches,
            "scores_computed_once_more": seen.scores,
            "answers_by_model": seen.by_model,
            "steps": seen.steps,
            "search_ms": {
                f"p{share}": round(1000 * float(np.percentile(seen.seconds, share)), 1) for share in (50, 95)
            },
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
