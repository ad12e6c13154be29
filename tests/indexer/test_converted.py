"""Papers in other formats: converted by pandoc, in blocks on pages, cut into passages whose offsets are exact."""

import subprocess
from pathlib import Path

import pypandoc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ReadError
from core.formats import DocumentFormat, format_of
from core.types import BlockKind, Chunk, ChunkKind, PaperFile, PaperText
from indexer.chunking import ChunkingSettings, chunk_pages
from indexer.converted import lay_out
from indexer.pandoc import Draft
from indexer.reader import ReadLimits, read_paper_isolated
from indexer.text import Vocabulary, normalise_text
from tests.papers import write

PAPER = """---
title: On the Bending of Light
author: [Ada Lovelace, Bob Ray]
date: March 1919
abstract: We bend light.
---

# Introduction

Gravity bends the path of light near a star.[^1] It is *deflected* by $\\theta = 4GM/c^2b$.

[^1]: As Soldner saw in 1801.

- Photons have no mass.
- They are deflected all the same.

| star | angle |
|------|-------|
| Sun  | 1.75  |

: Angles of deflection.

# References

Soldner, J. G. On the deflection of a light ray. 1801.

Eddington, A. S. A determination of the deflection of light by the Sun's gravitational field. 1920.
"""
FORMATS = [DocumentFormat.DOCX, DocumentFormat.ODT, DocumentFormat.EPUB, DocumentFormat.HTML, DocumentFormat.LATEX]


def save_as(folder: Path, format: DocumentFormat, markdown: str = PAPER) -> Path:
    """The paper in this format, as pandoc writes it."""
    path = folder / f"paper.{format}"
    writer = {DocumentFormat.LATEX: "latex", DocumentFormat.MARKDOWN: "markdown"}.get(format, str(format))
    command = [pypandoc.get_pandoc_path(), "--from", "markdown", "--to", writer, "--standalone", "--output", str(path)]
    subprocess.run([*command, "--metadata", "lang=en"], input=markdown.encode(), check=True, capture_output=True)
    return path


def read(path: Path, format: DocumentFormat, limits: ReadLimits | None = None) -> PaperText:
    return read_paper_isolated(PaperFile(path, path.name, format), limits or ReadLimits())


def chunk(paper: PaperText, max_tokens: int = 60) -> list[Chunk]:
    settings = ChunkingSettings(max_tokens=max_tokens)
    return chunk_pages(paper.pages, paper.outline, lambda texts: [len(text.split()) for text in texts], settings)


@pytest.mark.parametrize("format", FORMATS)
def test_a_paper_says_the_same_in_every_format(tmp_path: Path, format: DocumentFormat) -> None:
    paper = read(save_as(tmp_path, format), format)
    assert paper.metadata.title == "On the Bending of Light"
    text = "\n".join(page.text for page in paper.pages)
    assert "Gravity bends the path of light near a star. It is deflected by" in text
    assert "As Soldner saw in 1801." in text
    kinds = {block.kind for page in paper.pages for block in page.blocks}
    assert {BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.ITEM, BlockKind.TABLE, BlockKind.FOOTNOTE} <= kinds
    chunks = chunk(paper)
    (body,) = [one for one in chunks if "Gravity bends" in one.text]
    assert (body.section, body.kind) == ("Introduction", ChunkKind.BODY)
    assert "Soldner" not in body.text
    (footnote,) = [one for one in chunks if "Soldner saw" in one.text]
    assert footnote.kind is ChunkKind.FOOTNOTE
    (table,) = [one for one in chunks if "1.75" in one.text]
    assert table.kind is ChunkKind.TABLE
    (reference,) = [one for one in chunks if "deflection of a light ray" in one.text]
    assert reference.kind is ChunkKind.REFERENCE


@pytest.mark.parametrize("format", [DocumentFormat.HTML, DocumentFormat.LATEX, DocumentFormat.DOCX, DocumentFormat.ODT])
def test_what_a_file_declares_of_itself_is_known(tmp_path: Path, format: DocumentFormat) -> None:
    metadata = read(save_as(tmp_path, format), format).metadata
    assert metadata.authors == ("Ada Lovelace", "Bob Ray")
    assert metadata.year == 1919 or format is DocumentFormat.HTML


@pytest.mark.parametrize("declared", ["On the Bending of Light", "On the bending of light · Star Notes"])
def test_a_title_that_the_text_has_too_is_read_once(tmp_path: Path, declared: str) -> None:
    body = "<body><h1>On the Bending of Light</h1><p>It bends.</p></body>"
    page = f"<html><head><title>{declared}</title></head>{body}</html>"
    paper = read(write(tmp_path, "a.html", page.encode()), DocumentFormat.HTML)
    assert paper.pages[0].text == "On the Bending of Light\n\nIt bends."
    assert paper.metadata.title == declared


