"""Whether files changed at random are read or refused with a sentence, and what is read can be cut into passages.

    python -m benchmarks.fuzz [--files 20000] [--first 0] [--json]

PDFs, BibTeX, RIS and CSL-JSON; tests/fuzz.py tells how they are changed and what is looked at. A crash of the reader is
counted: in the product it fails the file alone. Any other end stops this with the number of the file.
"""

import argparse
import sys
import time

from core.cli import print_json


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    from tests.fuzz import run_all

    began = time.monotonic()
    ends = run_all(args.first, args.files)
    print_json({"files": args.files, "ends": ends, "seconds": round(time.monotonic() - began, 1)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
