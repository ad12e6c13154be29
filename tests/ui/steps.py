"""What the browser tests do on the page, step by step."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from storage import judgements
from storage.database import open_database
from tests.ui.conftest import App


def open_page(page: Page, app: App, query: str = "") -> None:
    """Open it, and let its first look at the library be answered, which sets parts of the page anew."""
    with page.expect_response(re.compile("/gradio_api/run/predict")):
        page.goto(f"{app.url}/{query}")
    expect(page.get_by_role("tab", name="Search")).to_be_visible()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def search(page: Page, question: str) -> None:
    field = page.get_by_label("Question", exact=True)
    field.fill(question)
    field.press("Enter")
    expect(page.locator(f'.desk[data-query="{question}"] .hit').first).to_be_visible()
    expect(page.locator(".pageview figure img")).to_be_attached()


def hit(page: Page, rank: int) -> Locator:
    return page.locator(f'.hit[data-rank="{rank}"]')


def open_list(summary: Locator) -> None:
    """Open what this is the heading of, by a key: a click may land beside it, where what is above it still grows."""
    # A key is pressed whether or not what it is meant for is shown yet.
    expect(summary).to_be_visible()
    summary.press("Enter")


def open_passages_of_page(page: Page) -> None:
    """Open the list below the page. It may be made anew under a key, as when the page comes for a passage chosen."""

    def is_open() -> bool:
        if not page.locator(".others[open]").count():
            open_list(page.locator(".others summary"))
        return page.locator(".others[open]").count() == 1

    wait_for(is_open)


def expect_said(page: Page, words: str) -> None:
    """That this was said to the user, though it may be gone by now."""
    page.wait_for_function("words => window.told.some(line => line.includes(words))", arg=words)


def verdicts(app: App, question: str) -> dict[int, int]:
    with open_database(app.settings.database) as db:
        return judgements.relevance_by_chunk(db, question)


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def chunk_ids(page: Page, *ranks: int) -> list[int]:
    return [int(hit(page, rank).get_attribute("data-chunk") or 0) for rank in ranks]
