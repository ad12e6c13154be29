"""A map as the page and the command line show it: titles, groups, what is judged; hits on it; two maps compared."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.errors import NotFoundError
from core.types import ModelState, ModelVersion
from search.map.places import Places, neighbours_kept, place_near
from search.map.samples import read_sample
from storage import judgements, library, maps, models
from storage.collections import collections_by_document
from storage.maps import StoredMap
from storage.vectors import count_missing

_NEAREST_SHOWN = 5


def describe_map(db: Database, version: ModelVersion) -> dict[str, Any]:
    """The version's map with all that is told of its points. Raises NotFoundError where it has none yet."""
    stored = _stored(db, version)
    documents = {document.id: document for document in library.list_documents(db)}
    collections = collections_by_document(db)
    judged = judgements.judged_chunks(db)
    judged_in = judgements.count_by_document(db)
    sizes = Counter(place.group for place in stored.papers if place.document_id in documents)
    return {
        "model": {"id": version.id, "name": version.name},
        "made_at": stored.made_at,
        "up_to_date": maps.is_up_to_date(db, version),
        "groups": [
            {"group": group, "name": stored.names.get(group) or f"Group {group + 1}", "papers": sizes[group]}
            for group in sorted(sizes)
        ],
        "papers": [
            {
                "id": place.document_id,
                "title": documents[place.document_id].title,
                "year": documents[place.document_id].year,
                "group": place.group,
                "collections": [one.name for one in collections.get(place.document_id, ())],
                "passages": documents[place.document_id].chunks,
                "judged": judged_in.get(place.document_id, 0),
                "new": not place.laid_out,
                "x": round(place.x, 4),
                "y": round(place.y, 4),
            }
            for place in stored.papers
            if place.document_id in documents
        ],
        "passages": [
            {
                "id": place.chunk_id,
                "paper": place.document_id,
                "judged": judged.get(place.chunk_id),
                "x": round(place.x, 4),
                "y": round(place.y, 4),
            }
            for place in stored.passages
        ],
    }


def place_passages(db: Database, version: ModelVersion, chunk_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Where these passages stand on the version's map, in their order; those that can't be placed are left out."""
    stored = _stored(db, version)
    known = {place.chunk_id: (place.document_id, place.x, place.y) for place in stored.passages}
    unknown = [chunk_id for chunk_id in dict.fromkeys(chunk_ids) if chunk_id not in known]
    if unknown and known:
        chunks = library.chunks_by_id(db, unknown)
        asked = read_sample(db, version, [(chunk.document_id, chunk.id) for chunk in chunks.values()])
        shown = read_sample(db, version, [(place.document_id, place.chunk_id) for place in stored.passages])
        places = _places_of(stored, shown.chunk_ids.tolist())
        found = place_near(asked.vectors, shown.vectors, places)
        for chunk_id, document_id, (x, y) in zip(
            asked.chunk_ids.tolist(), asked.document_ids.tolist(), found.tolist(), strict=True
        ):
            known[chunk_id] = (document_id, x, y)
    return [
        {"id": one, "paper": known[one][0], "x": round(known[one][1], 4), "y": round(known[one][2], 4)}
        for one in chunk_ids
        if one in known
    ]


def compare_maps(db: Database, one: ModelVersion, other: ModelVersion) -> list[dict[str, Any]]:
    """For each paper on both maps the share of its five nearest papers that stay, those that changed most first."""
    samples = []
    for version in (one, other):
        stored = _stored(db, version)
        samples.append(read_sample(db, version, [(place.document_id, place.chunk_id) for place in stored.passages]))
    common = sorted(set(samples[0].papers) & set(samples[1].papers))
    before, after = (sample.paper_vectors()[[sample.papers.index(paper) for paper in common]] for sample in samples)
    kept = neighbours_kept(before, after)
    found = [{"paper": paper, "kept": round(share, 3)} for paper, share in zip(common, kept, strict=True)]
    return sorted(found, key=lambda row: (row["kept"], row["paper"]))


def nearest_papers(db: Database, version: ModelVersion, document_id: int) -> list[int]:
    """The papers most like this one by the version's vectors, the nearest first."""
    stored = _stored(db, version)
    sample = read_sample(db, version, [(place.document_id, place.chunk_id) for place in stored.passages])
    if document_id not in sample.papers:
        return []
    vectors = sample.paper_vectors()
    scores = vectors @ vectors[sample.papers.index(document_id)]
    ranked = [sample.papers[row] for row in (-scores).argsort(kind="stable").tolist()]
    return [paper for paper in ranked if paper != document_id][:_NEAREST_SHOWN]


def versions_to_compare(db: Database) -> list[ModelVersion]:
    """Finished versions of which every passage has a vector, so that they can have a map."""
    ready = [version for version in models.list_models(db) if version.state is ModelState.READY]
    return [version for version in ready if not count_missing(db, version.id)]


def _stored(db: Database, version: ModelVersion) -> StoredMap:
    stored = maps.load_map(db, version.id)
    if stored is None or stored.fingerprint != version.fingerprint:
        raise NotFoundError(f"There is no map of '{version.name}' yet. Draw it first: python -m search map")
    return stored


def _places_of(stored: StoredMap, chunk_ids: Sequence[int]) -> Places:
    place_of = {place.chunk_id: (place.x, place.y) for place in stored.passages}
    return np.array([place_of[chunk_id] for chunk_id in chunk_ids], np.float32).reshape(-1, 2)
