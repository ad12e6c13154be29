from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("bibtexparser", reason="bibtexparser is not installed; requirements.txt names it")

from pylatexenc.latex2text import LatexNodes2Text

from core.errors import ReadError
from core.settings import Settings
from indexer.additions import add_bibliography
from indexer.bibliography import read_bibliography
from indexer.bibtex import _plain_text, pdf_paths
from indexer.child import ReadLimits
from storage import library
from storage.corrections import correct_document
from storage.database import open_database, transaction
from tests.papers import make_paper, write

ZOTERO = r"""
@string{jmlr = "Journal of ML"}
@article{muller_attention_2017,
  title = {{Attention} \& na\"{\i}ve {Transformers}},
  author = {M{\"u}ller, {\'E}mile and {van den Berg}, Jan and Smith, Jr., John and {Barnes and Noble} and others},
  journal = jmlr, year = {2017}, doi = {10.1000/x\_y(1)}, url = {http://arxiv.org/abs/1706.03762},
  file = {Snapshot:files/13/page.html:text/html;Full Text PDF:files/12/Müller - 2017.pdf:application/pdf},
}
@online{date, title = {Dated}, date = {2018-03-01}, eprint = {1801.00001v2}, eprinttype = {arxiv}, file = {b.pdf}}
@misc{preprint, title = {Preprint}, year = {in press}, number = {arXiv:1902.00002}, file = {:c.pdf:PDF}}
@book{shelf, title = {Only on the Shelf}, year = 1999}
@misc{gone, title = {Gone}, file = {Full Text:files/99/gone.pdf:application/pdf}}
@misc{shelf, title = {Second of its key}}
@misc{broken, title = {No end
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "files" / "12").mkdir(parents=True)
    write(folder / "files" / "12", "Müller - 2017.pdf", make_paper("Read one", ["Attention is paid to all words."]))
    write(folder, "b.pdf", make_paper("Read two", ["Dates are told by trees."]))
    write(folder, "c.pdf", make_paper("Read three", ["Presses print."]))
    return write(folder, "export.bib", ZOTERO.encode())


@pytest.mark.parametrize(
    ("attached", "found"),
    [
        (r"Full Text:files/12/a b.pdf:application/pdf;Snapshot:files/13/x.html:text/html", ["/bib/files/12/a b.pdf"]),
        (r"One:a.pdf:application/pdf;Two:b.pdf:application/pdf", ["/bib/a.pdf", "/bib/b.pdf"]),
        (r"a.pdf", ["/bib/a.pdf"]),
        (r"/abs/a\;b.pdf;/abs/c.PDF", ["/abs/a;b.pdf", "/abs/c.PDF"]),
        (r":jab/ref.pdf:PDF", ["/bib/jab/ref.pdf"]),
        (r":home/me/mendeley{\_}a.pdf:pdf", ["/home/me/mendeley_a.pdf"]),
        (r"Full Text:files/1/On\: life.pdf:application/pdf", ["/bib/files/1/On: life.pdf"]),
        (r"PDF:C\:\\Zotero\\x.pdf:application/pdf", ["/bib/C:\\Zotero\\x.pdf"]),
        (r"C:\Users\me\x.pdf", ["/bib/C:\\Users\\me\\x.pdf"]),
        (r":C$\backslash$:/Users/me/x.pdf:pdf", ["/bib/C:/Users/me/x.pdf"]),
        (r"D:\moved\away\here.pdf", ["/bib/here.pdf"]),
        (r"notes.txt;page.html", []),
        (r"", []),
    ],
)
def test_attachments_are_found_in_every_program_s_way_of_writing(attached: str, found: list[str]) -> None:
    paths = list(pdf_paths(attached, Path("/bib")))
    assert len(paths) == len(found)
    for path, candidates in zip(found, paths, strict=True):
        assert Path(path) in candidates


def test_an_entry_says_what_is_known_of_its_paper(export: Path) -> None:
    bibliography = read_bibliography(export, ReadLimits())
    first, dated, preprint, shelf, gone = bibliography.entries
    assert first.values == {
        "title": "Attention & naïve Transformers",
        "authors": ("Émile Müller", "Jan van den Berg", "John Smith Jr.", "Barnes and Noble"),
        "year": 2017,
        "doi": "10.1000/x_y(1)",
        "arxiv_id": "1706.03762",
    }
    assert dated.values == {"title": "Dated", "year": 2018, "arxiv_id": "1801.00001"}
    assert preprint.values == {"title": "Preprint", "arxiv_id": "1902.00002"}
    assert preprint.remarks[0].startswith("'preprint': 'in press' is not a year of a paper.")
    assert (shelf.pdfs, gone.key) == ((), "gone")
    assert [sentence.split(":")[0] for sentence in bibliography.refused] == [
        "'export.bib', line 13",
        "'export.bib', line 14",
    ]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (r"{\textbeta}-decay and {\textLambda} \textit{in vivo}", "β-decay and Λ in vivo"),
        (r"100% of {\LaTeX} & more -- ``quoted''", "100% of LaTeX & more – “quoted”"),
        (r"{\L}ukasz and \v{C}apek: {\aa}{\o}{\ss}", "Łukasz and Čapek: åøß"),
        (r"An $O(n \log n)$ bound", r"An $O(n \log n)$ bound"),
        (r"Bills of $5", "Bills of $5"),
    ],
)
def test_titles_are_told_without_latex(tmp_path: Path, title: str, text: str) -> None:
    path = write(tmp_path, "x.bib", f"@misc{{x, title = {{{title}}}}}".encode())
    assert read_bibliography(path, ReadLimits()).entries[0].values == {"title": text}


def test_odd_names_and_doubled_fields_lose_no_other_entry(tmp_path: Path) -> None:
    odd = "@misc{a, author={A, B, C, D and Last, }, title={x}}\n@misc{b, title={y}, title={z}}\n@misc{c, title={ok}}"
    bibliography = read_bibliography(write(tmp_path, "x.bib", odd.encode()), ReadLimits())
    assert [(entry.key, entry.values["title"]) for entry in bibliography.entries] == [("a", "x"), ("c", "ok")]
    assert "Last" in bibliography.entries[0].values["authors"]
    assert bibliography.refused == (
        "'x.bib', line 2: a field of this entry stands in it twice. Remove one of the two.",
    )


@pytest.mark.parametrize(("opening", "field"), [("{", "title"), ("{", "author"), (r"\emph{", "title")])
def test_an_entry_nested_without_end_is_named_and_loses_no_other(tmp_path: Path, opening: str, field: str) -> None:
    deep = f"{opening * 3000}x{'}' * 3000}"
    text = f"@misc{{a, title={{ok}}}}\n@misc{{deep, {field}={{{deep}}}}}\n@misc{{c, title={{ok}}}}"
    bibliography = read_bibliography(write(tmp_path, "x.bib", text.encode()), ReadLimits())
    assert [entry.key for entry in bibliography.entries] == ["a", "c"]
    assert bibliography.refused == ("'x.bib', line 2: its braces are nested too deeply. Write this entry more simply.",)


@given(st.text(alphabet="abDé1.,:;()/+*=[]|'@\"-\n\t ", max_size=20))
def test_a_text_without_signs_of_latex_is_what_it_stands_for(text: str) -> None:
    told = LatexNodes2Text(math_mode="verbatim").latex_to_text(text)
    assert _plain_text(text) == told


@pytest.mark.slow
def test_ten_thousand_entries_take_no_longer_than_their_number(settings: Settings, tmp_path: Path) -> None:
    """Of a library of 2,000 papers, with 300 files named by titles; the processor's time, whoever else uses it."""
    titles = [f"Of the Light of Star {n}, and What Follows from It" for n in range(10_000)]
    accent = dict.fromkeys(range(0, 10000, 5), r"M{\"u}ller, Jos{\'e}")
    text = "\n".join(
        f"@article{{k{n}, title = {{{title}}}, author = {{{accent.get(n, 'Doe, Jane')} and Smith, J.}}, year = 2001}}"
        for n, title in enumerate(titles)
    )
    for n in range(300):
        write(tmp_path, f"Doe - 2001 - {titles[n].replace(',', '')}.pdf", f"%PDF- {n}".encode())
    with open_database(settings.database) as db, transaction(db):
        for n in range(2000):
            document, _ = library.add_document(db, f"{n:064x}", f"{n}.pdf")
            correct_document(db, document.id, {"title": titles[5000 + n]})
    began = seconds_used()
    found = add_bibliography(settings, write(tmp_path, "export.bib", text.encode()))
    took = seconds_used() - began
    assert (len(found.documents), len(found.known), found.refused) == (2300, 2000, [])
    assert found.remarks[0].startswith("7700 entries of 'export.bib' have no PDF attached")
    assert took < 20


