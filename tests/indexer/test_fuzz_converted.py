"""Papers that are no PDFs, changed at random: the reader's child gives a whole paper or one sentence, in time.

For as many as there is time for:

    FUZZ_EXAMPLES=5000 python -m pytest -q tests/indexer/test_fuzz_converted.py
"""

import io
import os
import random
import time
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ReadError
from core.formats import DocumentFormat
from core.types import PaperFile
from indexer.reader import ReadLimits, read_paper_isolated
from tests.fuzz import change, require_whole
from tests.indexer.test_converted import PAPER, save_as
from tests.papers import zipped

# A share of the suite, the same each time; more, by hand, are others each time.
_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
_LIMITS = ReadLimits(seconds=15)
_SECONDS_BESIDE = 10
_FORMATS = (
    DocumentFormat.DOCX, DocumentFormat.ODT, DocumentFormat.EPUB, DocumentFormat.HTML, DocumentFormat.MARKDOWN,
    DocumentFormat.LATEX, DocumentFormat.TEXT,
)  # fmt: skip
_ZIPPED = _FORMATS[:3]
# What stands for more than itself somewhere, and what is opened without end.
_TRICKS = (
    b"\\input{/etc/passwd}", b"\\def\\a{\\a\\a}\\a", b"\\begin{itemize}" * 400, b"{" * 2000, b"$$",
    b"```", b"> " * 1500, b"<div>" * 3000, b"<table><tr><td>" * 300, b"&lol;", b"&#0;", b"<![CDATA[",
    b"\xff\xfe", b"\x00" * 50, b"[^1]: [^1]", b'<img src="file:///etc/passwd">', b"---\na: &a [*a]\n---\n",
    b"| | |\n|-|-|\n" * 200, b"*" * 3000, b"\xed\xa0\x80",
)  # fmt: skip


@cache
def saved(format: DocumentFormat, folder: Path) -> bytes:
    return PAPER.encode() if format is DocumentFormat.TEXT else save_as(folder, format).read_bytes()


def spoil(content: bytes, format: DocumentFormat, chance: random.Random) -> bytes:
    """The file with some of it changed; of one that is a zip, what is packed in it, or the zip itself."""
    if format not in _ZIPPED or chance.random() < 0.2:
        return _spoil_bytes(content, chance)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name in chance.sample(sorted(files), chance.randint(1, 2)):
        files[name] = _spoil_bytes(files[name], chance)
    return zipped(files)


def _spoil_bytes(content: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.6:
        content = change(content, chance)
    if chance.random() < 0.6:
        at = chance.randint(0, len(content))
        content = content[:at] + chance.choice(_TRICKS) + content[at:]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(
    max_examples=_EXAMPLES or 14,
    derandomize=not _EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(format=st.sampled_from(_FORMATS), seed=st.integers(0, 2**32))
def test_whatever_is_changed_in_it_a_file_is_a_paper_or_a_sentence(
    folder: Path, format: DocumentFormat, seed: int
) -> None:
    path = folder / f"spoilt.{format}"
    path.write_bytes(spoil(saved(format, folder), format, random.Random(seed)))
    began = time.monotonic()
    try:
        require_whole(read_paper_isolated(PaperFile(path, path.name, format), _LIMITS), path.name)
    except ReadError as error:
        said = str(error)
        assert path.name in said
        assert "\n" not in said
        assert said.isprintable()
        # That is a defect of ours: no part of this reader can crash but Python's and pandoc's own.
        assert "crash" not in said
    assert time.monotonic() - began < _LIMITS.seconds + _SECONDS_BESIDE
