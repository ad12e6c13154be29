"""The Settings tab in a browser: what is changed there, where it comes from, and diagnostics to be copied."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.settings import load_settings
from core.stored_settings import current
from core.types import DocumentState
from storage.database import open_database
from storage.library import count_by_state
from tests.ui.conftest import App, as_app
from tests.ui.site import make_services, serve
from tests.ui.steps import expect_said, open_page, open_tab, search

pytestmark = pytest.mark.slow


@pytest.fixture
def other(tmp_path: Path) -> Iterator[App]:
    """An app of its own, whose settings may be changed."""
    with serve(make_services(tmp_path / "library", port=7001)) as site:
        yield as_app(site)


def test_a_setting_is_changed_refused_and_forgotten(page: Page, other: App) -> None:
    open_page(page, other, "?tab=settings")
    files = page.locator('.setting[data-name="upload_files"]')
    expect(files.locator(".pill")).to_have_text("default")
    expect(files.get_by_role("button", name="Save Files at once")).to_be_disabled()
    files.get_by_label("Files at once", exact=True).fill("none")
    files.get_by_label("Files at once", exact=True).press("Enter")
    expect_said(page, "WHETSTONE_UPLOAD_FILES is 'none'; it must be a whole number from 1")
    expect(files.get_by_label("Files at once", exact=True)).to_have_value("none")
    files.get_by_label("Files at once", exact=True).fill("5")
    files.get_by_role("button", name="Save Files at once").click()
    expect_said(page, "Stored. It takes effect at once.")
    expect(files.locator(".pill")).to_have_text("stored")
    assert current(other.settings).upload_files == load_settings(home=other.settings.home).upload_files == 5

    page.get_by_label("Recognise scans", exact=True).select_option("off")
    page.get_by_role("button", name="Save Recognise scans").click()
    expect(page.locator('.setting[data-name="ocr"] .pill')).to_have_text("stored")
    page.reload()
    expect(page.get_by_label("Recognise scans", exact=True)).to_have_value("off")

    files.get_by_role("button", name="Files at once: back to 2000").click()
    expect(files.locator(".pill")).to_have_text("default")
    expect(files.get_by_label("Files at once", exact=True)).to_have_value("2000")
    assert current(other.settings).upload_files == 2000


def test_what_waits_for_the_next_start_and_what_can_not_be_changed_here_says_so(page: Page, other: App) -> None:
    open_page(page, other)
    open_tab(page, "Settings")
    most = page.locator('.setting[data-name="upload_megabytes"]')
    most.get_by_label("Megabytes an upload", exact=True).fill("70")
    most.get_by_role("button", name="Save Megabytes an upload").click()
    expect(most).to_contain_text("From the next start: 70.")
    port = page.locator('.setting[data-name="port"]')
    expect(port).to_contain_text("An argument of this start goes before what is stored.")
    expect(port.locator("input")).to_have_attribute("readonly", "")
    expect(port.get_by_role("button")).to_have_count(0)
    expect(page.locator('.setting[data-name="model"]')).to_contain_text("on the Training tab")


def test_diagnostics_are_copied_and_hold_no_question(page: Page, app: App) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, app)
    search(page, "what melts a glacier?")
    open_tab(page, "Settings")
    shown = page.get_by_label("Diagnostics", exact=True)
    expect(shown).to_contain_text("search p95 ms")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect_said(page, "Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    with open_database(app.settings.database) as db:
        ready = count_by_state(db)[DocumentState.READY]
    assert f"papers ready: {ready}" in copied
    assert "glacier" not in copied
    assert str(app.settings.home) not in copied
    page.get_by_role("button", name="Look again").click()
    expect(shown).to_contain_text("searches measured")


def test_it_fits_a_narrow_screen(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    open_page(page, app, "?tab=settings")
    expect(page.get_by_label("Diagnostics", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    field = page.get_by_label("Longest passage", exact=True).bounding_box()
    assert field is not None
    assert field["x"] + field["width"] <= 400
