"""A search's result as programs read it: on the command line with --json, and over HTTP."""

from typing import Any

from core.types import Hit, SearchResult

# What could tell which model found a passage, and so favour it.
_TELLING = ("rank", "score", "dense_rank", "lexical_rank", "rerank")


def result_as_json(result: SearchResult, *, blind: bool = False) -> dict[str, Any]:
    """With `blind` nothing tells of the model, or of how it ranked: what would is None."""
    model = result.model
    return {
        "query": result.query,
        "model": None if blind else {"id": model.id, "name": model.name, "dim": model.dimension},
        "seconds": round(result.seconds, 4),
        "answered": result.answered,
        "floor": None if result.floor is None else round(result.floor, 6),
        "missing": list(result.missing),
        "hits": [hit_as_json(hit) | (dict.fromkeys(_TELLING) if blind else {}) for hit in result.hits],
    }


def hit_as_json(hit: Hit) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "dense_rank": hit.dense_rank,
        "lexical_rank": hit.lexical_rank,
        "rerank": hit.rerank,
        "chunk_id": hit.chunk.id,
        "document_id": hit.chunk.document_id,
        "document": hit.chunk.file_name,
        "title": hit.chunk.document,
        "page": hit.chunk.page,
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "spans": [{"page": span.page, "start": span.start, "end": span.end} for span in hit.chunk.spans],
        "section": hit.chunk.section,
        "kind": hit.chunk.kind,
        "text": hit.chunk.text,
    }
