r"""A LaTeX paper of several files as one text: what it takes in by \input and its like, and its bibliography.

Only files below one folder are read, so that a paper can take in no other file of the machine.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ReadError

_MOST_BYTES = 32 << 20
_DEEPEST = 20
_MOST_TAKEN_IN = 5000
_SUFFIXES = (".tex", ".latex")

# A stranger's text: no part of an expression may look twice at the same characters, or far ahead from many places.
_CLASS = re.compile(r"\\documentclass\s*+(?:\[[^\[\]]*+\]\s*+)?+\{(?P<name>[^{}]*+)\}")
_BEGIN, _END = re.compile(r"\\begin\s*+\{document\}"), re.compile(r"\\end\s*+\{document\}")
# Classes of what is a part of a paper: a figure, or a chapter that is also typeset by itself.
_CLASSES_OF_PARTS = ("standalone", "subfiles")
# In these nothing is taken in, though it may look so.
_SKIPPED = (
    r"(?P<comment>%[^\n]*)|(?P<skipped>\\[\\%]|\\(?:url|path|href)\s*+\{[^{}]*+\})"
    r"|\\begin\s*+\{(?P<kept>verbatim\*?|lstlisting|comment)\}"
)
_ENDS = {
    kept: re.compile(rf"\\end\s*+\{{{re.escape(kept)}\}}")
    for kept in ("verbatim", "verbatim*", "lstlisting", "comment")
}
_COMMAND = re.compile(
    _SKIPPED + r"|\\(?:(?:sub)?import\*?\s*+\{(?P<folder>[^{}]*+)\}\s*+\{(?P<imported>[^{}]*+)\}"
    r"|(?:input|include|subfile|subfileinclude)\s*+\{(?P<name>[^{}]*+)\}"
    r"|input\s++(?P<bare>[^\s{}\\%]++)"
    r"|(?P<cited>bibliography\s*+\{[^{}]*+\}|printbibliography(?:\s*+\[[^\[\]]*+\])?+))"
)


@dataclass(slots=True)
class LatexPaper:
    """The text of a paper in one, the files that went into it, and the names of those that were not there."""

    text: str = ""
    parts: set[Path] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)


def is_latex(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES


def is_whole_paper(path: Path) -> bool:
    r"""Whether the file has a document of its own: not a part that others take in, nor a figure."""
    if path.stat().st_size > _MOST_BYTES:
        return False
    text = _without_comments(path.read_bytes().decode("latin-1"))
    stands_alone = _CLASS.search(text)
    return bool(stands_alone and stands_alone["name"].strip() not in _CLASSES_OF_PARTS and _BEGIN.search(text))


def gather(main: Path, root: Path, decode: Callable[[bytes, str], str]) -> LatexPaper:
    """The paper that begins in `main`, with what it takes in from below `root`. Raises ReadError if without end."""
    paper = LatexPaper()
    gatherer = _Gatherer(main, root.resolve(), decode, paper)
    paper.text = gatherer.expand(main, ())
    return paper


class _Gatherer:
    def __init__(self, main: Path, root: Path, decode: Callable[[bytes, str], str], paper: LatexPaper) -> None:
        self._main = main
        self._root = root
        self._decode = decode
        self._paper = paper
        self._left = _MOST_BYTES
        self._commands_left = _MOST_TAKEN_IN

    def expand(self, path: Path, above: tuple[Path, ...]) -> str:
        """The file's text with all it takes in; `above` are the files that take it in."""
        content = _read(path)
        self._left -= len(content)
        if self._left < 0 or len(above) > _DEEPEST:
            raise self._without_end()
        text = self._decode(content, path.name)
        if above and (begin := _BEGIN.search(text)):
            # A part that is also typeset by itself has a preamble of its own.
            end = _END.search(text, begin.end())
            text = text[begin.end() : end.start() if end else len(text)]
        here = (*above, path.resolve())
        return _replace_commands(text, lambda match: self._taken_in(match, path, here))

    def _without_end(self) -> ReadError:
        return ReadError(
            f"'{self._main.name}' takes in more than {_MOST_BYTES >> 20} MB of LaTeX, or without end. "
            "Typeset it, then add the PDF."
        )

    def _taken_in(self, command: re.Match[str], path: Path, here: tuple[Path, ...]) -> str:
        if command["comment"] is not None or command["skipped"] is not None:
            return command[0]
        self._commands_left -= 1
        if self._commands_left < 0:
            raise self._without_end()
        if command["cited"] is not None:
            # What BibTeX made of the bibliography lies beside the paper, as LaTeX itself takes it in.
            found = self._find(self._main.with_suffix(".bbl"))
            if found is None or found in here:
                return command[0]
            self._paper.parts.add(found)
            return self.expand(found, here)
        name = (command["imported"] or command["name"] or command["bare"] or "").strip().strip('"')
        folders = [self._main.parent, path.parent]
        if command["folder"] is not None:
            folders = [folder / command["folder"].strip() for folder in folders]
        for folder in folders:
            for wanted in (folder / f"{name}.tex", folder / name):
                if (found := self._find(wanted)) and found not in here:
                    self._paper.parts.add(found)
                    return f"\n{self.expand(found, here)}\n"
        if name:
            self._paper.missing.append(name)
        # Pandoc passes over what it can't take in, but not over the form without braces.
        return "" if command["bare"] else command[0]

    def _find(self, path: Path) -> Path | None:
        try:
            found = path.resolve()
            return found if found.is_relative_to(self._root) and found.is_file() else None
        except (OSError, ValueError):  # a name that no file system takes
            return None


def _without_comments(text: str) -> str:
    return _replace_commands(text, lambda match: "" if match["comment"] is not None else match[0])


def _replace_commands(text: str, replace: Callable[[re.Match[str]], str]) -> str:
    """The text with each of its commands replaced, but for what stands in environments of which nothing is read."""
    parts, position = [], 0
    without_end: set[str] = set()
    while command := _COMMAND.search(text, position):
        parts.append(text[position : command.start()])
        position = command.end()
        if (kept := command["kept"]) is None:
            parts.append(replace(command))
            continue
        # Looked for in vain once, it stands nowhere behind either.
        end = None if kept in without_end else _ENDS[kept].search(text, position)
        if end is None:
            without_end.add(kept)
        else:
            position = end.end()
        parts.append(text[command.start() : position])
    return "".join([*parts, text[position:]])


def _read(path: Path) -> bytes:
    if path.stat().st_size > _MOST_BYTES:
        raise ReadError(f"'{path.name}' is larger than {_MOST_BYTES >> 20} MB, which no LaTeX source is.")
    return path.read_bytes()
