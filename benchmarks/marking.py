"""Whether passages are marked where they stand: the boxes of every passage of every paper, against PDFium's own glyphs.

    python -m benchmarks.marking FOLDER_OF_PDFS [--json]

`covered` is the share of passages of whose visible characters 95% or more have their middle in a box, `own_page` the
share that has boxes on each of its pages and within it, and `same_text` the share for which the characters that have
their middle in a box are the passage's, no more and no less, up to white space and hyphens. Recognised pages are left
out: they have no glyphs to compare with.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json, say
from core.errors import ReadError
from core.types import Box, Chunk, PaperFile, Span
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.pdf import passage_boxes, read_paper, require_text
from indexer.text import Vocabulary, normalise_text

_SCALE = 10_000
_COVERED = 0.95


@dataclass(frozen=True, slots=True)
class Marked:
    """What is true of one passage's boxes."""

    covered: bool
    own_page: bool
    same_text: bool


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.marking", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER_OF_PDFS")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    began, documents = time.perf_counter(), 0
    marked: list[Marked] = []
    for path in sorted(args.folder.rglob("*.pdf")):
        try:
            found = list(mark_paper(path))
        except ReadError as error:
            say(f"left out: {error}")
            continue
        documents += 1
        marked += found
        wrong = sum(not (one.covered and one.own_page and one.same_text) for one in found)
        say(f"{path.name}: {len(found)} passages, {wrong} not marked exactly")
    figures: dict[str, Any] = {
        name: round(sum(getattr(one, name) for one in marked) / max(len(marked), 1), 4)
        for name in ("covered", "own_page", "same_text")
    }
    figures |= {"chunks": len(marked), "documents": documents, "seconds": round(time.perf_counter() - began, 1)}
    if args.json:
        print_json(figures)
    else:
        print("  ".join(f"{name} {value}" for name, value in figures.items()))
    return 0


def mark_paper(path: Path) -> Iterator[Marked]:
    """Every passage of the paper's text layer, as the page marks it."""
    paper = read_paper(path)
    require_text(paper.pages, path.name)
    vocabulary = Vocabulary(page.text for page in paper.pages)
    chunks = chunk_pages(paper.pages, paper.outline, _count_words, ChunkingSettings(max_tokens=200))
    with pdfium.PdfDocument(path) as document:
        pages = {page.number: _Glyphs(document[page.number - 1]) for page in paper.pages if page.text.strip()}
        for chunk in chunks:
            boxes = [passage_boxes(PaperFile(path, path.name), span.page, span.start, span.end) for span in chunk.spans]
            yield _look(chunk, boxes, pages, vocabulary)


def _look(chunk: Chunk, boxes: Sequence[Sequence[Box]], pages: dict[int, "_Glyphs"], vocabulary: Vocabulary) -> Marked:
    inside = visible = 0
    read = []
    for span, found in zip(chunk.spans, boxes, strict=True):
        glyphs = pages[span.page]
        middles = glyphs.middles(span)
        visible += len(middles)
        inside += sum(any(_holds(box, *middle) for box in found) for middle in middles)
        read.append(glyphs.text_in(found))
    within = all(box.left >= 0 and box.left + box.width <= 1.0001 for found in boxes for box in found)
    again = normalise_text("\n".join(read), vocabulary)
    return Marked(
        covered=inside >= _COVERED * visible,
        own_page=within and all(found for found in boxes),
        same_text=_letters(again) == _letters(chunk.text),
    )


class _Glyphs:
    """A page's visible characters by PDFium: their index, and their middle in shares of its picture."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self._text = page.get_textpage()
        self._middles: dict[int, tuple[float, float]] = {}
        for index in range(self._text.count_chars()):
            code = pdfium_c.FPDFText_GetUnicode(self._text, index)
            left, bottom, right, top = self._text.get_charbox(index)
            if chr(code or 32).isspace() or right <= left or top <= bottom:
                continue
            x, y = pdfium_c.c_int(), pdfium_c.c_int()
            middle = ((left + right) / 2, (bottom + top) / 2)
            pdfium_c.FPDF_PageToDevice(page, 0, 0, _SCALE, _SCALE, 0, *middle, x, y)
            self._middles[index] = (x.value / _SCALE, y.value / _SCALE)

    def middles(self, span: Span) -> list[tuple[float, float]]:
        """Of the span's characters."""
        return [self._middles[index] for index in range(span.start, span.end) if index in self._middles]

    def text_in(self, boxes: Sequence[Box]) -> str:
        """Every character that has its middle in a box, once, in PDFium's order."""
        inside = [index for index, middle in self._middles.items() if any(_holds(box, *middle) for box in boxes)]
        return "".join(chr(pdfium_c.FPDFText_GetUnicode(self._text, index)) for index in inside)


def _holds(box: Box, x: float, y: float) -> bool:
    edge = 1.5 / _SCALE
    return box.left - edge <= x <= box.left + box.width + edge and box.top - edge <= y <= box.top + box.height + edge


def _letters(text: str) -> str:
    return "".join(text.split()).replace("-", "")


def _count_words(texts: Sequence[str]) -> list[int]:
    """Four tokens for three words, about as many as the model's tokenizer gives."""
    return [4 * len(text.split()) // 3 + 1 for text in texts]


if __name__ == "__main__":
    sys.exit(main())
