import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import ChunkKind, Line, OutlineEntry, Page
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.encoder import Encoder
from indexer.layout import find_left_out_lines
from indexer.pdf import read_paper
from tests.papers import Text, lines_down, make_pdf, write

SMALL = ChunkingSettings(max_tokens=24, overlap_sentences=1)


def count_words(texts: Sequence[str]) -> list[int]:
    """A token for a word, and one for each 8 characters of a long one."""
    return [sum(1 + len(word) // 8 for word in text.split()) for text in texts]


def page_of(lines: Sequence[str], number: int = 1) -> Page:
    """A page as PDFium gives it, lines one below the other."""
    text, placed = "", []
    for index, line in enumerate(lines):
        start = len(text)
        text += line
        y = 720 - 14 * index
        placed.append(Line(start, len(text), 72, y, 72 + 5 * len(line), y + 10, font_size=10, bold=False))
        text += "\r\n"
    return Page(number, text, 612, 792, tuple(placed))


def text_of(lines: Sequence[str]) -> str:
    return " ".join(chunk.text for chunk in chunk_pages([page_of(lines)], (), count_words, ChunkingSettings()))


# --- what is embedded ---


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["We com\x02pile a program.", "To compile is slow."], "We compile a program. To compile is slow."),
        (["We read batch\x02sizes of it.", "A batch has sizes."], "We read batch-sizes of it. A batch has sizes."),
        (["from English\x02to-German text"], "from English-to-German text"),
        (["an atten-", "tion layer; attention"], "an attention layer; attention"),
        (["the e\ufb03cient \ufb01le of\u00adfice"], "the efficient file office"),
        (["cafe\u0301  and\tspace\u200b"], "café and space"),
        (["a nul \x00 and a bell \x07"], "a nul and a bell"),
    ],
)
def test_the_embedded_text_is_what_one_would_type(lines: list[str], expected: str) -> None:
    assert text_of(lines) == expected


def test_the_spans_point_into_the_pages_own_text() -> None:
    page = page_of(["First one here.", "We com\x02pile it."])
    (chunk,) = chunk_pages([page], (), count_words, ChunkingSettings())
    (span,) = chunk.spans
    assert (span.page, page.text[span.start : span.end]) == (1, "First one here.\r\nWe com\x02pile it.")


# --- sentences ---


def sentences(*texts: str) -> list[str]:
    lines = [" ".join(texts)]
    exact = ChunkingSettings(max_tokens=max(count_words(texts)), overlap_sentences=0)
    return [chunk.text for chunk in chunk_pages([page_of(lines)], (), count_words, exact)]


def test_chunks_end_at_sentence_ends() -> None:
    parts = ["The quick fox jumped over it all.", "Then it went to sleep at noon!", "Did the dog ever see it run?"]
    assert sentences(*parts) == parts


@pytest.mark.parametrize("end", ["et al. Later", "Fig. 3", "e.g. Here", "i.e. That", "J. Smith", "Eq. 2", "vs. Others"])
def test_an_abbreviation_does_not_end_a_sentence(end: str) -> None:
    first = f"This was shown by {end} in a long and winding text."
    assert sentences(first, "Another sentence follows here and is as long as it.") == [
        first,
        "Another sentence follows here and is as long as it.",
    ]


def test_chinese_full_stops_end_a_sentence() -> None:
    page = page_of(["注意力机制很重要。它改变了一切。"])
    tight = ChunkingSettings(max_tokens=9, overlap_sentences=0)
    chunks = chunk_pages([page], (), lambda texts: [len(text) for text in texts], tight)
    assert [chunk.text for chunk in chunks] == ["注意力机制很重要。", "它改变了一切。"]


def test_neighbouring_chunks_overlap_by_a_whole_sentence() -> None:
    parts = [f"Sentence number {n} has eight words in it." for n in range(9)]
    chunks = chunk_pages([page_of([" ".join(parts)])], (), count_words, SMALL)
    assert len(chunks) > 2
    for before, after in pairwise(chunks):
        last = re.split(r"(?<=\.) ", before.text)[-1]
        assert after.text.startswith(last)


# --- sections and running lines ---


def read(tmp_path: Path, pages: Sequence[Sequence[Text]]) -> list[Page]:
    return list(read_paper(write(tmp_path, "a.pdf", make_pdf(pages))).pages)


