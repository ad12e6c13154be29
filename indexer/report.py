"""What was read of a document: each page with its source, and what may be wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from core.types import Document, Page, PageSource, StoredChunk
from indexer.quality import page_quality
from storage import library
from storage.pages import pages_of_document

# Of a page's visible characters, in passages: headers, footers and page numbers are left out of every page.
_LOW_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class PageReport:
    """`covered` is the share of the page's visible characters that stand in a passage, None where it has none."""

    number: int
    source: PageSource
    reason: str | None
    characters: int
    covered: float | None
    problems: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Why it is empty or failed, and what may be wrong with it."""
        return ((self.reason,) if self.reason else ()) + self.problems


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """`tokens_past_window` are those of its passages that the model in use does not read."""

    document: Document
    pages: tuple[PageReport, ...]
    tokens_past_window: int

    def count(self, source: str) -> int:
        """How many of its pages were read so."""
        return sum(page.source == source for page in self.pages)


def make_report(
    db: Database, document_id: int, count_tokens: Callable[[Sequence[str]], list[int]], window: int
) -> DocumentReport:
    """The report on a document that was read; `window` is how many tokens of a passage the model reads."""
    document = library.get_document(db, document_id)
    chunks = library.chunks_of_document(db, document_id)
    pages = tuple(_report_page(page, chunks) for page in pages_of_document(db, document_id))
    past = sum(max(tokens - window, 0) for tokens in count_tokens([chunk.text for chunk in chunks]))
    return DocumentReport(document, pages, past)


def _report_page(page: Page, chunks: Sequence[StoredChunk]) -> PageReport:
    visible = {index for index, character in enumerate(page.text) if not character.isspace()}
    spans = [span for chunk in chunks for span in chunk.spans if span.page == page.number]
    inside = {index for span in spans for index in range(span.start, span.end)} & visible
    covered = len(inside) / len(visible) if visible else None
    problems = []
    if unreadable := len(page_quality(page).unreadable_lines):
        problems.append(f"{unreadable} lines can't be read and are left out")
    elif covered is not None and covered < _LOW_SHARE:
        problems.append(f"only {covered:.0%} of its text is in passages")
    return PageReport(page.number, page.source, page.reason, len(visible), covered, tuple(problems))
