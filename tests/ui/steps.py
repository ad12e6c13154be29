"""What the browser tests do on the page, step by step."""

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from storage import judgements
from storage.database import open_database
from tests.ui.conftest import App


def open_page(page: Page, app: App, query: str = "") -> None:
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


def open_passages_of_page(page: Page) -> None:
    """Open the list below the page. A click is lost where the page moves under it, as while its picture comes."""

    def is_open() -> bool:
        if not page.locator(".others[open]").count():
            page.locator(".others summary").click()
            page.wait_for_timeout(200)
        return page.locator(".others[open]").count() == 1

    wait_for(is_open)


def verdicts(app: App, question: str) -> dict[int, int]:
    with open_database(app.settings.database) as db:
        return judgements.relevance_by_chunk(db, question)


def wait_for(holds: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def chunk_ids(page: Page, *ranks: int) -> list[int]:
    return [int(hit(page, rank).get_attribute("data-chunk") or 0) for rank in ranks]
