"""Files made to harm, all in one ingest: see tests/hostile.py; benchmarks/hostile.py does the same with any folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.types import DocumentState
from indexer.ingest import add_file
from search.searcher import Searcher, SearchRequest
from storage import library
from storage.database import open_database
from tests import hostile
from tests.libraries import make_library, topic_paper, work
from tests.papers import write

# So long that no machine is so busy: what ends by its time is in tests/indexer/test_reader.py.
SECONDS, MEGABYTES = 600, 400
FILES = {
    "nested arrays": hostile.nested_arrays(100_000),
    "page tree in itself": hostile.page_tree_in_itself(),
    "deep page tree": hostile.deep_page_tree(5_000),
    "page tree that boasts": hostile.page_tree_that_boasts(),
    "outline in itself": hostile.outline_in_itself(),
    "form in itself": hostile.form_in_itself(),
    "10,000 pages": hostile.many_pages(10_000),
    "flate bomb": hostile.flate_bomb(1_000),
    "100 MB of text": hostile.much_text(100),
    "..": topic_paper(1),
    "bell \a, line\n, back \b, \x7f and \u202efdp.exe": topic_paper(2),
    "$(touch owned); `touch owned` & | > owned": topic_paper(3),
    "-rf": topic_paper(4),
}


@pytest.mark.slow
def test_each_is_ready_or_failed_with_a_sentence_and_the_library_goes_on(tmp_path: Path) -> None:
    settings = make_library(tmp_path / "library", tmp_path / "model")
    settings = replace(settings, read_seconds=SECONDS, read_megabytes=MEGABYTES, ocr=False)
    given = tmp_path / "given"
    given.mkdir()
    for name, content in FILES.items():
        add_file(settings, write(given, f"{name}.pdf", content))
    add_file(settings, write(given, "good.pdf", topic_paper(0)))
    work(settings)
    with open_database(settings.database) as db:
        documents = {document.id: document for document in library.list_documents(db)}
    assert len(documents) == len(FILES) + 1
    for document in documents.values():
        name = document.names[0]
        assert name.isprintable()
        assert "/" not in name
        if document.state is not DocumentState.READY:
            assert document.state is DocumentState.FAILED
            assert document.reason
            assert document.reason.startswith(f"'{name}' ")
            assert "\n" not in document.reason
    reasons = {document.names[0]: document.reason or "" for document in documents.values()}
    for name in ("flate bomb.pdf", "100 MB of text.pdf"):
        assert reasons[name].startswith(f"'{name}' needs more than {MEGABYTES} MB of memory to be read."), reasons
    assert not [reason for reason in reasons.values() if "not read within" in reason]
    failed = {document.names[0].removesuffix(".pdf") for document in documents.values() if document.reason}
    assert failed >= {"flate bomb", "100 MB of text"}
    assert failed <= {"deep page tree", "form in itself", "flate bomb", "100 MB of text"}
    assert {path.name for path in given.iterdir()} == {f"{name}.pdf" for name in (*FILES, "good")}
    hits = Searcher(settings).search(SearchRequest("gravity of kind 0")).hits
    assert hits[0].chunk.file_name == "good.pdf"
