"""Files changed at random, read and cut into passages: each gives a paper that is whole, or a sentence.

`python -m tests.fuzz FIRST COUNT` does it in this process, a line for each; the caller starts it again where the reader
of PDFs crashes, which in the product fails that file alone.
"""

import contextlib
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import ReadError
from core.types import PaperText
from indexer.bibliography import _read as read_bibliography_here
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.pdf import read_paper
from tests import hostile
from tests.papers import Text, lines_down, make_paper, make_pdf, with_outline

_ROOT = Path(__file__).resolve().parents[1]
_MOST_TOKENS = 60
_SENTENCES = [f"Sentence {n} tells of light, of bread (see Fig. {n}), and of x = {n}." for n in range(30)]
_BIBLIOGRAPHIES = {
    ".bib": "@article{key, title = {On {L}ight}, author = {Doe, Jane and others}, year = 2001, file = {a:b/c.pdf:}}\n",
    ".ris": "TY  - JOUR\nTI  - On Light\nAU  - Doe, Jane\nPY  - 2001/03/04/\nL1  - b/c.pdf\nER  - \n",
    ".json": '[{"id": "a", "title": "On Light", "author": [{"family": "Doe"}], "issued": {"date-parts": [[2001]]}}]',
}


def run_all(first: int, count: int) -> Counter[str]:
    """How the files with these numbers ended: read, refused, or crashed. Raises AssertionError for any other end."""
    ends, last = Counter[str](), first + count
    while first < last:
        child = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", str(first), str(last - first)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        told = child.stdout.split()
        ends.update(told)
        first += len(told)
        if child.returncode < 0:
            # The one after the last that was told of.
            ends["crashed"] += 1
            first += 1
        else:
            assert child.returncode == 0, f"number {first}: {child.stderr[-2000:]}"
    return ends


def read_one(number: int, folder: Path) -> str:
    """Make the file of this number, and read it."""
    chance = random.Random(number)
    name, content = chance.choice((_some_pdf, _some_bibliography))(chance)
    path = folder / name
    path.write_bytes(content)
    try:
        if path.suffix == ".pdf":
            require_whole(read_paper(path), name)
        else:
            read_bibliography_here(path)
    except ReadError as error:
        refusal = str(error)
    else:
        return "read"
    assert refusal.startswith(f"'{name}' "), refusal
    assert "\n" not in refusal, refusal
    return "refused"


def require_whole(paper: PaperText, name: str) -> None:
    """What was read can be cut into passages that stand where they say."""
    texts = {page.number: page.text for page in paper.pages}
    chunks = chunk_pages(paper.pages, paper.outline, _count_words, ChunkingSettings(max_tokens=_MOST_TOKENS))
    for chunk in chunks:
        assert chunk.text.strip(), name
        assert chunk.spans, name
        for span in chunk.spans:
            assert 0 <= span.start < span.end <= len(texts[span.page]), (name, span)


def _count_words(texts: Sequence[str]) -> list[int]:
    return [max(len(text.split()), len(text) // 8) for text in texts]


def _some_pdf(chance: random.Random) -> tuple[str, bytes]:
    return "a.pdf", change(chance.choice(_BASES)(), chance)


def _some_bibliography(chance: random.Random) -> tuple[str, bytes]:
    suffix = chance.choice(list(_BIBLIOGRAPHIES))
    return f"a{suffix}", change(_BIBLIOGRAPHIES[suffix].encode() * chance.randint(1, 3), chance)


_BASES: tuple[Callable[[], bytes], ...] = (
    lambda: make_paper("On Light", [" ".join(_SENTENCES)] * 3, {"Title": "On Light", "Author": "Jane Doe"}),
    lambda: with_outline(make_paper("On Bread", [" ".join(_SENTENCES)] * 4), [("1 Introduction", 1), ("2 Ends", 2)]),
    lambda: make_pdf([[*lines_down(_SENTENCES, x=40), *lines_down(_SENTENCES, x=320)], [Text("up", upright=True)]]),
    lambda: hostile.nested_arrays(50),
    hostile.outline_in_itself,
    hostile.page_tree_in_itself,
)


def change(content: bytes, chance: random.Random) -> bytes:
    """Bytes replaced, left out, doubled or moved, in some places; numbers made great."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(changed) or 1)
        some = changed[at : at + chance.randint(1, 40)]
        match chance.randrange(5):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                del changed[at : at + len(some)]
            case 2:
                changed[at:at] = some * chance.randint(1, 50)
            case 3:
                changed[at:at] = changed[(there := chance.randrange(len(changed) or 1)) : there + 40]
            case 4:
                digits = [n for n, byte in enumerate(changed) if 48 <= byte <= 57]
                if digits:
                    changed[chance.choice(digits)] = 57
    return bytes(changed)


def main(first: int, count: int) -> int:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        for number in range(first, first + count):
            print(read_one(number, Path(folder)), file=sys.__stdout__, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