def test_a_chunk_does_not_cross_a_numbered_bold_heading(tmp_path: Path) -> None:
    body = ["This is a sentence of the body text, and it is a long one.", "Here is the second sentence of it."] * 2
    lines = [*lines_down(body), Text("2 Results", y=640, bold=True), *lines_down(body, y=620)]
    chunks = chunk_pages(read(tmp_path, [lines]), (), count_words, ChunkingSettings())
    assert [chunk.section for chunk in chunks] == [None, "2 Results"]
    assert chunks[1].text.startswith("2 Results This is a sentence")


def test_a_heading_of_two_bold_lines_and_one_in_capitals_name_their_sections(tmp_path: Path) -> None:
    body = ["This is a sentence of the body text, and it is a long one.", "Here is the second sentence of it."] * 2
    first = [Text("3 On the Length of Very Long and", y=640, bold=True), Text("Winding Headings", y=628, bold=True)]
    lines = [*lines_down(body), *first, *lines_down(body, y=614), Text("IV. METHODS AND MEANS", y=540)]
    chunks = chunk_pages(read(tmp_path, [[*lines, *lines_down(body, y=520)]]), (), count_words, ChunkingSettings())
    assert [chunk.section for chunk in chunks] == [
        None,
        "3 On the Length of Very Long and Winding Headings",
        "IV. METHODS AND MEANS",
    ]


@pytest.mark.parametrize("line", ["result.", "methods", 'Pr "X > y"', "N = {a}"])
def test_a_line_that_merely_resembles_a_heading_begins_no_section(tmp_path: Path, line: str) -> None:
    body = ["This is a sentence of the body text, and it is a long one.", "Here is the second sentence of it."] * 2
    size = 10 if line[0].islower() else 14
    second = [*lines_down(body), Text(line, y=640, size=size), *lines_down(body, y=620)]
    chunks = chunk_pages(read(tmp_path, [lines_down(body), second]), (), count_words, ChunkingSettings())
    assert {chunk.section for chunk in chunks} == {None}


def test_a_paragraph_in_large_type_is_no_heading(tmp_path: Path) -> None:
    body = ["This is a sentence of the body text, and it is a long one.", "Here is the second sentence of it."] * 6
    large = [
        Text(f"Large type line {word}", y=500 - 16 * n, size=14) for n, word in enumerate(["a", "b", "c", "d", "e"])
    ]
    chunks = chunk_pages(
        read(tmp_path, [lines_down(body), [*lines_down(body), *large]]), (), count_words, ChunkingSettings()
    )
    assert {chunk.section for chunk in chunks} == {None}


def test_a_numbered_heading_without_capitals_in_its_script_is_found(tmp_path: Path) -> None:
    pages = [page_of(["正文在这里。" * 6] * 4)]
    heading = page_of(["3 全局选项", *["正文在这里。" * 6] * 4], 2)
    large = replace(heading.lines[0], font_size=15, bold=True)
    chunks = chunk_pages(
        [*pages, replace(heading, lines=(large, *heading.lines[1:]))], (), count_words, ChunkingSettings()
    )
    assert "3 全局选项" in {chunk.section for chunk in chunks}


def test_the_outline_tells_headings_that_do_not_look_like_one(tmp_path: Path) -> None:
    body = ["This is a sentence of the body text, and it is a long one.", "Here is the second sentence of it."] * 2
    lines = lines_down([*body, "what we found", *body])
    outline = [OutlineEntry("What We Found", 1, 1)]
    chunks = chunk_pages(read(tmp_path, [lines]), outline, count_words, ChunkingSettings())
    assert [chunk.section for chunk in chunks] == [None, "what we found"]


def test_headers_footers_and_page_numbers_are_in_no_chunk_and_all_else_is(tmp_path: Path) -> None:
    words = ["Alpha", "Bravo", "Charlie", "Delta"]
    pages = [
        [
            Text(f"Journal of Tests, volume {n}", y=760, size=8),
            *lines_down([f"{word} stands on this page alone.", f"Nothing but {word}.", f"Then {word} ends."]),
            Text(str(n), x=300, y=30),
        ]
        for n, word in enumerate(words, start=1)
    ]
    text = " ".join(chunk.text for chunk in chunk_pages(read(tmp_path, pages), (), count_words, ChunkingSettings()))
    assert "Journal" not in text
    assert all(text.count(word) >= 3 for word in words)
    assert not re.search(r"\d", text)


