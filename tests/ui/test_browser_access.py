"""The login and a page that can't be drawn, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.types import Chunk, DocumentState, Metadata, Page, Span
from indexer.drawing import Drawer, DrawLimits
from indexer.ingest import add_file
from storage import library, models
from storage.database import open_database
from storage.readings import store_reading
from tests.makers import embed_all
from tests.papers import make_slow_pdf, write
from tests.ui.site import PASSWORD, Site, make_services, serve


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A locked library with one paper, whose page takes longer to draw than it may."""
    folder = tmp_path_factory.mktemp("slow")
    services = make_services(folder / "library")
    services = replace(services, drawer=Drawer(DrawLimits(seconds=1)))
    document, _ = add_file(services.settings, write(folder, "slow.pdf", make_slow_pdf()))
    text = "Gravity bends light."
    with open_database(services.settings.database) as db:
        chunk = Chunk(text, (Span(1, 0, len(text)),))
        store_reading(db, document.id, Metadata(title="On Light"), [Page(1, text, 612, 792)], [chunk])
        library.set_document_state(db, document.id, DocumentState.READY)
        version = models.active_model(db)
        assert version is not None
        embed_all(db, version, services.searcher.live_model(db).encoder)
    with serve(services, PASSWORD) as site:
        yield site
    services.drawer.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_login_lets_in_and_out_again(browser: Browser, site: Site, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{site.port}/?q=what%20bends%20light%3F")
    page.get_by_label("Password").fill("not the one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the password. Try again.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    if scripts:
        expect(page.locator(".hit")).to_have_count(1)
        sentence = "Page 1 of 'slow.pdf' was not drawn within 1 second. Open the PDF in another viewer."
        expect(page.locator(".pageview [role=alert]")).to_have_text(sentence)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
    else:
        page.wait_for_url("**/?q=what%20bends%20light%3F")
        assert [cookie["httpOnly"] for cookie in context.cookies()] == [True]
    context.close()


def test_no_other_page_may_show_this_one_in_a_frame(browser: Browser, site: Site, tmp_path: Path) -> None:
    frame = write(tmp_path, "frame.html", f'<iframe src="http://127.0.0.1:{site.port}/"></iframe>'.encode())
    page = browser.new_page()
    # It has loaded when what is in its frames has.
    page.goto(frame.as_uri())
    assert page.frames[1].locator("input").count() == 0
    page.close()
