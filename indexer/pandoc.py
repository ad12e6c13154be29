"""A paper that is no PDF as blocks of text: pandoc reads its format, and its syntax tree is walked here.

Imported by the child process that reads one file; pandoc runs within that child's limits.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import charset_normalizer
import pypandoc

from core.errors import ReadError
from core.formats import DocumentFormat
from core.types import BlockKind
from indexer.odt import Declared, read_declared

_READERS = {
    DocumentFormat.DOCX: "docx",
    DocumentFormat.ODT: "odt",
    DocumentFormat.PPTX: "pptx",
    DocumentFormat.EPUB: "epub",
    DocumentFormat.HTML: "html",
    DocumentFormat.MARKDOWN: "markdown+lists_without_preceding_blankline-blank_before_header",
    DocumentFormat.LATEX: "latex",
}
_ZIPPED = (DocumentFormat.DOCX, DocumentFormat.ODT, DocumentFormat.PPTX, DocumentFormat.EPUB)
# Of the memory and time the child may take: what is left is for the syntax tree and for telling why it failed.
_SHARE_OF_MEMORY = 0.6
_SECONDS_LEFT = 2
_QUOTES = {"SingleQuote": ("‘", "’"), "DoubleQuote": ("“", "”")}
_BIBLIOGRAPHY = {"thebibliography", "references", "csl-bib-body"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# In letters; a shorter heading may be in a title by chance.
_SHORTEST_TITLE = 12
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Draft:
    """A block before it has a place on a page; `level` is a heading's, from 1."""

    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0


@dataclass(frozen=True, slots=True)
class Converted:
    """All blocks in order, and what the file itself declares."""

    blocks: tuple[Draft, ...]
    title: str | None = None
    authors: tuple[str, ...] = ()
    date: str = ""


def convert(path: Path, format: DocumentFormat, name: str, seconds: int, megabytes: int) -> Converted:
    """The file's text. Raises ReadError, in one sentence that names `name`."""
    data = path.read_bytes()
    if not data.strip():
        raise ReadError(f"'{name}' is empty. Download it again.")
    if format in _ZIPPED:
        if not data.startswith(b"PK"):
            raise ReadError(f"'{name}' is not a .{format} file: it does not begin like one. Download it again.")
        source = data
    else:
        source = decode_text(data, name).encode()
    if format is DocumentFormat.TEXT:
        return Converted(tuple(Draft(text) for text in _paragraphs(source.decode())))
    try:
        tree = json.loads(_run_pandoc(source, _READERS[format], name, seconds, megabytes))
        converted = _walk(tree)
        return _declare(converted, read_declared(data)) if format is DocumentFormat.ODT else converted
    except RecursionError as error:
        raise ReadError(f"The parts of '{name}' are nested too deeply. Save it as a PDF, then add that.") from error


def _declare(converted: Converted, declared: Declared) -> Converted:
    """The paper with what an OpenDocument text declares; its title, which stands in it as a paragraph, is a heading."""
    blocks = list(converted.blocks)
    for number, block in enumerate(blocks):
        if declared.title and " ".join(block.text.split()) == declared.title:
            blocks[number] = Draft(block.text, BlockKind.HEADING, 1)
            break
    return Converted(tuple(blocks), declared.title or None, declared.authors, declared.date)


def decode_text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        guesses = charset_normalizer.from_bytes(data)
    best = guesses.best()
    if best is None:
        raise ReadError(f"'{name}' is not text in any known encoding. Save it as UTF-8, then add it.")
    # Of guesses equally good, the commonest.
    equals = [one for one in guesses if (one.chaos, one.coherence) == (best.chaos, best.coherence)]
    return str(next((one for one in equals if one.encoding == "cp1252"), best))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in _BLANK_LINES.split(text.replace("\r\n", "\n").replace("\r", "\n")):
        if cleaned := _clean(paragraph):
            yield cleaned


