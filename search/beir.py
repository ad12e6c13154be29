"""Labelled sets in BEIR's shape, and the scores of an encoder on them."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.cjk import pair_cjk
from core.errors import ImportFormatError
from core.types import EmbeddingMatrix
from indexer.encoder import Encoder, Spelling
from search.fusion import fuse
from search.vector_index import VectorIndex
from search.words import parse_words
from storage.migrations import TOKENIZER
from storage.words import find_words

_TEXTS_A_STEP = 64


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Passages and queries by their ids, and for each query its relevant passages with their relevance."""

    passages: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def load_labelled_set(folder: Path, split: str = "test") -> LabelledSet:
    """Read corpus.jsonl, queries.jsonl and qrels/<split>.tsv (or qrels.tsv, where there are no splits).

    Only the split's queries with a relevant passage are kept. Raises ImportFormatError with file and line.
    """
    qrels = _read_qrels(_qrels_file(folder, split))
    passages = {
        row["_id"]: f"{row.get('title') or ''} {row['text']}".strip() for row in _read_lines(folder / "corpus.jsonl")
    }
    queries = {row["_id"]: row["text"] for row in _read_lines(folder / "queries.jsonl")}
    for query, relevant in qrels.items():
        if query not in queries:
            raise ImportFormatError(f"The qrels of '{folder}' name query '{query}', which queries.jsonl does not hold.")
        unknown = next((passage for passage in relevant if passage not in passages), None)
        if unknown is not None:
            raise ImportFormatError(f"The qrels of '{folder}' name '{unknown}', which corpus.jsonl does not hold.")
    if not qrels:
        raise ImportFormatError(f"The qrels of '{folder}' hold no relevant pair.")
    return LabelledSet(passages, {query: queries[query] for query in qrels}, qrels)


def rank_passages(
    encoder: Encoder,
    passages: Mapping[str, str],
    queries: Mapping[str, str],
    k: int = 100,
    on_passages: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[str]]:
    """Each query's k best passages, best first. `on_passages` hears how many of how many are embedded."""
    names = list(passages)
    index = VectorIndex(encoder.dimension)
    nothing = np.array([], dtype=np.int64)
    for first in range(0, len(names), _TEXTS_A_STEP):
        step = names[first : first + _TEXTS_A_STEP]
        vectors = encoder.encode_truncated_passages([passages[name] for name in step])
        index.update(nothing, np.arange(first, first + len(step), dtype=np.int64), vectors)
        on_passages(first + len(step), len(names))
    return rank_vectors(index, names, list(queries), encoder.encode_queries(list(queries.values())), k)


def rank_by_words(passages: Mapping[str, str], queries: Mapping[str, str], k: int = 100) -> dict[str, list[str]]:
    """Each query's k best passages by BM25, best first, as the library's word index ranks them."""
    names = list(passages)
    db = Database(memory=True)
    db.conn.execute(f"CREATE VIRTUAL TABLE chunk_words USING fts5(text, tokenize='{TOKENIZER}')")
    # By these a large library is told from a small one.
    db.conn.execute("CREATE VIEW chunks AS SELECT rowid AS id FROM chunk_words")
    # From 1 on, as the ids of chunks are.
    rows = enumerate(map(pair_cjk, passages.values()), start=1)
    db.conn.executemany("INSERT INTO chunk_words (rowid, text) VALUES (?, ?)", rows)
    run = {}
    for query, text in queries.items():
        words = parse_words(text)
        found = find_words(db, words.match, k, strings=words.strings).ids.tolist() if words.match else []
        run[query] = [names[row - 1] for row in found]
    db.close()
    return run


def fuse_runs(
    by_meaning: Mapping[str, Sequence[str]],
    by_words: Mapping[str, Sequence[str]],
    queries: Mapping[str, str],
    spelling: Callable[[str], Spelling],
) -> dict[str, list[str]]:
    """Each query's passages in the order of both rankings, as a search fuses them.

    `spelling` is that of the encoder whose ranking by meaning it is.
    """
    names = list(dict.fromkeys(name for run in (by_meaning, by_words) for ids in run.values() for name in ids))
    numbers = {name: number for number, name in enumerate(names)}
    fused = {}
    for query, text in queries.items():
        meaning, words = ([numbers[name] for name in run[query]] for run in (by_meaning, by_words))
        fused[query] = [names[number] for number in fuse(meaning, words, parse_words(text), spelling(text))]
    return fused


def rank_vectors(
    index: VectorIndex, names: Sequence[str], query_ids: Sequence[str], vectors: EmbeddingMatrix, k: int
) -> dict[str, list[str]]:
    """Each query's k best of the index' ids, which are positions in `names`, by the vectors of the queries."""
    return {
        query: [names[position] for position in index.search(vector, min(k, len(index))).ids]
        for query, vector in zip(query_ids, vectors, strict=True)
    }


def _qrels_file(folder: Path, split: str) -> Path:
    if not folder.is_dir():
        raise ImportFormatError(f"There is no folder '{folder}'.")
    for path in (folder / "qrels" / f"{split}.tsv", folder / "qrels.tsv"):
        if path.is_file():
            # A set with splits but without this one must not be scored on all of its queries under the split's name.
            if path.name == "qrels.tsv" and (folder / "qrels").is_dir():
                break
            return path
    raise ImportFormatError(f"'{folder}' has no qrels/{split}.tsv and no qrels.tsv; give a split it has with --split.")


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
            if (number == 1 and row[-1:] == ["score"]) or not row:
                continue
            try:
                # BEIR has three columns; TREC's own shape has an unused second one.
                query, passage, relevance = row[0], row[-2], int(row[-1])
            except (IndexError, ValueError):
                raise ImportFormatError(
                    f"Line {number} of '{path}' is not 'query-id, corpus-id, score' between tabs."
                ) from None
            if relevance > 0:
                qrels.setdefault(query, {})[passage] = relevance
    return qrels


def _read_lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("_id", "text")):
                    raise ImportFormatError(f"Line {number} of '{path}' lacks '_id' or 'text'.")
                rows.append(row)
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFormatError(f"'{path}' can't be read as UTF-8 text ({error}).") from error
    except json.JSONDecodeError as error:
        raise ImportFormatError(f"Line {number} of '{path}' is not JSON ({error.msg}).") from error
    return rows
