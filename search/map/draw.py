"""Draw a model version's map of the library, or bring it up to date: a job of the worker."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlite_utils import Database

from core.errors import LibraryError
from core.people import for_everybody
from core.settings import Settings
from core.types import Job
from search.map.groups import group_papers, join_groups, name_groups
from search.map.layout import lay_out
from search.map.places import Places, fit_upon, middle, place_near
from search.map.samples import MOST_PASSAGES, Sample, take_sample
from storage import maps, models
from storage.database import open_database
from storage.maps import PaperPlace, PassagePlace, StoredMap
from storage.progress import Progress

# Beyond this share of newcomers or of gaps the map is laid out anew.
_MOST_CHANGED = 0.3


@for_everybody
def run_map(settings: Settings, job: Job, progress: Progress) -> dict[str, Any]:
    """Make the map of the version that the job names; `{"model_id": id}`."""
    progress.report("reading the passages' vectors")
    with open_database(settings.database) as db:
        version = models.version_or_active(db, job.params.get("model_id"))
        if version is None:
            raise LibraryError("This library has no model yet. Add a paper first.")
        mark = maps.version_mark(db, version)
        sample = take_sample(db, version)
        before = maps.load_map(db, version.id)
        if before is not None and (before.fingerprint != version.fingerprint or job.params.get("anew")):
            before = None
        active = models.active_model(db)
        model_of = maps.load_map(db, active.id) if active is not None and active.id != version.id else None
        texts = _texts_of(db, sample)
    progress.report("laying out", item=f"{len(sample.papers)} papers, {len(sample.chunk_ids)} passages")
    papers, passages = _draw(sample, before, model_of)
    progress.report("naming the groups")
    names = name_groups([paper.group for paper in papers], texts) if len(papers) > 1 else {}
    with open_database(settings.database) as db:
        maps.store_map(db, version, mark, papers, passages, names)
    return {"model_id": version.id}


def _draw(
    sample: Sample, before: StoredMap | None, pattern: StoredMap | None
) -> tuple[list[PaperPlace], list[PassagePlace]]:
    """Places of papers and passages: newcomers placed in the map that is there, or all of it laid out.

    `pattern` is another version's map, after which this one is turned, so that both can be compared at a glance.
    """
    vectors, ids = sample.paper_vectors(), sample.papers
    if before is not None and _is_near(before, sample):
        places = _place_newcomers(sample, before)
        kept = {paper.document_id: paper for paper in before.papers}
        known = [row for row, paper in enumerate(ids) if paper in kept]
        groups = join_groups(vectors, vectors[known], [kept[ids[row]].group for row in known])
        groups = [kept[paper].group if paper in kept else group for paper, group in zip(ids, groups, strict=True)]
        laid_out = [paper in kept and kept[paper].laid_out for paper in ids]
    else:
        places = _lay_out_all(sample, before or pattern)
        groups, laid_out = group_papers(vectors), [True] * len(ids)
    if not len(places):
        return [], []
    middles = [middle(places[sample.rows_of(paper)]) for paper in ids]
    return (
        [
            PaperPlace(paper, float(x), float(y), group, whole)
            for paper, (x, y), group, whole in zip(ids, middles, groups, laid_out, strict=True)
        ],
        [
            PassagePlace(chunk, document, float(x), float(y))
            for chunk, document, (x, y) in zip(
                sample.chunk_ids.tolist(), sample.document_ids.tolist(), places, strict=True
            )
        ],
    )


def _is_near(before: StoredMap, sample: Sample) -> bool:
    """Whether most of the papers are those that were there when the map was laid out."""
    laid_out = {paper.document_id for paper in before.papers if paper.laid_out}
    newcomers = [paper for paper in sample.papers if paper not in laid_out]
    return bool(laid_out) and len(newcomers) <= _MOST_CHANGED * len(laid_out)


def _known_places(sample: Sample, before: StoredMap) -> tuple[np.ndarray, Places]:
    """Rows of the sample that have a place on the map already, and these places."""
    known = {place.chunk_id: (place.x, place.y) for place in before.passages}
    rows = [row for row, chunk in enumerate(sample.chunk_ids.tolist()) if chunk in known]
    return np.array(rows, int), np.array([known[int(sample.chunk_ids[row])] for row in rows], np.float32).reshape(-1, 2)


def _place_newcomers(sample: Sample, before: StoredMap) -> Places:
    rows, known = _known_places(sample, before)
    return _fill_in(sample, rows, known)


def _lay_out_all(sample: Sample, pattern: StoredMap | None) -> Places:
    """All of it laid out, the picture begun from the pattern's and turned to it; what is beyond the bound is placed."""
    rows = _landmarks(len(sample.chunk_ids))
    start = None
    if pattern is not None and pattern.passages:
        known_rows, known = _known_places(sample, pattern)
        if len(known_rows) > 1:
            start = _fill_in(sample, known_rows, known)
    laid_out = lay_out(sample.vectors[rows], None if start is None else start[rows])
    places = _fill_in(sample, rows, laid_out)
    return places if start is None else fit_upon(places, start)(places)


def _fill_in(sample: Sample, rows: np.ndarray, known: Places) -> Places:
    """Places of the whole sample, of which these rows have theirs."""
    places = np.zeros((len(sample.vectors), 2), np.float32)
    others = np.setdiff1d(np.arange(len(places)), rows)
    places[rows] = known
    places[others] = place_near(sample.vectors[others], sample.vectors[rows], known)
    return places


def _landmarks(many: int) -> np.ndarray:
    return np.unique(np.linspace(0, max(many - 1, 0), min(many, MOST_PASSAGES)).round().astype(int))


def _texts_of(db: Database, sample: Sample) -> Sequence[str]:
    """A text for each paper, of its title and the passages chosen of it."""
    texts = []
    for paper in sample.papers:
        chosen = sample.chunk_ids[sample.rows_of(paper)].tolist()
        rows = [db.conn.execute("SELECT text FROM chunks WHERE id = ?", [chunk]).fetchone() for chunk in chosen]
        title = db.conn.execute("SELECT title FROM known_metadata WHERE document_id = ?", [paper]).fetchone()
        texts.append(" ".join(row[0] for row in (title, *rows) if row is not None))
    return texts