def _run_pandoc(source: bytes, reader: str, name: str, seconds: int, megabytes: int) -> bytes:
    """Pandoc's syntax tree as JSON; sandboxed, so that a file can include no other file of this machine."""
    memory = f"-M{max(int(_SHARE_OF_MEMORY * megabytes), 64)}m"
    command = [pypandoc.get_pandoc_path(), "--sandbox", "--from", reader, "--to", "json", "+RTS", memory, "-RTS"]
    limit = max(seconds - _SECONDS_LEFT, 1)
    try:
        done = subprocess.run(command, input=source, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise ReadError(
            f"'{name}' was not converted within {limit} seconds. "
            "If it is only large, raise WHETSTONE_READ_SECONDS and retry it."
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
    if done.returncode < 0 or "heap" in said.lower() or "memory" in said.lower():
        raise ReadError(
            f"'{name}' needs more than {megabytes} MB of memory to be read. "
            "If you trust it, raise WHETSTONE_READ_MEGABYTES and retry it."
        )
    if reader.startswith("markdown") and "YAML" in said:
        return _run_pandoc(source, reader + "-yaml_metadata_block", name, seconds, megabytes)
    raise ReadError(f"'{name}' can't be converted ({said.rstrip('.')}). Save it anew, or as a PDF, then add that.")


# --- the syntax tree ---------------------------------------------------------------------------


def _walk(tree: dict[str, Any]) -> Converted:
    meta = tree["meta"]
    title = _clean(" ".join(_meta_texts(meta.get("title")))) or None
    authors = tuple(filter(None, (_clean(text) for text in _meta_texts(meta.get("author")))))
    text = list(_blocks(tree["blocks"]))
    blocks: list[Draft] = []
    # A title page is part of what is read, though its format keeps it elsewhere; where the text has one, it is that.
    if title and text and _is_title(text[0], title):
        blocks.append(text.pop(0))
    elif title:
        blocks.append(Draft(title, BlockKind.HEADING, 1))
    if authors and not (text and text[0].text.startswith(authors[0])):
        blocks.append(Draft(", ".join(authors)))
    if "abstract" in meta:
        blocks.append(Draft("Abstract", BlockKind.HEADING, 2))
        blocks += [Draft(said) for said in map(_clean, _meta_texts(meta["abstract"])) if said]
    return Converted((*blocks, *text), title, authors, _clean(" ".join(_meta_texts(meta.get("date")))))


def _is_title(block: Draft, title: str) -> bool:
    """Whether the heading says what the title does; a page's title often names its site too."""
    said, declared = (" ".join(text.casefold().split()) for text in (block.text, title))
    alike = said == declared or (len(said) >= _SHORTEST_TITLE and said in declared)
    return block.kind is BlockKind.HEADING and alike


def _meta_texts(value: dict[str, Any] | None) -> list[str]:
    """A declared value's texts: one, or one for each of a list."""
    if value is None:
        return []
    content = value["c"]
    match value["t"]:
        case "MetaString":
            return [content]
        case "MetaInlines":
            return [_inlines(content, [])]
        case "MetaBlocks":
            return [draft.text for draft in _blocks(content)]
        case "MetaList":
            return [text for one in content for text in _meta_texts(one)]
        case "MetaMap":
            return [text for key in ("name", "literal") for text in _meta_texts(content.get(key))][:1]
    return []


def _blocks(nodes: Sequence[dict[str, Any]], kind: BlockKind = BlockKind.PARAGRAPH) -> Iterator[Draft]:
    """The blocks below these nodes, footnotes behind the block that refers to them."""
    for node in nodes:
        content: Any = node.get("c")
        match node["t"]:
            case "Para" | "Plain":
                yield from _text_block(content, kind)
            case "Header":
                yield from _text_block(content[2], BlockKind.HEADING, content[0])
            case "CodeBlock":
                yield from _draft(content[1], BlockKind.CODE)
            case "LineBlock":
                notes: list[Draft] = []
                yield from _draft("\n".join(_inlines(line, notes) for line in content), kind)
                yield from notes
            case "BlockQuote":
                yield from _blocks(content, kind)
            case "BulletList":
                for item in content:
                    yield from _blocks(item, BlockKind.ITEM)
            case "OrderedList":
                for item in content[1]:
                    yield from _blocks(item, BlockKind.ITEM)
            case "DefinitionList":
                for term, definitions in content:
                    yield from _text_block(term, kind)
                    for definition in definitions:
                        yield from _blocks(definition, BlockKind.ITEM)
            case "Table":
                yield from _table(content)
            case "Figure":
                yield from _blocks(content[1][1], BlockKind.CAPTION)
                yield from (block for block in _blocks(content[2], kind) if block.kind is not kind)
            case "Div":
                identifier, classes, _ = content[0]
                cited = _BIBLIOGRAPHY.intersection((identifier, *classes))
                yield from _blocks(content[1], BlockKind.REFERENCE if cited else kind)


def _text_block(inlines: Sequence[dict[str, Any]], kind: BlockKind, level: int = 0) -> Iterator[Draft]:
    notes: list[Draft] = []
    yield from _draft(_inlines(inlines, notes), kind, level)
    yield from notes


def _draft(text: str, kind: BlockKind, level: int = 0) -> Iterator[Draft]:
    if cleaned := _clean(text, keep_spaces=kind in (BlockKind.CODE, BlockKind.TABLE)):
        yield Draft(" ".join(cleaned.split()) if kind is BlockKind.HEADING else cleaned, kind, level)


def _table(content: Any) -> Iterator[Draft]:
    """Its caption, then its cells, a line a row."""
    _, caption, _, head, bodies, foot = content
    yield from _blocks(caption[1], BlockKind.CAPTION)
    rows = [*head[1], *(row for body in bodies for part in (body[2], body[3]) for row in part), *foot[1]]
    lines = []
    for _, cells in rows:
        texts = (" ".join(draft.text for draft in _blocks(cell[4])) for cell in cells)
        lines.append("\t".join(" ".join(text.split()) for text in texts))
    yield from _draft("\n".join(lines), BlockKind.TABLE)


def _inlines(nodes: Sequence[dict[str, Any]], notes: list[Draft]) -> str:
    """The text of these nodes in one; their footnotes are added to `notes`."""
    return "".join(_inline(node, notes) for node in nodes)


def _inline(node: dict[str, Any], notes: list[Draft]) -> str:
    content: Any = node.get("c")
    match node["t"]:
        case "Str":
            return str(content)
        case "Space" | "SoftBreak":
            return " "
        case "LineBreak":
            return "\n"
        case "Emph" | "Underline" | "Strong" | "Strikeout" | "Superscript" | "Subscript" | "SmallCaps":
            return _inlines(content, notes)
        case "Quoted":
            opening, closing = _QUOTES[content[0]["t"]]
            return f"{opening}{_inlines(content[1], notes)}{closing}"
        case "Cite":
            shown = _inlines(content[1], notes)
            return shown or f"[{', '.join(citation['citationId'] for citation in content[0])}]"
        case "Code" | "Math":
            return str(content[1])
        case "Link" | "Image" | "Span":
            return _inlines(content[1], notes)
        case "Note":
            notes += _blocks(content, BlockKind.FOOTNOTE)
    return ""


def _clean(text: str, *, keep_spaces: bool = False) -> str:
    """The text without control characters, which would mean something else further on, and without blank lines."""
    lines = _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    kept = (line.rstrip() if keep_spaces else " ".join(line.split()) for line in lines)
    return "\n".join(line for line in kept if line.strip()).strip("\n")
