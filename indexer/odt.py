"""What an OpenDocument text declares of itself, which pandoc leaves out: its title, authors and date."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from xml.etree import ElementTree

_MOST_BYTES = 64 << 20
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TITLE_OF_FILE = "{http://purl.org/dc/elements/1.1/}title"
_TITLE, _AUTHOR, _DATE = "Title", "Author", "Date"


@dataclass(frozen=True, slots=True)
class Declared:
    title: str = ""
    authors: tuple[str, ...] = ()
    date: str = ""


def read_declared(data: bytes) -> Declared:
    """By the styles of the text's paragraphs, else the title by the file's properties; empty where nothing tells."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            content = _parse(archive, "content.xml")
            by_style = _paragraphs_by_style(content)
            title = " ".join(by_style.get(_TITLE, ())) or (_parse(archive, "meta.xml").findtext(f".//{_TITLE_OF_FILE}"))
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, ElementTree.ParseError):
        return Declared()  # pandoc, which reads the text itself, has the say on a broken file
    return Declared(
        " ".join((title or "").split()), tuple(by_style.get(_AUTHOR, ())), " ".join(by_style.get(_DATE, ()))
    )


def _parse(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    with archive.open(name) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise KeyError(name)
    return ElementTree.fromstring(content)


def _paragraphs_by_style(content: ElementTree.Element) -> dict[str, list[str]]:
    """The text's own paragraphs in the styles that tell something; a style made for one of them has a parent."""
    styles = content.iter(f"{_STYLE}style")
    parents = {style.get(f"{_STYLE}name"): style.get(f"{_STYLE}parent-style-name") for style in styles}
    found: dict[str, list[str]] = {}
    body = content.find(f"{_OFFICE}body/{_OFFICE}text")
    for paragraph in body if body is not None else ():
        style = paragraph.get(f"{_TEXT}style-name")
        style = parents.get(style) or style
        text = " ".join("".join(paragraph.itertext()).split())
        if style in (_TITLE, _AUTHOR, _DATE) and text:
            found.setdefault(style, []).append(text)
    return found
