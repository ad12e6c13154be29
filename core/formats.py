"""Which kinds of files can be papers, and which kind a file is: a PDF by its first bytes, the others by their name."""

from enum import StrEnum
from pathlib import PurePath

PDF_HEADER_BYTES = 1024


class DocumentFormat(StrEnum):
    """The value is also the suffix under which the original is kept."""

    PDF = "pdf"
    DOCX = "docx"
    ODT = "odt"
    PPTX = "pptx"
    EPUB = "epub"
    HTML = "html"
    MARKDOWN = "md"
    LATEX = "tex"
    TEXT = "txt"

    @property
    def has_pages(self) -> bool:
        """Whether it has pages of its own that can be shown as pictures."""
        return self is DocumentFormat.PDF


_BY_SUFFIX = {f".{format}": format for format in DocumentFormat} | {
    ".htm": DocumentFormat.HTML,
    ".xhtml": DocumentFormat.HTML,
    ".markdown": DocumentFormat.MARKDOWN,
    ".latex": DocumentFormat.LATEX,
    ".text": DocumentFormat.TEXT,
}
SUFFIXES = tuple(_BY_SUFFIX)
# A folder's text files are seldom papers: those are added when they are named.
FOLDER_SUFFIXES = (".pdf", ".docx", ".odt", ".pptx", ".epub")


def format_of(head: bytes, name: str) -> DocumentFormat | None:
    """The format of a file that begins so and has this name, None for what can be no paper."""
    if b"%PDF-" in head[:PDF_HEADER_BYTES]:
        return DocumentFormat.PDF
    return _BY_SUFFIX.get(PurePath(name).suffix.lower())


def without_suffix(name: str) -> str:
    """A file's name without the suffix of a known format."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in _BY_SUFFIX else name
