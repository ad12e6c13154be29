"""Two people at one library in a real browser: they sign in by name, and what is private stays with one of them."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from api.accounts import add_user
from core.people import Role
from tests.papers import make_paper
from tests.two_users import PASSWORD
from tests.ui.conftest import run_app

pytestmark = pytest.mark.slow


def sign_in(browser: Browser, url: str, name: str) -> Page:
    page = browser.new_context().new_page()
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#header [data-role]")).to_have_text(name)
    return page


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_two_people_sign_in_and_one_has_a_paper_that_the_other_does_not(browser: Browser, tmp_path: Path) -> None:
    with run_app(tmp_path / "library") as app:
        for name, role in (("anna", Role.ADMIN), ("bert", Role.READ)):
            add_user(app.settings, name, role, PASSWORD)
        anna = sign_in(browser, app.url, "anna")
        request = anna.context.request
        made = request.post(f"{app.url}/api/v1/collections", data={"name": "Plans", "private": True}).json()
        body = make_paper("Hidden quinces", ["About the harvest of quinces there is a thing that one person knows."])
        for query, text in ((f"name=mine.pdf&collection_id={made['id']}", body), ("name=ours.pdf", body + b"\n%")):
            assert request.post(f"{app.url}/api/v1/documents?{query}", data=text).status == 201
        open_tab(anna, "Library")
        expect(anna.locator("#library tbody tr")).to_have_count(2)
        expect(anna.locator("#library tbody tr", has_text="mine.pdf").locator(".title + .kind")).to_have_text("private")
        expect(anna.locator("#library .pill.ready")).to_have_count(2, timeout=120_000)

        open_tab(anna, "Settings")
        anna.get_by_label("Name of a new token").fill("notebook")
        anna.get_by_role("button", name="Make a token").click()
        expect(anna.locator("[data-token] input")).to_have_value(re.compile("^whetstone_"))

        bert = sign_in(browser, app.url, "bert")
        open_tab(bert, "Library")
        expect(bert.locator("#library tbody tr")).to_have_count(1)
        expect(bert.locator("#library")).not_to_contain_text("mine.pdf")
        open_tab(bert, "Search")
        bert.get_by_role("textbox", name="Question").fill("harvest of quinces")
        bert.keyboard.press("Enter")
        expect(bert.locator("#desk .hit").first).to_be_visible()
        expect(bert.locator("#desk .verdict").first).to_be_hidden()
        asked: list[str] = []
        bert.on("request", lambda request: asked.append(request.post_data or ""))
        open_tab(bert, "Judge")
        expect(bert.locator("#judge .hint")).to_be_visible()
        open_tab(bert, "Settings")
        expect(bert.locator("#account")).to_contain_text("You are bert, with the role read")
        # It is looked for by itself, but not where the answer would be that a reader may not.
        assert [one for one in asked if "look_again" in one] == []
        expect(bert.locator("#settings form")).to_have_count(0)
        bert.get_by_role("button", name="Sign out").click()
        expect(bert.get_by_role("button", name="Sign in")).to_be_visible()
