"""The files among which the papers of a bibliography are looked for, by their paths, their names and their titles."""

import os.path
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from core.errors import ReadError
from core.formats import SUFFIXES
from indexer.bib_entries import BibEntry, letters_of
from indexer.ingest import clean_name

SHORTEST_TITLE = 10
# Where programs cut a title that would make a file's name too long.
_SHORTEST_CUT_TITLE = 30


class PaperFiles:
    """A bibliography's papers are looked for among these.

    Within a folder that came from a stranger nothing outside of it is found, whatever path an entry names.
    """

    def __init__(self, files: Iterable[Path], within: Path | None = None) -> None:
        self._within = within.resolve() if within else None
        self.papers = [file for file in files if file.suffix.lower() in SUFFIXES]
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for file in self.papers:
            self._by_name[_plain(file.name)].append(file)
        self._titles = _FileTitles(self.papers)
        self._attached: set[Path] = set()

    def find(self, entry: BibEntry) -> Path | None:
        """The first of the entry's PDFs that is there, else one named by its title; None where neither is.

        Raises ReadError where PDFs are attached and none is there, or not just one that it may be.
        """
        named = list(chain.from_iterable(entry.pdfs))
        there = (path for path in named if self._may_be(path))
        found = next(there, None) or self._by_its_name(entry, named) or self._by_title(entry)
        if found is None and named:
            raise ReadError(
                f"its file '{clean_name(named[0].name)}' is not there. Export the bibliography with its files."
            )
        # The others that it names are no papers of their own.
        also = [self._by_name[_plain(path.name)][0] for path in named if len(self._by_name[_plain(path.name)]) == 1]
        for path in (*named, *also, *((found,) if found else ())):
            self._attached.add(Path(os.path.abspath(path)))
        return found

    def left(self) -> list[Path]:
        """The papers that no entry has."""
        return [file for file in self.papers if self._is_left(file)]

    def _may_be(self, path: Path) -> bool:
        # Unlike Path.is_file, this also answers for names that no file system takes.
        if not os.path.isfile(path):
            return False
        return self._within is None or Path(os.path.realpath(path)).is_relative_to(self._within)

    def _by_its_name(self, entry: BibEntry, named: Iterable[Path]) -> Path | None:
        for path in named:
            files = self._by_name[_plain(path.name)]
            if len(files) > 1:
                raise ReadError(
                    f"'{clean_name(path.name)}' came {len(files)} times. Add the export as one zip, folders and all."
                )
            if files:
                return files[0]
        return None

    def _by_title(self, entry: BibEntry) -> Path | None:
        """The one file whose name is, or ends with, the title, as Zotero and many publishers name it."""
        title = letters_of(str(entry.values.get("title") or ""))
        if len(title) < SHORTEST_TITLE:
            return None
        found = {file for file in self._titles.named(title) if self._is_left(file)}
        return found.pop() if len(found) == 1 else None

    def _is_left(self, file: Path) -> bool:
        return Path(os.path.abspath(file)) not in self._attached


class _FileTitles:
    """Which files are named by a title, looked up and not gone through: an export may have ten thousand."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._by_end: list[tuple[str, Path]] = []
        self._cut: defaultdict[str, list[Path]] = defaultdict(list)
        for file in files:
            self._by_end.append((letters_of(file.stem)[::-1], file))
            last = letters_of(file.stem.rsplit(" - ", 1)[-1])
            if len(last) >= _SHORTEST_CUT_TITLE:
                self._cut[last].append(file)
        self._by_end.sort()
        self._cut_lengths = sorted(set(map(len, self._cut)))

    def named(self, title: str) -> Iterator[Path]:
        """The files whose name ends with the title, or with the beginning of it that a program has left of it."""
        end = title[::-1]
        for place in range(bisect_left(self._by_end, end, key=lambda one: one[0]), len(self._by_end)):
            letters, file = self._by_end[place]
            if not letters.startswith(end):
                break
            yield file
        for length in self._cut_lengths:
            if length <= len(title):
                yield from self._cut.get(title[:length], ())


def _plain(name: str) -> str:
    """The name as it may come from a file system that keeps accents or capitals in another way."""
    return unicodedata.normalize("NFC", name).casefold()
