from pathlib import Path

import pytest

from core.errors import ImportFormatError
from search.beir import load_labelled_set, rank_by_words


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "p", "text": "one"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "?"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tp\t1\n")
    return tmp_path


def test_a_set_without_splits_is_read_whole(folder: Path) -> None:
    assert load_labelled_set(folder).qrels == {"q": {"p": 1}}


def test_trec_qrels_with_four_columns_are_read_too(folder: Path) -> None:
    (folder / "qrels.tsv").write_text("q\t0\tp\t1\n")
    assert load_labelled_set(folder).qrels == {"q": {"p": 1}}


def test_a_split_that_is_not_there_is_not_replaced_by_the_whole(folder: Path) -> None:
    (folder / "qrels").mkdir()
    with pytest.raises(ImportFormatError, match="qrels/test.tsv"):
        load_labelled_set(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", "{oops\n", "Line 1 .*is not JSON"),
        ("corpus.jsonl", '{"_id": "p", "text": "one"}\n{"id": "p"}\n', "Line 2 .*lacks '_id' or 'text'"),
        ("qrels.tsv", "q\tp\tmany\n", "Line 1 .*is not 'query-id"),
        ("qrels.tsv", "q\tzz\t1\n", "name 'zz'"),
        ("qrels.tsv", "zz\tp\t1\n", "name query 'zz'"),
        ("qrels.tsv", "q\tp\t0\n", "no relevant pair"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ImportFormatError, match=message):
        load_labelled_set(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFormatError, match="no folder"):
        load_labelled_set(tmp_path / "nowhere")


def test_words_of_a_large_set_are_ranked_as_those_of_a_large_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.words.MOST_RANKED", 4)
    passages = {f"p{number}": f"The common thing of kind {number}." for number in range(9)} | {"rare": "A rare thing."}
    assert rank_by_words(passages, {"q": "rare common thing", "none": "the of"}) == {"q": ["rare"], "none": []}
    assert len(rank_by_words(passages, {"q": "common thing"})["q"]) == 9


def test_every_passage_of_a_set_is_found_by_its_words() -> None:
    passages = {"first": "A zyzzyva eats palms.", "last": "Whales sing."}
    assert rank_by_words(passages, {"a": "zyzzyva", "b": "whales"}) == {"a": ["first"], "b": ["last"]}
