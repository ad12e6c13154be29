import json
from dataclasses import replace
from pathlib import Path

from core.formats import DocumentFormat
from core.types import Document, DocumentState, Span, StoredChunk
from indexer.bibtex import read_bibtex
from indexer.citations import cite_passage, to_bibtex, to_csl, to_ris

PAPER = Document(
    id=7,
    sha256="aa",
    format=DocumentFormat.PDF,
    names=("a.pdf",),
    title="On Light & the 100% of {it}",
    authors=("Ada Lovelace", "Guido van Rossum", "Plato"),
    year=1905,
    doi="10.1000/182",
    arxiv_id=None,
    pages=3,
    recognised=0,
    without_text=0,
    chunks=9,
    state=DocumentState.READY,
    locked=False,
    reason=None,
    added_at="2026-01-01",
)
BARE = replace(PAPER, authors=(), year=None, doi=None, arxiv_id="1706.03762")
CHUNK = StoredChunk(1, 7, PAPER.title, "a.pdf", "Gravity bends light.", (Span(2, 0, 9),), None)


def test_a_passage_is_cited_with_its_authors_year_and_page() -> None:
    assert (
        cite_passage(PAPER, CHUNK)
        == "“Gravity bends light.” (Lovelace et al., On Light & the 100% of {it}, 1905, p. 2)"
    )
    assert cite_passage(replace(PAPER, authors=PAPER.authors[:2]), CHUNK).startswith(
        "“Gravity bends light.” (Lovelace and van Rossum, "
    )
    assert cite_passage(BARE, CHUNK).endswith("(On Light & the 100% of {it}, p. 2)")


def test_bibtex_escapes_what_is_special_and_gives_each_paper_its_key() -> None:
    assert to_bibtex([PAPER]) == (
        "@article{lovelace1905light,\n"
        "  title = {{On Light \\& the 100\\% of \\textbraceleft{}it\\textbraceright{}}},\n"
        "  author = {Lovelace, Ada and van Rossum, Guido and Plato},\n"
        "  year = {1905},\n"
        "  doi = {10.1000/182},\n"
        "}\n"
    )
    both = to_bibtex([BARE, BARE])
    assert "@misc{paperlight,\n" in both
    assert "@misc{paperlight-2,\n" in both
    assert "  eprint = {1706.03762},\n  archiveprefix = {arXiv},\n" in both


def test_ris_has_a_line_a_field_and_an_end() -> None:
    assert to_ris([BARE, PAPER]).splitlines() == [
        "TY  - GEN",
        "TI  - On Light & the 100% of {it}",
        "UR  - https://arxiv.org/abs/1706.03762",
        "ER  - ",
        "",
        "TY  - JOUR",
        "TI  - On Light & the 100% of {it}",
        "AU  - Lovelace, Ada",
        "AU  - van Rossum, Guido",
        "AU  - Plato",
        "PY  - 1905",
        "DO  - 10.1000/182",
        "ER  - ",
    ]


def test_csl_is_json_with_names_in_parts() -> None:
    (item,) = json.loads(to_csl([PAPER]))
    assert item["author"][1] == {"given": "Guido", "family": "van Rossum"}
    assert item["author"][2] == {"given": "", "family": "Plato"}
    assert (item["issued"], item["DOI"]) == ({"date-parts": [[1905]]}, "10.1000/182")
    (bare,) = json.loads(to_csl([BARE]))
    assert "author" not in bare
    assert bare["archive_location"] == "1706.03762"


def test_a_lone_brace_takes_no_other_entry_with_it() -> None:
    text = to_bibtex([replace(PAPER, title="On { and"), replace(PAPER, id=8, title="Another } title")])
    depth = 0
    for sign in text:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    read = read_bibtex(text, "a.bib", Path("/nowhere")).entries
    assert [entry.values["title"] for entry in read] == ["On { and", "Another } title"]
