"""One of the systems that benchmarks/peers.py compares, in a process of its own: `benchmarks/peer.py NAME FOLDER`.

FOLDER holds texts.json, queries.json, vectors.npy and model.txt; the answer goes to stdout as JSON. Only what the
system itself needs is imported, so that its memory is its own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Ask = Callable[[str], list[int]]
_K = 10
_MOST_AT_ONCE = 5000
# None of the questions: ours remembers the vector of one that was asked before.
_ASKED_FIRST = "a question that stands in no labelled set"


def main(name: str, folder: Path) -> int:
    texts: list[str] = json.loads((folder / "texts.json").read_text())
    queries: list[str] = json.loads((folder / "queries.json").read_text())
    vectors = np.load(folder / "vectors.npy")
    made = SYSTEMS[name](texts, vectors, folder)
    began = time.perf_counter()
    ask = made()
    indexed = time.perf_counter() - began
    ask(_ASKED_FIRST)
    taken, found = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(ask(query))
        taken.append(time.perf_counter() - began)
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
    print(json.dumps({"indexed_s": indexed, "taken_s": taken, "memory_mb": memory, "found": found}))
    return 0


def plain_model(folder: Path) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    return SentenceTransformer((folder / "model.txt").read_text())


def whetstone(mode: str) -> Callable[..., Callable[[], Ask]]:
    def prepare(texts: list[str], vectors: np.ndarray, folder: Path) -> Callable[[], Ask]:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        import faiss
        import torch

        from benchmarks.sizes import store_papers
        from core.settings import load_settings
        from core.types import SearchMode
        from indexer.start import ensure_active_model
        from search.searcher import Searcher, SearchRequest
        from storage.database import open_database, prepare_database

        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        settings = load_settings(home=folder / f"library-{mode}", model="packaged-minilm")
        settings.prepare_home()
        prepare_database(settings.database)
        version = ensure_active_model(settings).version
        searcher = Searcher(settings)
        with open_database(settings.database) as db:
            live = searcher.live_model(db)

        def index() -> Ask:
            with open_database(settings.database) as db:
                store_papers(db, version, texts, vectors, 0)
                live.catch_up(db)
                places = {
                    row[0]: place for place, row in enumerate(db.conn.execute("SELECT id FROM chunks ORDER BY id"))
                }
            wanted = SearchMode(mode)
            return lambda query: [
                places[hit.chunk.id] for hit in searcher.search(SearchRequest(query, _K, mode=wanted)).hits
            ]

        return index

    return prepare


def semantic_search(texts: list[str], vectors: np.ndarray, folder: Path) -> Callable[[], Ask]:
    from sentence_transformers import util

    model = plain_model(folder)

    def ask(query: str) -> list[int]:
        found = util.semantic_search(model.encode([query], normalize_embeddings=True), vectors, top_k=_K)[0]
        return [one["corpus_id"] for one in found]

    return lambda: ask


def txtai(hybrid: bool) -> Callable[..., Callable[[], Ask]]:
    def prepare(texts: list[str], vectors: np.ndarray, folder: Path) -> Callable[[], Ask]:
        from txtai import Embeddings

        model, known = plain_model(folder), dict(zip(texts, vectors, strict=True))

        def transform(asked: list[str]) -> np.ndarray:
            if all(text in known for text in asked):
                return np.array([known[text] for text in asked])
            return model.encode(asked, normalize_embeddings=True)

        def index() -> Ask:
            embeddings = Embeddings(method="external", transform=transform, hybrid=hybrid, content=False)
            embeddings.index(enumerate(texts))
            return lambda query: [int(one[0]) for one in embeddings.search(query, _K)]

        return index

    return prepare


def chromadb(texts: list[str], vectors: np.ndarray, folder: Path) -> Callable[[], Ask]:
    import chromadb as chroma
    from chromadb.config import Settings

    model = plain_model(folder)

    def index() -> Ask:
        client = chroma.PersistentClient(str(folder / "chroma"), Settings(anonymized_telemetry=False))
        collection = client.create_collection("passages", metadata={"hnsw:space": "cosine"})
        for first in range(0, len(texts), _MOST_AT_ONCE):
            end = min(first + _MOST_AT_ONCE, len(texts))
            numbers = [str(row) for row in range(first, end)]
            collection.add(ids=numbers, embeddings=vectors[first:end], documents=texts[first:end])

        def ask(query: str) -> list[int]:
            found = collection.query(query_embeddings=model.encode([query], normalize_embeddings=True), n_results=_K)
            return [int(one) for one in found["ids"][0]]

        return ask

    return index


def lancedb(texts: list[str], vectors: np.ndarray, folder: Path) -> Callable[[], Ask]:
    import lancedb as lance
    import pyarrow

    model = plain_model(folder)

    def index() -> Ask:
        rows = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1])
        table = lance.connect(str(folder / "lance")).create_table(
            "passages", pyarrow.table({"id": list(range(len(texts))), "text": texts, "vector": rows})
        )

        def ask(query: str) -> list[int]:
            asked = model.encode(query, normalize_embeddings=True)
            found = table.search(asked).distance_type("cosine").select(["id"]).limit(_K).to_arrow()
            return [int(one) for one in found["id"].to_pylist()]

        return ask

    return index


SYSTEMS: dict[str, Callable[..., Callable[[], Ask]]] = {
    "whetstone": whetstone("both"),
    "whetstone, meaning only": whetstone("meaning"),
    "semantic_search": semantic_search,
    "txtai": txtai(hybrid=False),
    "txtai, hybrid": txtai(hybrid=True),
    "chromadb": chromadb,
    "lancedb": lancedb,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