def test_an_opendocument_text_without_a_title_of_its_own_has_that_of_its_file(tmp_path: Path) -> None:
    import zipfile

    path, bare = save_as(tmp_path, DocumentFormat.ODT), tmp_path / "bare.odt"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(bare, "w") as target:
        for name in archive.namelist():
            target.writestr(name, archive.read(name).replace(b'text:style-name="Title"', b'text:style-name="P1"'))
    assert read(bare, DocumentFormat.ODT).metadata.title == "On the Bending of Light"


def test_each_slide_is_a_page(tmp_path: Path) -> None:
    slides = "# First\n\nLight is bent.\n\n# Second\n\nBy gravity.\n"
    pages = read(save_as(tmp_path, DocumentFormat.PPTX, slides), DocumentFormat.PPTX).pages
    assert ["Light is bent." in page.text for page in pages] == [True, False]
    assert "By gravity." in pages[1].text


def test_a_text_file_is_its_paragraphs_whatever_its_encoding(tmp_path: Path) -> None:
    first = "L'élève à l'école répète ses leçons.\nUne deuxième ligne, très bien écrite, avec des caractères accentués."
    second = "Un autre paragraphe, où l'on apprend à lire et à écrire après être allé à la bibliothèque."
    text = f"{first}\n\n\n{second}\n".replace("\n", "\r\n")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        paper = read(write(tmp_path, "a.txt", text.encode(encoding)), DocumentFormat.TEXT)
        (page,) = paper.pages
        paragraphs = [page.text[block.start : block.end] for block in page.blocks]
        assert paragraphs == [first, second]


def test_every_passage_stands_where_its_offsets_say(tmp_path: Path) -> None:
    long = "\n\n".join(
        f"# Part {n}\n\n" + " ".join(f"Sentence {m} of part {n} ends here." for m in range(60)) for n in range(9)
    )
    paper = read(write(tmp_path, "a.md", long.encode()), DocumentFormat.MARKDOWN)
    assert len(paper.pages) > 4
    texts = {page.number: page.text for page in paper.pages}
    chunks = chunk(paper)
    for one in chunks:
        marked = "\n".join(texts[span.page][span.start : span.end] for span in one.spans)
        assert normalise_text(marked, Vocabulary(())) == one.text
    covered = {(span.page, index) for one in chunks for span in one.spans for index in range(span.start, span.end)}
    visible = {
        (n, index) for n, text in texts.items() for index, character in enumerate(text) if not character.isspace()
    }
    assert visible <= covered


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=8000), st.sampled_from(BlockKind)), max_size=12))
def test_laying_out_keeps_every_visible_character_in_order(blocks: list[tuple[str, BlockKind]]) -> None:
    pages = lay_out([Draft(text, kind, 1) for text, kind in blocks])
    for page in pages:
        assert all(page.text[block.start : block.end] for block in page.blocks)
    laid_out = "".join(page.text[block.start : block.end] for page in pages for block in page.blocks)
    assert "".join(laid_out.split()) == "".join("".join(text for text, _ in blocks).split())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.docx", b"PK\x03\x04 and then nothing", "can't be converted"),
        ("a.docx", b"plain text", "is not a .docx file"),
        ("a.epub", b"", "is empty"),
        ("a.tex", b"\\documentclass{article}\\begin{document}\\end{document}", "has no text"),
        ("a.html", b"<div>" * 60_000 + b"deep", "'a.html'"),
        ("a.md", b"> " * 9000 + b"deep", "not converted within 1 seconds"),
    ],
)
def test_what_can_not_be_read_is_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ReadError, match=said) as failure:
        read(path, format_of(content, name), ReadLimits(seconds=3, megabytes=700))
    assert "\n" not in str(failure.value)


def test_a_file_can_not_take_in_another_of_the_machine(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.txt", b"the secret word is swordfish")
    tex = write(tmp_path, "a.tex", f"\\begin{{document}}Seen: \\input{{{secret}}}\\end{{document}}".encode())
    html = write(
        tmp_path, "a.html", f"<p>Seen: <iframe src='file://{secret}'></iframe><object data='{secret}'>".encode()
    )
    for path, format in ((tex, DocumentFormat.LATEX), (html, DocumentFormat.HTML)):
        text = "".join(page.text for page in read(path, format).pages)
        assert "Seen" in text
        assert "swordfish" not in text


def test_a_bomb_fails_within_its_limits(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as target:
            for _ in range(400):
                target.write(b"<w:p>" * (1 << 18))
    with pytest.raises(ReadError, match="'bomb.docx'"):
        read(path, DocumentFormat.DOCX, ReadLimits(seconds=15, megabytes=600))
