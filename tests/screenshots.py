"""The pictures of the README: the app on a new library of given papers, judged and retrained once.

python -m tests.screenshots FOLDER_OF_PDFS [--question "what does multi-head attention allow?"] [--to docs]
"""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from core.types import StoredChunk
from storage import library
from storage.database import open_database
from storage.judgements import store_judgement
from tests.ui.conftest import FLAGS, App, add_papers, run_app

_WINDOW = {"width": 1280, "height": 860}
_JUDGED = 40
_MS_TO_RETRAIN = 900_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--question", default="what does multi-head attention allow?")
    parser.add_argument("--to", type=Path, default=Path("docs"), metavar="DIR")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    papers = sorted(args.folder.rglob("*.pdf"))
    with tempfile.TemporaryDirectory() as folder, run_app(Path(folder) / "library", chunk_tokens=200) as app:
        add_papers(app, papers)
        judge_some(app)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_context(viewport=_WINDOW, device_scale_factor=1.5).new_page()
            page.goto(app.url)
            take_search(page, args.question, args.to / "search.png")
            take_map(page, args.to / "map.png")
            take_library(page, args.to / "library.png")
            take_training(page, args.to / "training.png")
            browser.close()
    return 0


def judge_some(app: App) -> None:
    """Approve passages for questions made of their own first words: enough for a retrain to be compared."""
    with open_database(app.settings.database) as db:
        chunks = [c for d in library.list_documents(db) for c in library.chunks_of_document(db, d.id)]
        long = [chunk for chunk in chunks if len(chunk.text) > 300]
        for chunk in random.Random(0).sample(long, min(_JUDGED, len(long))):
            store_judgement(db, _question(chunk), chunk.id, 1)


def _question(chunk: StoredChunk) -> str:
    return " ".join(chunk.text.split()[:10])


def take_search(page: Page, question: str, target: Path) -> None:
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".pageview figure img")).to_be_visible(timeout=30_000)
    for rank, name in ((1, "Approve"), (2, "Approve"), (5, "Reject")):
        page.locator(f'.hit[data-rank="{rank}"]').get_by_role("button", name=name).click()
    expect(page.locator("#header")).to_contain_text("1 rejected")
    page.locator('.hit[data-rank="1"]').focus()
    _take(page, target)


def take_map(page: Page, target: Path) -> None:
    page.get_by_role("tab", name="Map").click()
    expect(page.locator("#map .maplegend button").first).to_be_visible(timeout=120_000)
    expect(page.locator("#map-state .job")).to_have_count(0, timeout=120_000)
    _take(page, target)


def take_library(page: Page, target: Path) -> None:
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#library .pill.ready").first).to_be_visible()
    _take(page, target)


def take_training(page: Page, target: Path) -> None:
    page.get_by_role("tab", name="Training").click()
    page.get_by_role("button", name="Retrain", exact=True).click()
    expect(page.locator("#training .scores")).to_be_visible(timeout=_MS_TO_RETRAIN)
    expect(page.locator("#training .job")).to_have_count(0)
    expect(page.locator("#said p")).to_have_count(0, timeout=30_000)
    _take(page, target)


def _take(page: Page, target: Path) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready.then(() => Promise.all([...document.images].map(image => image.decode())))")
    page.screenshot(path=target)


if __name__ == "__main__":
    sys.exit(main())
