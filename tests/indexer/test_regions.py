from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.types import Chunk, ChunkKind
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.pdf import read_paper
from tests.papers import Text, lines_down, make_pdf, write

LEFT, RIGHT = 72, 330
BODY = [
    "The client waits a further interval that is",
    "called the grace period, by default 45 seconds,",
    "and asks the master again when it is over.",
] * 4
BEFORE = [*BODY, "If both exchange a successful KeepAlive be-"]
AFTER = ["fore the end of that period, the client enables", "its cache once more, as it had been before.", *BODY]
WHOLE = "KeepAlive before the end of that period, the client enables its cache once more"


def read(tmp_path: Path, pages: Sequence[Sequence[Text]]) -> list[Chunk]:
    paper = read_paper(write(tmp_path, "a.pdf", make_pdf(pages)))
    return chunk_pages(
        paper.pages, (), lambda texts: [len(text.split()) for text in texts], ChunkingSettings(max_tokens=400)
    )


def texts(chunks: Sequence[Chunk], kind: ChunkKind) -> str:
    return " ".join(chunk.text for chunk in chunks if chunk.kind is kind)


def labels(words: Sequence[str], y: float, x: float = RIGHT) -> list[Text]:
    return [Text(word, x=x + 60 * (number % 3), y=y - 11 * (number // 3), size=7) for number, word in enumerate(words)]


def test_a_sentence_goes_on_over_a_figure_and_its_caption_in_the_next_column(tmp_path: Path) -> None:
    figure = labels(["lease M3", "no master", "lease M1", "jeopardy", "safe"], 720)
    caption = Text("Figure 2: The role of the period", x=RIGHT + 20, y=680)
    chunks = read(tmp_path, [[*lines_down(BEFORE, x=LEFT), *figure, caption, *lines_down(AFTER, x=RIGHT, y=650)]])
    assert WHOLE in texts(chunks, ChunkKind.BODY)
    assert "lease" not in texts(chunks, ChunkKind.BODY)
    assert texts(chunks, ChunkKind.CAPTION) == "Figure 2: The role of the period"
    assert texts(chunks, ChunkKind.FIGURE) == "lease M3 no master lease M1 jeopardy safe"


def test_a_sentence_goes_on_over_a_table_on_the_next_page(tmp_path: Path) -> None:
    caption = lines_down(["Table 1. Latency in milliseconds, over ten runs of the", "whole benchmark."], x=LEFT)
    table = labels(["system", "median", "p95", "ours", "3", "7", "theirs", "4", "9"], 690, x=LEFT)
    second = [*caption, *table, *lines_down(AFTER, x=LEFT, y=630)]
    chunks = read(tmp_path, [lines_down(BEFORE, x=LEFT), second])
    assert WHOLE in texts(chunks, ChunkKind.BODY)
    assert texts(chunks, ChunkKind.CAPTION).endswith("over ten runs of the whole benchmark.")
    assert texts(chunks, ChunkKind.TABLE) == "system median p95 ours 3 7 theirs 4 9"


def test_a_caption_goes_on_below_a_row_that_a_formula_cuts_into_pieces(tmp_path: Path) -> None:
    figure = labels(["Document 1", "Document 2", "BOS", "The Sun"], 720, x=LEFT)
    row = [
        Text("Figure 2: The posterior p(z", x=LEFT, y=680),
        Text("i", x=199, y=677, size=6),
        Text("| x, y", x=203, y=680),
        Text("i", x=229, y=677, size=6),
        Text(") for each token generated for the input Hem-", x=233, y=680),
    ]
    tail = lines_down(["ingway, with five documents. The posterior is high for the first of all those documents, and"])
    tail += lines_down(["lower for the second."], y=706)
    caption = [*row, *(replace(line, y=line.y - 54) for line in tail)]
    body = lines_down([f"{sentence} {sentence.lower()}" for sentence in BODY], y=600)
    chunks = read(tmp_path, [[*figure, *caption, *body]])
    assert texts(chunks, ChunkKind.CAPTION).startswith("Figure 2: The posterior p(z")
    assert "input Hemingway, with" in texts(chunks, ChunkKind.CAPTION)
    assert texts(chunks, ChunkKind.CAPTION).endswith("lower for the second.")
    assert texts(chunks, ChunkKind.BODY).startswith("The client waits")


@pytest.mark.parametrize(
    "foot",
    [
        ["1 See https://example.org for the code of it,", "which is free for all."],
        ["1lucene.apache.org", "2github.com/example/index"],
        ["* Equal contribution, in alphabetical order."],
        ["Permission to make digital or hard copies of this", "is granted without fee. Copyright 2010 ACM."],
    ],
)
def test_a_sentence_goes_on_over_footnotes_and_notices_at_the_foot_of_a_column(tmp_path: Path, foot: list[str]) -> None:
    notes = [Text(text, x=LEFT, y=520 - 9 * number, size=8) for number, text in enumerate(foot)]
    chunks = read(tmp_path, [[*lines_down(BEFORE, x=LEFT), *notes, *lines_down(AFTER, x=RIGHT)]])
    assert WHOLE in texts(chunks, ChunkKind.BODY)
    assert texts(chunks, ChunkKind.FOOTNOTE) == " ".join(foot)


def test_a_stamp_in_the_margin_is_no_part_of_the_text(tmp_path: Path) -> None:
    stamp = Text("arXiv:1004.4240v1 [cs.DS] 23 Apr 2010", x=30, y=300, upright=True)
    chunks = read(tmp_path, [[stamp, *lines_down(BODY)]])
    assert "arXiv" not in texts(chunks, ChunkKind.BODY)
    assert texts(chunks, ChunkKind.FOOTNOTE).startswith("arXiv:1004.4240v1")


def test_a_line_of_a_paragraph_that_begins_like_a_caption_is_text(tmp_path: Path) -> None:
    lines = [*BODY, "The shape of the function is given in", "Figure 2. It is defined like the others are.", *BODY]
    chunks = read(tmp_path, [lines_down(lines)])
    assert {chunk.kind for chunk in chunks} == {ChunkKind.BODY}
    begins = [*lines_down(BODY), *lines_down(["Figure 4 shows the growth over time of the use.", *BODY], y=520)]
    assert {chunk.kind for chunk in read(tmp_path, [begins])} == {ChunkKind.BODY}


def test_the_end_of_a_paragraph_and_a_formula_above_a_figure_are_text(tmp_path: Path) -> None:
    figure = labels(["lease M3", "no master", "lease M1"], 490, x=LEFT)
    caption = Text("Figure 2: The role of the period", x=LEFT, y=460)
    formula = Text("x = y + z", x=LEFT + 80, y=538)
    ending = [*lines_down([*BODY, "once more."], y=720), formula]
    sentence = Text("Here it is given that all of these are numbers.", x=LEFT, y=520)
    chunks = read(tmp_path, [[*ending, sentence, *figure, caption, *lines_down(AFTER, y=430)]])
    body = texts(chunks, ChunkKind.BODY)
    assert "once more. x = y + z Here it is given that all of these are numbers. fore the end" in body


def test_references_are_told_from_the_text(tmp_path: Path) -> None:
    entries = [f"[{n}] A. Author and B. Writer. A paper about the things. 199{n}." for n in range(5)]
    lines = [*lines_down(BODY), Text("References", y=530, bold=True, size=12), *lines_down(entries, y=510)]
    chunks = read(tmp_path, [lines])
    assert "[3] A. Author" in texts(chunks, ChunkKind.REFERENCE)
    assert "Author" not in texts(chunks, ChunkKind.BODY)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("papers-we-love/the-chubby-lock-service*", "a successful KeepAlive before the end of the client’s grace"),
        ("FlagEmbedding/BGE_M3.pdf", "them imperative components for information retrieval (IR). One common form"),
        ("papers-we-love/a-sparse-johnson*", "n vectors in d-dimensional space can be mapped into an O("),
    ],
)
def test_in_real_papers_sentences_go_on_over_figures_and_notices(shared_data: Path, name: str, sentence: str) -> None:
    (path,) = (shared_data / "pdfs" / "papers").glob(name)
    paper = read_paper(path)
    chunks = chunk_pages(
        paper.pages, paper.outline, lambda texts: [len(text.split()) for text in texts], ChunkingSettings(400)
    )
    assert sentence in texts(chunks, ChunkKind.BODY)
