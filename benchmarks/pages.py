"""How long a page's picture takes, from the request to the last byte, as the page draws it: in the warm children.

    python -m benchmarks.pages FOLDER_OF_PDFS [--papers 20] [--json]

Every page of the first papers that have 2 to 60 pages is drawn once at the width the page asks for, none of them seen
before. `first_ms` is that of the very first picture, a second after the start of the app.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json, say
from core.errors import ReadError
from core.types import PaperFile
from indexer.drawing import Drawer
from indexer.pdf import read_paper

_WIDTH = 1400
_PAGES = range(2, 61)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER_OF_PDFS")
    parser.add_argument("--papers", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    papers = list(islice(find_papers(args.folder), args.papers))
    drawer = Drawer()
    drawer.warm()
    time.sleep(1)
    took: list[float] = []
    failed = 0
    for path, pages in papers:
        for number in range(1, pages + 1):
            began = time.perf_counter()
            try:
                drawer.draw(PaperFile(path, path.name), number, _WIDTH)
            except ReadError as error:
                say(str(error))
                failed += 1
            took.append(1000 * (time.perf_counter() - began))
    milliseconds = {f"p{share}": round(float(np.percentile(took, share)), 1) for share in (50, 95, 99, 100)}
    figures = {
        "papers": len(papers),
        "pages": len(took),
        "failed": failed,
        "width": _WIDTH,
        "first_ms": round(took[0], 1),
        "ms": milliseconds,
        "under_300_ms": round(sum(one < 300 for one in took) / len(took), 4),
    }
    if args.json:
        print_json(figures)
    else:
        print(
            f"{figures['pages']} pages of {figures['papers']} papers, {failed} failed: first {took[0]:.0f} ms, ", end=""
        )
        print(", ".join(f"{name} {value:.0f} ms" for name, value in milliseconds.items()))
    return 0


def find_papers(folder: Path) -> Iterator[tuple[Path, int]]:
    """Papers and their pages, in the order of their names."""
    for path in sorted(folder.rglob("*.pdf")):
        try:
            pages = len(read_paper(path).pages)
        except ReadError:
            continue
        if pages in _PAGES:
            yield path, pages


if __name__ == "__main__":
    sys.exit(main())
