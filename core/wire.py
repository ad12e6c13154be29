"""Values as JSON and back, as they pass between processes and are kept for a restart; the way out is `asdict`."""

from pathlib import Path
from typing import Any

from core.formats import DocumentFormat
from core.types import Block, BlockKind, Box, Line, Page, PageSource, PaperFile, Word


def page_from_json(value: dict[str, Any]) -> Page:
    """The page of which this is the `asdict`."""
    return Page(
        **value
        | {
            "source": PageSource(value["source"]),
            "lines": lines_from_json(value["lines"]),
            "words": words_from_json(value["words"]),
            "blocks": tuple(Block(**block | {"kind": BlockKind(block["kind"])}) for block in value["blocks"]),
        }
    )


def lines_from_json(values: list[dict[str, Any]]) -> tuple[Line, ...]:
    return tuple(Line(**value) for value in values)


def words_from_json(values: list[dict[str, Any]]) -> tuple[Word, ...]:
    return tuple(Word(value["start"], value["end"], Box(**value["box"])) for value in values)


def file_to_json(file: PaperFile) -> list[str | None]:
    """Where the file is, for a process of another working folder, and what opens it."""
    return [str(file.path.absolute()), file.name, file.format, file.password]


def file_from_json(value: list[str]) -> PaperFile:
    path, name, format, password = value
    return PaperFile(Path(path), name, DocumentFormat(format), password)
