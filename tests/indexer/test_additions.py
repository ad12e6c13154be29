"""Zips, bibliographies of each format, and LaTeX papers of several files, all with real files."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rispy", reason="rispy is not installed; requirements.txt names it")

from sqlite_utils import Database

from core.people import Role, viewing
from core.settings import Settings
from core.types import PaperFile
from indexer.added import Added
from indexer.additions import add_archive, add_bibliography, add_chosen, add_paths
from indexer.child import ReadLimits
from indexer.ingest import add_file
from indexer.reader import read_paper_isolated
from storage import library
from storage.collections import create_collection
from storage.corrections import correct_document
from storage.database import open_database
from storage.people import add_user
from tests.papers import make_paper, write, zipped

RIS = """TY  - JOUR
TI  - On the <i>Bending</i> of Light
AU  - Lovelace, Ada
AU  - van den Berg, Jan
AU  - Smith, John, Jr.
PY  - 1919/03/01
DO  - 10.1000/light
UR  - https://arxiv.org/abs/1901.00001
L1  - {file}
ER  -

TY  - GEN
T1  - Without an end
"""
CSL = {
    "id": "ada",
    "title": "On the Bending of Light",
    "author": [{"given": "Ada", "family": "Lovelace"}, {"literal": "The Royal Society"}],
    "issued": {"date-parts": [["1919", 3]]},
    "DOI": "10.1000/light",
}
MAIN = r"""\documentclass{article} % \input{never}
\title{Of Many Files}\author{Ada Lovelace}
\begin{document}\maketitle
\section{Light} Light is bent, 100\% of it; see \url{http://a/%7Eada}.
\input{parts/waves}
\include{ghost}
\verb|x| \input ../secret
\bibliography{refs}
\end{document}
"""
SOURCES = {
    "paper/main.tex": MAIN.encode(),
    "paper/parts/waves.tex": rb"\section{Waves} Waves are long. \input{parts/deeper.tex}",
    "paper/parts/deeper.tex": rb"Deeper waves are slow. \input{parts/waves}",
    "paper/main.bbl": rb"\begin{thebibliography}{9}\bibitem{a} Soldner, J. On deflection, 1801.\end{thebibliography}",
    "paper/refs.bib": b"@misc{a, title = {On deflection}}",
    "paper/figure.pdf": b"%PDF-1.4 a figure",
    "paper/plot.tex": rb"\documentclass{standalone}\begin{document}x\end{document}",
}


def paper(title: str) -> bytes:
    return make_paper(title, [f"{title} is what this is about."])


def below(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def names(added: Added) -> list[str]:
    return sorted(document.names[0] for document in added.documents.values())


def originals(settings: Settings) -> list[str]:
    with open_database(settings.database) as db:
        return [settings.original(d.sha256, d.format).read_text("utf-8") for d in library.list_documents(db)]


@pytest.mark.parametrize(
    "attached",
    ["files/1/a.pdf", "file:///home/someone/Zotero/a.pdf", r"C:\Users\me\a.pdf", "internal-pdf://123/a.pdf"],
)
def test_a_ris_export_gives_its_papers_what_it_says_of_them(settings: Settings, tmp_path: Path, attached: str) -> None:
    files = {"export/light.ris": RIS.format(file=attached).encode(), "export/files/1/a.pdf": paper("Read")}
    added = add_archive(settings, write(tmp_path, "export.zip", zipped(files)))
    (document,) = added.documents.values()
    assert (document.title, document.year) == ("On the Bending of Light", 1919)
    assert document.authors == ("Ada Lovelace", "Jan van den Berg", "John Smith Jr")
    assert (document.doi, document.arxiv_id) == ("10.1000/light", "1901.00001")
    assert added.refused == ["'light.ris': the end of 1 of its entries is missing (ER  -)."]


def test_csl_items_find_their_papers_by_title_and_then_in_the_library(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path, "Lovelace - 1919 - On the Bending of Light.pdf", paper("Read"))
    items = write(tmp_path, "items.json", json.dumps([CSL, {"id": "shelf", "title": "Only on the shelf"}]).encode())
    added = add_bibliography(settings, items)
    (document,) = added.documents.values()
    assert (document.authors, document.year) == (("Ada Lovelace", "The Royal Society"), 1919)
    assert added.remarks == ["“Only on the shelf” ('shelf') has no PDF attached, so it was left out."]
    alone = write(below(tmp_path, "x"), "i.json", json.dumps([CSL]).encode())
    again = add_bibliography(settings, alone)
    assert again.known == set(again.documents) == {document.id}


def test_what_is_exported_as_csl_or_ris_can_be_imported_again(settings: Settings, tmp_path: Path) -> None:
    from indexer.citations import to_csl, to_ris

    write(tmp_path, "On the Bending of Light.pdf", paper("Read"))
    (document,) = add_bibliography(settings, write(tmp_path, "a.json", json.dumps([CSL]).encode())).documents.values()
    for name, text in (("b.json", to_csl([document])), ("b.ris", to_ris([document]))):
        assert list(add_bibliography(settings, write(tmp_path, name, text.encode())).documents.values()) == [document]


def test_a_bibliography_from_elsewhere_reaches_no_file_but_those_that_came_with_it(
    settings: Settings, tmp_path: Path
) -> None:
    secret = write(tmp_path, "secret.pdf", paper("Secret"))
    for named in (str(secret), "../../secret.pdf", f"x/../../../{tmp_path.name}/secret.pdf"):
        bib = f"@misc{{a, title = {{A}}, file = {{:{named}:PDF}}}}".encode()
        added = add_archive(settings, write(tmp_path, "export.zip", zipped({"a/export.bib": bib})))
        assert added.documents == {}
        assert added.refused == [
            "“A” ('a'): its file 'secret.pdf' is not there. Export the bibliography with its files."
        ]


def test_an_export_dropped_file_by_file_is_put_together(settings: Settings, tmp_path: Path) -> None:
    bib = b"@misc{a, title = {A}, file = {:files/1/a.pdf:PDF}}\n@misc{b, title = {B}, file = {:files/2/same.pdf:PDF}}"
    files = [
        write(tmp_path, "x.bib", bib),
        write(tmp_path, "a.pdf", paper("One")),
        write(tmp_path, "z.pdf", paper("Z")),
    ]
    files += [write(below(tmp_path, name), "same.pdf", paper(name)) for name in ("6", "7")]
    added = add_chosen(settings, files, tmp_path)
    assert names(added) == ["a.pdf", "same.pdf", "same.pdf", "z.pdf"]
    assert added.refused == ["“B” ('b'): 'same.pdf' came 2 times. Add the export as one zip, folders and all."]
    assert sorted(document.title for document in added.documents.values())[0] == "A"


def test_a_zip_of_papers_is_its_papers(settings: Settings, tmp_path: Path) -> None:
    files = {"a/one.pdf": paper("One"), "two.pdf": paper("Two"), "__MACOSX/._two.pdf": b"x", "pic.png": b"y"}
    notes = {"notes/a.md": b"# Notes\n\nLight is bent."}
    paths = [write(tmp_path, "papers.zip", zipped(files)), write(tmp_path, "notes.ZIP", zipped(notes))]
    paths.append(write(tmp_path, "none.zip", zipped({"pic.png": b"y"})))
    added = add_paths(settings, paths)
    assert names(added) == ["a.md", "one.pdf", "two.pdf"]
    assert len(added.refused) == 1
    assert added.refused[0].startswith("'none.zip' holds no paper")
    assert list(settings.uploads.iterdir()) == []


def test_a_latex_paper_of_several_files_is_one_text(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path, "secret.tex", b"the secret word is swordfish")
    added = add_archive(settings, write(tmp_path, "1901.00001.zip", zipped(SOURCES)))
    assert names(added) == ["1901.00001.tex"]
    (text,) = originals(settings)
    assert all(
        said in text for said in ("Waves are long.", "Deeper waves are slow.", "Soldner", "a/%7Eada}.", "100\\%")
    )
    assert "swordfish" not in text
    (document,) = added.documents.values()
    original = settings.original(document.sha256, document.format)
    paper = read_paper_isolated(PaperFile(original, "a.tex", document.format), ReadLimits())
    assert paper.metadata.title == "Of Many Files"
    shown = "\n".join(page.text for page in paper.pages)
    assert "Waves are long. Deeper waves are slow." in shown
    assert "Soldner, J. On deflection, 1801." in shown
    assert added.remarks == [
        "'1901.00001.tex' takes in 3 files that did not come with it, 'parts/waves', 'ghost', '../secret': "
        "what stands there is missing. Add all its sources as one zip."
    ]


def test_a_folder_gives_its_whole_latex_papers_and_no_parts(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    for name, content in SOURCES.items():
        if not name.endswith(".pdf"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    write(folder, "typeset.tex", MAIN.encode())
    write(folder, "typeset.pdf", paper("Typeset"))
    assert names(add_paths(settings, [folder])) == ["main.tex", "typeset.pdf"]


def test_latex_sources_chosen_together_are_one_paper_beside_the_others(settings: Settings, tmp_path: Path) -> None:
    main = rb"\documentclass{article}\begin{document}One. \input{part}\end{document}"
    files = [
        write(tmp_path, "main.tex", main),
        write(tmp_path, "part.tex", b"Two."),
        write(tmp_path, "a.md", b"A note."),
    ]
    assert names(add_chosen(settings, files, tmp_path)) == ["a.md", "main.tex"]


def test_what_no_page_can_show_is_in_no_sentence(settings: Settings, tmp_path: Path) -> None:
    items = [{"id": "k\ud800\0", "title": "A title of some length", "file": "a\ud800\0b.pdf"}]
    files = {"x.json": json.dumps(items).encode(), "other.pdf": paper("Of Tides")}
    added = add_archive(settings, write(tmp_path, "x.zip", zipped(files)))
    assert added.refused == [
        "“A title of some length” ('k'): its file 'ab.pdf' is not there. Export the bibliography with its files."
    ]


def test_a_zip_whose_names_are_no_text_is_refused_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    content = zipped({"ä.md": b"# Light"}).replace("ä".encode(), b"\xff\xff")
    added = add_archive(settings, write(tmp_path, "broken.zip", content))
    assert not added.documents
    assert added.refused[0].startswith("'broken.zip' can't be read as a zip (")


@pytest.mark.parametrize(
    "hostile",
    [
        "\\documentclass{" + " " * 200_000,
        "\\documentclass" + " " * 2_000_000,
        "\\documentclass[" * 200_000,
        "\\begin{comment}" * 200_000,
        "\\printbibliography[" * 200_000,
        "\\documentclass{article}\\begin{document}" + "\\input{a}" * 200_000,
    ],
    ids=["class", "space", "options", "comments", "bibliographies", "inputs"],
)
def test_latex_made_to_keep_its_reader_busy_does_not(settings: Settings, tmp_path: Path, hostile: str) -> None:
    path = write(tmp_path, "main.tex", hostile.encode())
    # In a process of its own, which can be ended where this takes hours.
    code = (
        "import sys; from pathlib import Path; from core.errors import ReadError; from indexer import latex_sources\n"
        "path = Path(sys.argv[1])\n"
        "print(latex_sources.is_whole_paper(path))\n"
        "try: latex_sources.gather(path, path.parent, lambda content, name: content.decode())\n"
        "except ReadError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=600, check=True)
    whole, *refused = done.stdout.splitlines()
    assert whole == str("article" in hostile)
    assert bool(refused) == ("input{" in hostile or "print" in hostile)


def test_latex_without_end_is_refused_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    many = {f"p{n}.tex": (rb"\input{p%d}" % (n + 1)) * 2 for n in range(40)}
    main = {"main.tex": rb"\documentclass{article}\begin{document}\input{p0}\end{document}"}
    added = add_archive(settings, write(tmp_path, "deep.zip", zipped(many | main)))
    assert added.documents == {}
    assert added.refused[0].startswith("'main.tex' takes in more than 32 MB of LaTeX, or without end.")


def bomb(files: int, megabytes: int) -> bytes:
    return zipped({f"{number}.pdf": bytes(megabytes << 20) for number in range(files)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "can't be read as a zip"),
        (zipped({"../../escaped.pdf": b"%PDF-"}), "lies outside of it"),
        (zipped({"/tmp/escaped.pdf": b"%PDF-"}), "lies outside of it"),
        (zipped({"a\\..\\escaped.pdf": b"%PDF-"}), "lies outside of it"),
        (bomb(5, 16), "unpacks to far more"),
        (bomb(1, 40), "has more than 20 MB"),
        (zipped({f"{number}.pdf": b"%PDF-" for number in range(11)}), "holds 11 files, more than 10"),
        (zipped({"a.pdf": b"%PDF-" + b"x" * 4000})[:60], "can't be read as a zip"),
    ],
    ids=("none", "up", "root", "windows", "bomb", "large", "many", "cut off"),
)
def test_a_zip_that_is_none_or_a_trick_is_one_sentence_and_leaves_nothing(
    settings: Settings, tmp_path: Path, content: bytes, said: str
) -> None:
    small = replace(settings, upload_files=10, upload_megabytes=20)
    added = add_archive(small, write(tmp_path, "a.zip", content))
    assert added.documents == {}
    assert len(added.refused) == 1
    assert said in added.refused[0]
    assert "\n" not in added.refused[0]
    assert list(settings.uploads.iterdir()) == []
    assert not list(tmp_path.parent.rglob("escaped.pdf"))


def test_a_bibliography_kept_to_oneself_changes_no_paper_that_others_see(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    shared, _ = add_file(settings, write(tmp_path, "open.pdf", paper("On the Bending of Light")))
    with open_database(settings.database) as rows:
        correct_document(rows, shared.id, {"title": "On the Bending of Light"})
    items = [CSL, {"id": "own", "title": "What I plan to write", "author": [{"literal": "Me"}]}]
    write(tmp_path, "What I plan to write.pdf", paper("Read"))
    with viewing(add_user(db, "anna", Role.ADMIN)):
        with open_database(settings.database) as hers:
            into = create_collection(hers, "Mine", private=True).id
        added = add_bibliography(settings, write(tmp_path, "items.json", json.dumps(items).encode()), into)
    by_title = {document.title: document for document in added.documents.values()}
    assert by_title["On the Bending of Light"].authors == ()
    assert by_title["What I plan to write"].authors == ("Me",)
    assert added.remarks == [
        "“On the Bending of Light” ('ada') is a shared paper, so what 'items.json' says of it was not set."
    ]
    assert library.get_document(db, shared.id).corrected == ("title",)
