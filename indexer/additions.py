"""Add whatever holds papers: files, folders, zips, exported bibliographies, the sources of LaTeX papers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.cli import count
from core.errors import ReadError
from core.formats import FOLDER_SUFFIXES, SUFFIXES
from core.held import held_folder
from core.settings import Settings
from indexer.added import Added
from indexer.archives import is_archive, unpack_papers
from indexer.bib_entries import Bibliography
from indexer.bib_import import import_bibliography
from indexer.bibliography import BIBLIOGRAPHY_SUFFIXES, read_bibliography
from indexer.child import ReadLimits
from indexer.ingest import add_file
from indexer.latex_sources import gather, is_latex, is_whole_paper
from indexer.paper_files import PaperFiles

UPLOAD_SUFFIXES = (*SUFFIXES, ".zip", *BIBLIOGRAPHY_SUFFIXES)
_MOST_NAMED = 3


def belongs_to_others(path: Path) -> bool:
    """Whether the file tells of others, or takes them in: then they are to be added together."""
    return path.suffix.lower() in BIBLIOGRAPHY_SUFFIXES or is_latex(path)


def add_paths(settings: Settings, paths: Sequence[Path], into: int | None = None) -> Added:
    """Add files, zips, and the papers of folders; one that can't be added stops nothing.

    They come into the collection of the id `into`, here and below; into a private one privately.
    """
    added = Added()
    for path in paths:
        if path.is_dir():
            _add_papers(settings, papers_of_folder(path, added), path, added, into)
        elif is_archive(path):
            added.merge(add_archive(settings, path, into))
        else:
            _add_papers(settings, [path], path.parent, added, into)
    return added


def add_archive(settings: Settings, path: Path, into: int | None = None) -> Added:
    """Add what a zip holds: an exported bibliography with its papers, the sources of a LaTeX paper, or papers."""
    with held_folder(settings.uploads) as folder:
        try:
            unpack_papers(settings, path, folder)
        except ReadError as error:
            return Added(refused=[str(error)])
        return _add_unpacked(settings, folder, path.name, into)


def add_bibliography(settings: Settings, path: Path, into: int | None = None) -> Added:
    """Add the papers of an exported bibliography, or of a zip that holds one; raises ReadError where it is none."""
    if is_archive(path):
        return add_archive(settings, path, into)
    bibliography = read_bibliography(path, _limits(settings))
    files = PaperFiles(file for file in sorted(path.parent.iterdir()) if file.is_file())
    return import_bibliography(settings, path.name, bibliography, files, into)


def add_chosen(settings: Settings, files: Sequence[Path], folder: Path, into: int | None = None) -> Added:
    """Add files of one folder that a person chose together: each paper that is no part of another."""
    added = Added()
    found = PaperFiles(files, within=folder)
    for path, bibliography in _read_bibliographies(settings, files, added):
        added.merge(import_bibliography(settings, path.name, bibliography, found, into))
    left = found.left()
    whole = [file for file in left if is_latex(file) and is_whole_paper(file)]
    parts = _add_papers(settings, whole, folder, added, into)
    others = [file for file in left if file not in whole and file.resolve() not in parts]
    _add_papers(settings, others, folder, added, into)
    added.merge(add_paths(settings, [file for file in files if is_archive(file)], into))
    return added


def _add_unpacked(settings: Settings, folder: Path, name: str, into: int | None) -> Added:
    """Add what a zip of this name holds."""
    files = _files_of(folder)
    added = Added()
    bibliographies = _read_bibliographies(settings, files, added)
    papers = [file for file in files if is_latex(file) and is_whole_paper(file)]
    exported = any(entry.pdfs for _, bibliography in bibliographies for entry in bibliography.entries)
    if papers and not exported:
        # The bibliography is the paper's own, and the PDFs are its figures. The zip's name tells more than "main.tex".
        sources = Added()
        _add_papers(settings, papers, folder, sources, into, f"{Path(name).stem}.tex" if len(papers) == 1 else None)
        return sources
    found = PaperFiles(files, within=folder)
    for path, bibliography in bibliographies:
        added.merge(import_bibliography(settings, path.name, bibliography, found, into))
    left = found.left()
    plain = [file for file in left if file.suffix.lower() in FOLDER_SUFFIXES]
    _add_papers(settings, plain if plain or bibliographies else left, folder, added, into)
    if not added.documents and not added.refused and not added.remarks:
        added.refused.append(f"'{name}' holds no paper: no file that ends in {', '.join(SUFFIXES)}.")
    return added


def _read_bibliographies(settings: Settings, files: Iterable[Path], added: Added) -> list[tuple[Path, Bibliography]]:
    found = []
    for file in files:
        if file.suffix.lower() in BIBLIOGRAPHY_SUFFIXES:
            try:
                found.append((file, read_bibliography(file, _limits(settings))))
            except ReadError as error:
                added.refused.append(str(error))
    return found


def papers_of_folder(folder: Path, added: Added) -> list[Path]:
    """The files of a folder, and of those in it, that are papers of their own; a remark where there are none."""
    files = _files_of(folder)
    found = [file for file in files if file.suffix.lower() in FOLDER_SUFFIXES]
    pdfs = {file.with_suffix("") for file in found if file.suffix.lower() == ".pdf"}
    found += [file for file in files if is_latex(file) and file.with_suffix("") not in pdfs and is_whole_paper(file)]
    if not found:
        added.remarks.append(
            f"The folder '{folder}' holds no {', '.join(FOLDER_SUFFIXES)}, and no whole LaTeX paper. "
            "Name other files one by one."
        )
    return sorted(found)


def _files_of(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _add_papers(
    settings: Settings, papers: Iterable[Path], root: Path, added: Added, into: int | None, name: str | None = None
) -> set[Path]:
    """Add these; the files below `root` that went into LaTeX papers among them."""
    parts: set[Path] = set()
    for path in papers:
        try:
            if is_latex(path) and path.is_file():
                parts |= _add_latex(settings, path, root, added, into, name or path.name)
            else:
                added.take(*add_file(settings, path, name, into))
        except ReadError as error:
            added.refused.append(str(error))
    return parts


def _add_latex(settings: Settings, path: Path, root: Path, added: Added, into: int | None, name: str) -> set[Path]:
    """Add a LaTeX paper in one file, its bytes as they are where it takes in no other; the files that went into it."""
    # Delayed: no other format needs what reads the encodings of text.
    from indexer.pandoc import decode_text

    paper = gather(path, root, decode_text)
    if paper.missing:
        named = ", ".join(f"'{one}'" for one in paper.missing[:_MOST_NAMED])
        others = " and others" if len(paper.missing) > _MOST_NAMED else ""
        added.remarks.append(
            f"'{name}' takes in {count(len(paper.missing), 'file')} that did not come with it, {named}{others}: "
            "what stands there is missing. Add all its sources as one zip."
        )
    if paper.text == decode_text(path.read_bytes(), path.name):
        added.take(*add_file(settings, path, name, into))
        return paper.parts
    with held_folder(settings.uploads) as folder:
        whole = folder / path.name
        whole.write_bytes(paper.text.encode("utf-8", "replace"))
        added.take(*add_file(settings, whole, name, into))
    return paper.parts


def _limits(settings: Settings) -> ReadLimits:
    return ReadLimits(seconds=settings.read_seconds, megabytes=settings.read_megabytes)