def seconds_used() -> float:
    """What this process and its children have used of a processor."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def test_an_import_adds_what_is_there_and_tells_of_the_rest(settings: Settings, export: Path) -> None:
    found = add_bibliography(settings, export)
    assert [document.names for document in found.documents.values()] == [("Müller - 2017.pdf",), ("b.pdf",), ("c.pdf",)]
    assert any("'gone'): its file 'gone.pdf' is not there." in sentence for sentence in found.refused)
    (left_out,) = found.without_file
    assert left_out.endswith("('shelf') has no PDF attached, so it was left out.")
    assert left_out in found.remarks
    with open_database(settings.database) as db:
        document = library.get_document(db, next(iter(found.documents)))
        assert (document.title, document.year) == ("Attention & naïve Transformers", 2017)
        assert document.corrected == ("arxiv_id", "authors", "doi", "title", "year")
    again = add_bibliography(settings, export)
    assert again.known == set(found.documents)


@pytest.mark.parametrize("content", [b"", b"no bibliography at all", b"\x00\x01\x02"])
def test_a_file_without_entries_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReadError, match="'x.bib' holds no entry"):
        read_bibliography(write(tmp_path, "x.bib", content), ReadLimits())
    with pytest.raises(ReadError, match="'none.bib' can't be opened"):
        read_bibliography(tmp_path / "none.bib", ReadLimits())