def test_text_at_the_edge_of_a_page_stays_though_it_looks_like_a_header_or_a_number(tmp_path: Path) -> None:
    texts = ["Every process executes this.", "Alpha runs.", "Bravo waits.", "Charlie ends.", "Delta too.", "2007."]
    pages = [lines_down([f"{text} {n}" if n % 5 else text for text in texts]) for n in range(1, 11)]
    pages[3] = lines_down([*texts[1:], "1996"])
    text = " ".join(chunk.text for chunk in chunk_pages(read(tmp_path, pages), (), count_words, ChunkingSettings()))
    assert "2007." in text
    assert "1996" in text
    captions = [lines_down(["Table 4: Accuracy", *texts[1:]] if n < 3 else [f"{n} zebras", *texts]) for n in range(12)]
    kept = chunk_pages(read(tmp_path, captions), (), count_words, ChunkingSettings())
    assert " ".join(chunk.text for chunk in kept).count("Table 4: Accuracy") == 3


def test_alike_lines_at_different_heights_are_text(tmp_path: Path) -> None:
    pages = [
        [*lines_down([f"Step {n + count} follows." for n in range(length)]), Text(str(number), x=300, y=30)]
        for number, count, length in ((1, 0, 40), (2, 40, 7))
    ]
    chunks = chunk_pages(read(tmp_path, pages), (), count_words, ChunkingSettings())
    text = " ".join(chunk.text for chunk in chunks)
    assert [n for n in range(47) if f"Step {n} follows." not in text] == []


def test_a_passage_over_a_page_break_has_a_span_on_each_page() -> None:
    pages = [page_of(["A sentence that begins here"], 1), page_of(["and ends on the next page."], 2)]
    (chunk,) = chunk_pages(pages, (), count_words, ChunkingSettings())
    assert chunk.text == "A sentence that begins here and ends on the next page."
    assert [span.page for span in chunk.spans] == [1, 2]


# --- for any text at all ---

any_line = st.text(
    st.one_of(st.characters(exclude_characters="\r\n"), st.sampled_from("abc .!?-\x02\u200b\u00ad。1")), max_size=60
)
any_pages = st.lists(st.lists(any_line, max_size=12), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(any_pages, st.integers(32, 60))
def test_every_visible_character_is_in_a_chunk_and_no_chunk_is_too_long(lines: list[list[str]], limit: int) -> None:
    pages = [page_of(on_page, number) for number, on_page in enumerate(lines, start=1)]
    chunks = chunk_pages(pages, (), count_words, ChunkingSettings(max_tokens=limit))
    assert all(tokens <= limit for tokens in count_words([chunk.text for chunk in chunks]))
    left_out = find_left_out_lines(pages)
    covered: dict[int, set[int]] = {page.number: set() for page in pages}
    for chunk in chunks:
        for span in chunk.spans:
            assert 0 <= span.start < span.end <= len(pages[span.page - 1].text)
            covered[span.page].update(range(span.start, span.end))
    for page in pages:
        for line in page.lines:
            if (page.number, line.start) in left_out:
                continue
            for index in range(line.start, line.end):
                assert index in covered[page.number] or not _shows(page.text[index]), repr(page.text[index])


def _shows(character: str) -> bool:
    from indexer.text import Vocabulary, normalise_text

    return bool(normalise_text(character, Vocabulary(())))


@pytest.mark.parametrize("text", ["x" * 10_000, "\u200b" * 5000 + "end", "字" * 3000, "\ufdfa" * 500, "a\x02" * 2000])
def test_a_text_without_spaces_still_keeps_the_limit_of_the_real_tokenizer(minilm: Encoder, text: str) -> None:
    chunks = chunk_pages([page_of([text])], (), minilm.count_tokens, ChunkingSettings())
    assert chunks
    assert max(minilm.count_tokens([chunk.text for chunk in chunks])) <= 200


def test_real_papers_keep_the_limit_and_have_hardly_a_fragment(minilm: Encoder, shared_data: Path) -> None:
    tokens: list[int] = []
    for path in sorted((shared_data / "pdfs" / "papers").rglob("*.pdf"))[::9]:
        paper = read_paper(path)
        chunks = chunk_pages(paper.pages, paper.outline, minilm.count_tokens, ChunkingSettings())
        tokens += minilm.count_tokens([chunk.text for chunk in chunks if chunk.kind is ChunkKind.BODY])
    assert len(tokens) > 300
    assert max(tokens) <= 200
    assert sum(count < 20 for count in tokens) <= 0.01 * len(tokens)
