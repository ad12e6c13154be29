"""Narrowing, spreading, keeping and taking along what is found, in real Chromium against the real app."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.collections import list_collections
from storage.database import open_database
from tests.ui.conftest import App
from tests.ui.steps import hit, open_page, open_tab, search, wait_for
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow


@pytest.fixture
def page(page: Page, app: App) -> Page:
    open_page(page, app)
    return page


def papers_shown(page: Page) -> set[str]:
    return set(page.locator(".hit .paper").all_inner_texts())


def test_one_click_narrows_to_a_paper_and_one_finds_passages_like_another(page: Page) -> None:
    topic = TOPICS[0]
    search(page, topic.question)
    hit(page, 1).get_by_role("button", name="Only this paper").click()
    expect(page.locator(".summary")).to_contain_text("from 1 paper, filtered,")
    assert papers_shown(page) == {topic.title}
    expect(page).to_have_url(re.compile("paper=\\d+"))
    page.get_by_role("button", name="Clear filter").click()
    expect(page.locator(".summary")).not_to_contain_text("filtered")
    first = hit(page, 1).get_attribute("data-chunk")
    hit(page, 1).get_by_role("button", name="More like this").click()
    expect(page.get_by_role("button", name="Like “")).to_contain_text(f"Like “{topic.title}")
    expect(page.locator(f'.hit[data-chunk="{first}"]')).to_have_count(0)
    expect(page).to_have_url(re.compile(f"like={first}"))
    page.reload()
    expect(page.get_by_role("button", name="Like “")).to_be_visible()
    expect(page.get_by_label("Question", exact=True)).to_have_value(topic.question)
    page.get_by_role("button", name="Like “").click()
    expect(page.locator(f'.hit[data-chunk="{first}"]')).to_be_visible()


def test_mode_and_the_whole_filter_stand_in_the_address(page: Page) -> None:
    search(page, "why do glaciers speed up?")
    expect(hit(page, 1).locator(".ranks")).to_have_text(re.compile(r"meaning \d+ · words \d+"))
    page.locator("#mode").get_by_label("Words", exact=True).check()
    expect(hit(page, 1).locator(".ranks")).to_have_text("meaning – · words 1")
    expect(page).to_have_url(re.compile("mode=words"))
    page.get_by_label("Spread over papers").check()
    expect(page).to_have_url(re.compile("spread=2"))
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Author", exact=True).fill("nobody at all")
    page.get_by_label("Years").fill("soon")
    page.get_by_label("Years").press("Enter")
    expect(page.locator("#desk")).to_contain_text("'soon' names no years.")
    page.get_by_label("Years").fill("")
    page.get_by_label("Years").press("Enter")
    expect(page.locator("#desk")).to_contain_text("No passage passes the filter above")
    page.reload()
    expect(page.locator("#desk")).to_contain_text("No passage passes the filter above")
    page.locator("#filter > button").click()
    expect(page.get_by_label("Author", exact=True)).to_have_value("nobody at all")
    expect(page.locator("#mode").get_by_label("Words", exact=True)).to_be_checked()
    expect(page.get_by_label("Spread over papers")).to_be_checked()
    page.get_by_role("button", name="Clear filter").click()
    expect(hit(page, 1)).to_be_visible()


def test_passages_that_adjoin_are_one_card_and_marked_together(page: Page) -> None:
    search(page, "how is the timing of pulsars measured?")
    card = page.locator(".found.joined").first
    parts = card.locator(".hit")
    chosen = parts.first
    chosen.click()
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", chosen.get_attribute("data-chunk") or "")
    expect(page.locator(".pageview figure mark:not(.beside)").first).to_be_visible()
    expect(page.locator(".pageview figure mark.beside").first).to_be_attached()
    parts.nth(1).get_by_role("button", name="Approve").click()
    expect(parts.nth(1).locator(".note")).to_have_text("trains as an answer")
    expect(chosen.locator('button[aria-pressed="true"]')).to_have_count(0)


def test_a_search_is_saved_asked_again_and_exported(page: Page, tmp_path: Path) -> None:
    topic = TOPICS[1]
    search(page, topic.question)
    page.locator(".take summary").click()
    for form, suffix in (("csv", "csv"), ("bibtex", "bib"), ("json", "json")):
        with page.expect_download() as download:
            page.locator(f"[data-export={form}]").click()
        assert download.value.suggested_filename == f"passages.{suffix}"
        download.value.save_as(tmp_path / suffix)
    assert json.loads((tmp_path / "json").read_text())["query"] == topic.question
    assert topic.title in (tmp_path / "csv").read_text()
    page.get_by_label("Name of this search").fill("Of <b>bread</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    search(page, "something else")
    page.get_by_text("Saved and recent questions").click()
    saved = page.locator("#recall a", has_text="Of <b>bread</b>")
    expect(page.locator("#recall a", has_text="something else")).to_be_visible()
    saved.click()
    expect(page.locator(f'.desk[data-query="{topic.question}"] .hit').first).to_be_visible()
    page.get_by_role("button", name="Delete the saved search Of <b>bread</b>").click()
    expect(saved).to_have_count(0)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#recall a")).to_have_count(0)


def test_papers_are_put_into_a_collection_and_only_it_is_searched(page: Page, app: App) -> None:
    topic, form = TOPICS[2], page.get_by_role("dialog")
    open_tab(page, "Library")
    page.get_by_label(f"Choose {topic.title}").check()
    page.get_by_label("Collection", exact=True).select_option("new")
    page.get_by_role("button", name="Put in").click()
    form.get_by_label("Name").fill("   ")
    form.get_by_role("button", name="Make").click()
    expect(form.get_by_role("alert")).to_contain_text("needs a name")
    form.get_by_label("Name").fill("Stars")
    form.get_by_label("Name").press("Enter")
    expect(page.locator("#library tr", has_text=topic.title)).to_contain_text("In Stars")
    page.locator(".collections summary").click()
    page.get_by_role("button", name="Rename Stars").click()
    expect(form.get_by_label("Name")).to_have_value("Stars")
    form.get_by_label("Name").fill("Neutron stars")
    form.get_by_role("button", name="Rename").click()
    expect(page.locator("#library tr", has_text=topic.title)).to_contain_text("In Neutron stars")
    open_tab(page, "Search")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Only in these collections").click()
    page.get_by_role("option", name="Neutron stars").click()
    search(page, "what is said here?")
    assert papers_shown(page) == {topic.title}
    open_tab(page, "Library")
    page.get_by_role("button", name="Delete Neutron stars").click()
    form.get_by_role("button", name="Delete", exact=True).click()

    def is_gone() -> bool:
        with open_database(app.settings.database) as db:
            return not list_collections(db)

    wait_for(is_gone)
    open_tab(page, "Search")
    expect(page.locator("#collections")).not_to_contain_text("Neutron stars")
    search(page, "and now?")
    expect(page.locator(".summary")).not_to_contain_text("filtered")
