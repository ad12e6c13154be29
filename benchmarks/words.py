"""What filters and the word index cost in a large library: to add a paper, to ask, to narrow, to remove a paper.

    python -m benchmarks.words DIR... --passages 100000 --json

The passages are made of two stretches of those of the labelled sets, so their words are as common as words are; the
questions are the sets' own. Nothing is embedded.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.cli import print_json, run_command, say
from core.settings import load_settings
from core.types import Chunk, ChunkKind, Filter, Metadata, Page, Span
from search.beir import load_labelled_set
from search.words import parse_words
from storage import library
from storage.database import open_database, prepare_database
from storage.filtering import filtered_chunks
from storage.readings import store_reading
from storage.words import find_words, forget_some_removed_words

_PASSAGES_A_PAPER = 100
_WORDS_A_STRETCH = 70
_QUESTIONS = 100
_FIRST_YEAR, _YEARS = 1980, 45


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.words", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    return parser


def main(args: argparse.Namespace) -> int:
    sets = [load_labelled_set(folder) for folder in args.folders]
    texts = [text.split() for labelled in sets for text in labelled.passages.values()]
    asked = [question for labelled in sets for question in labelled.queries.values()]
    chance = random.Random(0)
    questions = chance.sample(asked, min(_QUESTIONS, len(asked)))
    with TemporaryDirectory() as home:
        settings = load_settings(home=home)
        settings.prepare_home()
        prepare_database(settings.database)
        with open_database(settings.database) as db:
            papers = args.passages // _PASSAGES_A_PAPER
            say(f"making {papers} papers of {_PASSAGES_A_PAPER} passages")
            adding = [_seconds(lambda number=number: _add(db, number, texts, chance)) for number in range(papers)]
            figures = {"passages": library.count_chunks(db), "add a paper": _ms(adding[-20:])}
            figures |= _time_questions(db, questions) | _time_removals(db)
    if args.json:
        print_json(figures)
    else:
        for name, figure in figures.items():
            print(f"{name:>40}  {json.dumps(figure)}")
    return 0


def _add(db: Database, number: int, texts: list[list[str]], chance: random.Random) -> None:
    document, _ = library.add_document(db, f"{number:064x}", f"{number}.pdf")
    chunks = []
    for place in range(_PASSAGES_A_PAPER):
        words = [word for text in chance.choices(texts, k=2) for word in _stretch(text, chance)]
        kind = chance.choice([ChunkKind.BODY] * 8 + [ChunkKind.TABLE, ChunkKind.REFERENCE])
        chunks.append(Chunk(f"{' '.join(words)} x{number}y{place}", (Span(1, place, place + 1),), kind=kind))
    metadata = Metadata(f"Paper {number}", (f"Ann Author{number % 50}",), _FIRST_YEAR + number % _YEARS)
    store_reading(db, document.id, metadata, [Page(1, "text", 612, 792)], chunks)


def _stretch(text: list[str], chance: random.Random) -> list[str]:
    first = chance.randrange(max(1, len(text) - _WORDS_A_STRETCH))
    return text[first : first + _WORDS_A_STRETCH]


def _time_questions(db: Database, questions: list[str]) -> dict[str, Any]:
    filters = {
        "all": Filter(),
        "half of the years": Filter(year_from=_FIRST_YEAR + _YEARS // 2),
        "body text": Filter(kinds=(ChunkKind.BODY,)),
        "one author": Filter(author="author7"),
        "one paper": Filter(papers=(7,)),
    }
    figures: dict[str, Any] = {}
    for name, filter in filters.items():
        if filter.narrows:
            figures[f"filter: {name}"] = _ms([_seconds(lambda f=filter: filtered_chunks(db, f)) for _ in range(9)])
        among = filtered_chunks(db, filter)
        words = [parse_words(question) for question in questions]
        seconds = [
            _seconds(lambda w=one, a=among: find_words(db, w.match, 100, a, w.strings)) for one in words if one.match
        ]
        figures[f"words: {name}"] = _ms(seconds)
    return figures


def _time_removals(db: Database) -> dict[str, Any]:
    removing, tidying, longest = [], [], []
    for document_id in range(1, 6):
        removing.append(_seconds(lambda number=document_id: library.remove_documents(db, [number])))
        steps = []
        while True:
            began = time.perf_counter()
            more = forget_some_removed_words(db)
            steps.append(time.perf_counter() - began)
            if not more:
                break
        tidying.append(sum(steps))
        longest.append(max(steps))
    return {
        "remove a paper": _ms(removing),
        "overwrite its words, by the worker": _ms(tidying),
        "of that, the longest step": _ms(longest),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ms(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.quantile(seconds, (0.5, 0.95)) * 1000
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


if __name__ == "__main__":
    raise SystemExit(run_command(main, build_parser()))
