"""How fast and how right papers are read.

`speed`: CPU seconds of reading beside pypdf's, file by file in one process. `evidence`: the share of a labelled set's
evidence texts found on its page and in its passages. `columns`: two-column papers made here, of which the true text is
known: the share of sentences that come out whole, in one passage.
"""

import argparse
import json
import logging
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pypdf
import pypdfium2 as pdfium

from core.cli import print_json, run_command, say
from core.errors import ReadError
from core.types import PaperText
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.pdf import read_paper
from tests.papers import Text, make_pdf, write

_WORD = re.compile(r"\w+")
_SHARE_OF_EVIDENCE = 0.9
_COLUMN_CHARACTERS = 46
_LEFT, _RIGHT = 60, 320


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--papers", type=Path, metavar="DIR", help="PDFs, for the speed")
    parser.add_argument("--evidence", type=Path, metavar="DIR", help="questions.jsonl and pdfs/, for the evidence")
    parser.add_argument("--made", type=int, default=40, metavar="N", help="how many two-column papers to make (40)")
    parser.add_argument("--json", action="store_true")
    return parser


def main(args: argparse.Namespace) -> int:
    logging.disable(logging.ERROR)
    figures: dict[str, Any] = {"columns": read_columns(args.made)}
    if args.papers:
        figures["speed"] = compare_speed(sorted(args.papers.rglob("*.pdf")))
    if args.evidence:
        figures["evidence"] = find_evidence(args.evidence)
    if args.json:
        print_json(figures)
    else:
        for name, values in figures.items():
            print(f"{name}: " + "  ".join(f"{key} {value}" for key, value in values.items()))
    return 0


# --- speed -------------------------------------------------------------------------------------


def compare_speed(paths: Sequence[Path]) -> dict[str, float]:
    """CPU seconds for all files that both can read, and how many times as fast ours is."""
    seconds = {"pypdf": 0.0, "text": 0.0, "whole": 0.0}
    for path in paths:
        try:
            took = {name: _cpu_seconds(read, path) for name, read in _READERS.items()}
        except (ReadError, pdfium.PdfiumError, pypdf.errors.PyPdfError, ValueError, KeyError, TypeError) as error:
            say(f"{path.name}: left out ({type(error).__name__})")
            continue
        seconds = {name: seconds[name] + took[name] for name in seconds}
    return {f"{name}_s": round(value, 2) for name, value in seconds.items()} | {
        "text_times_as_fast": round(seconds["pypdf"] / seconds["text"], 1),
        "whole_times_as_fast": round(seconds["pypdf"] / seconds["whole"], 1),
    }


def _cpu_seconds(read: Any, path: Path) -> float:
    began = time.process_time()
    read(path)
    return time.process_time() - began


def _read_with_pypdf(path: Path) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(path).pages]


def _read_text_alone(path: Path) -> list[str]:
    """The characters without places, sizes, weights, metadata and a judgement of them."""
    with pdfium.PdfDocument(path) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


_READERS = {"pypdf": _read_with_pypdf, "text": _read_text_alone, "whole": read_paper}


# --- evidence ----------------------------------------------------------------------------------


def find_evidence(folder: Path) -> dict[str, float]:
    """Of all evidence texts, those of which nine tenths of the words stand on their page, and in its passages."""
    papers: dict[str, PaperText] = {}
    on_page = in_passages = total = 0
    for line in (folder / "questions.jsonl").read_text().splitlines():
        question = json.loads(line)
        name = question["doc"]
        if name not in papers:
            papers[name] = read_paper(folder / "pdfs" / name)
        chunks = _chunks(papers[name])
        for evidence in question["evidence"]:
            total += 1
            number = evidence["page"]
            page = papers[name].pages[number - 1].text.replace("\x02", "")
            passages = [text for text, pages in chunks if number in pages]
            on_page += _share(evidence["text"], page) >= _SHARE_OF_EVIDENCE
            in_passages += _share(evidence["text"], " ".join(passages)) >= _SHARE_OF_EVIDENCE
    return {"texts": total, "on_page": round(on_page / total, 4), "in_passages": round(in_passages / total, 4)}


def _share(wanted: str, text: str) -> float:
    words, there = _WORD.findall(wanted.casefold()), set(_WORD.findall(text.casefold()))
    return sum(word in there for word in words) / max(len(words), 1)


def _chunks(paper: PaperText) -> list[tuple[str, set[int]]]:
    settings = ChunkingSettings(max_tokens=200)
    chunks = chunk_pages(paper.pages, paper.outline, lambda texts: [len(text.split()) for text in texts], settings)
    return [(chunk.text, {span.page for span in chunk.spans}) for chunk in chunks]


# --- made papers -------------------------------------------------------------------------------


def read_columns(many: int) -> dict[str, float]:
    """Two-column papers with running headers, hyphens, captions and footnotes: sentences found whole in a passage."""
    whole = total = 0
    with TemporaryDirectory() as folder:
        for seed in range(many):
            sentences, pages = _make_paper(random.Random(seed))
            texts = [text for text, _ in _chunks(read_paper(write(Path(folder), f"{seed}.pdf", make_pdf(pages))))]
            whole += sum(any(sentence in text for text in texts) for sentence in sentences)
            total += len(sentences)
    return {"papers": many, "sentences": total, "whole": round(whole / total, 4)}


def _make_paper(random: random.Random) -> tuple[list[str], list[list[Text]]]:
    """The true sentences of the running text, and the pages; sentences go on over columns and pages."""
    words = _words(random)
    sentences = [
        " ".join(random.choice(words) for _ in range(random.randint(6, 20))).capitalize() + "."
        for _ in range(random.randint(60, 200))
    ]
    lines = list(_wrap(" ".join(sentences)))
    pages: list[list[Text]] = []
    while lines:
        number = len(pages) + 1
        page = [Text(f"A Study of {words[0].title()} and {words[1].title()}", x=200, y=760, size=8)]
        page.append(Text(str(number), x=300, y=30, size=8))
        if number == 1:
            page.append(Text(f"On {words[2].title()}, {words[3].title()} and the Like", x=150, y=730, size=18))
        top = 690 if number == 1 else 735
        for x in (_LEFT, _RIGHT):
            has_figure = random.random() < 0.4
            room = (top - 90 - (40 if has_figure else 0)) // 12
            column, lines = lines[:room], lines[room:]
            page += [Text(text, x=x, y=top - 12 * index, size=9) for index, text in enumerate(column)]
            if has_figure and column:
                caption = f"Figure {number}: How {random.choice(words)} depends on {random.choice(words)}."
                page.append(Text(caption, x=x, y=top - 12 * len(column) - 22, size=8))
            elif column:
                page.append(Text(f"{number} See the appendix on {random.choice(words)}.", x=x, y=60, size=6.5))
        pages.append(page)
    return sentences, pages


def _wrap(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        room = _COLUMN_CHARACTERS - len(line) - 1
        if len(word) <= room:
            line = f"{line} {word}".strip()
        elif len(word) > 7 and room > 4 and word.isalpha():
            cut = min(room - 1, len(word) - 3)
            yield f"{line} {word[:cut]}-".strip()
            line = word[cut:]
        else:
            yield line
            line = word
    yield line


def _words(random: random.Random) -> list[str]:
    """Words one can pronounce, different in each paper."""
    syllables = [first + vowel for first in "bcdfglmnprstv" for vowel in "aeiou"]
    return ["".join(random.choice(syllables) for _ in range(random.randint(1, 5))) for _ in range(300)]


if __name__ == "__main__":
    raise SystemExit(run_command(main, build_parser()))
