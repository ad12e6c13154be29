"""What the Library tab shows: the papers that are looked for, in an order, each with its state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api.services import Services
from core.people import viewer
from core.types import UNFINISHED, Collection, Document, DocumentState, JobKind
from core.words import holds_words, plain
from indexer.same_work import find_same_works
from storage import judgements, library
from storage.collections import collections_by_document, list_collections
from storage.database import open_database
from storage.equal_passages import count_equal_passages
from storage.left_out import list_left_out
from ui.job_line import TITLES, current_job, render_job, running_job
from ui.render import render

# A row has a dozen buttons; of thousands a browser would make little but those, each second while papers are read.
_MOST_SHOWN = 200

_ORDERS: Mapping[str, Callable[[Document], Any]] = {
    "newest first": lambda one: 0,
    "oldest first": lambda one: one.id,
    "by title": lambda one: plain(one.title),
    "by first author": lambda one: (not one.authors, plain(one.authors[0]) if one.authors else ""),
    "by year, latest first": lambda one: -(one.year or 0),
    "most passages first": lambda one: -one.chunks,
    "failed first": lambda one: one.state is not DocumentState.FAILED,
}
ORDERS = tuple(_ORDERS)


def render_library(services: Services, words: str | None = "", order: str | None = ORDERS[0]) -> str:
    """The papers that have all these words in what is known of them, the first of them in this order.

    Gradio sends None for a field that was not shown yet.
    """
    with open_database(services.settings.database) as db:
        documents = library.list_documents(db)
        same = find_same_works(documents, count_equal_passages(db))
        judged = judgements.count_by_document(db)
        job = render_job(db, current_job(db, JobKind.INGEST))
        collections, collected = list_collections(db), collections_by_document(db)
        left_out = list_left_out(db)
        running = running_job(db)
    found = [one for one in documents if holds_words(_known_of(one, collected.get(one.id, ())), words or "")]
    return render(
        "library.html",
        documents=sorted(found, key=_ORDERS[order or ORDERS[0]])[:_MOST_SHOWN],
        found=len(found),
        total=len(documents),
        judged=judged,
        same=same,
        collections=collections,
        collected=collected,
        by_id={document.id: document for document in documents},
        searchable=sum(document.state is DocumentState.READY for document in documents),
        waiting=sum(document.state in UNFINISHED for document in documents),
        failed=sum(document.state is DocumentState.FAILED for document in documents),
        chunks=sum(document.chunks for document in documents if document.state is DocumentState.READY),
        home=services.settings.home,
        user=viewer(),
        job=job,
        left_out=left_out,
        # Papers are read by the worker, too, once it is through with what it does.
        waits_for=TITLES[running.kind] if running and running.kind is not JobKind.INGEST else "",
    )


def _known_of(one: Document, collections: Sequence[Collection]) -> str:
    parts = [one.title, *one.authors, *one.names, str(one.year or ""), one.doi, one.arxiv_id, one.state]
    return " ".join(filter(None, [*parts, *(collection.name for collection in collections)]))
