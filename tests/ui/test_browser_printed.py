"""Pages that a browser printed, read as papers: it writes text as few hand-made PDFs do."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from indexer.pdf import read_paper

HEBREW = "שלום עולם, זה משפט ראשון בעברית. המשפט השני מספר על 42 תפוחים."
ARABIC = "مرحبا بالعالم، هذه جملة أولى بالعربية عن الجاذبية. تتحدث الجملة الثانية عن 42 تفاحة."


@pytest.fixture(scope="module")
def font() -> str:
    """A font with both scripts, and no ligatures that a PDF names by other letters."""
    command = ["fc-list", ":lang=ar:lang=he", "family"]
    known = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if "DejaVu Sans" not in known:
        pytest.skip("the font DejaVu Sans is not installed (Debian: apt install fonts-dejavu-core)")
    return "DejaVu Sans"


@pytest.mark.parametrize("text", [HEBREW, ARABIC], ids=["hebrew", "arabic"])
def test_words_from_right_to_left_are_read_as_they_are_typed(
    browser: Browser, tmp_path: Path, font: str, text: str
) -> None:
    page = browser.new_page()
    page.set_content(f"<p style='font-family: {font}'>Before.</p><p dir=rtl style='font-family: {font}'>{text}</p>")
    page.pdf(path=tmp_path / "printed.pdf")
    page.close()
    assert text in " ".join(read_paper(tmp_path / "printed.pdf", "printed.pdf").pages[0].text.split())
