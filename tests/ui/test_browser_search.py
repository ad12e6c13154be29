"""The Search tab in real Chromium, against the real app and the packaged model. The clicks are fast on purpose."""

import json
import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.ingest import remove_documents
from storage.database import open_database
from storage.library import list_documents
from tests.papers import make_paper, write
from tests.ui.conftest import App, add_papers
from tests.ui.steps import chunk_ids, hit, open_page, open_passages_of_page, open_tab, search, verdicts, wait_for
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow


def test_no_click_of_many_fast_ones_is_lost(page: Page, app: App) -> None:
    question = "what is fast?"
    open_page(page, app)
    search(page, question)
    ids = chunk_ids(page, 1, 2, 4, 5)
    for rank, name in ((1, "Approve"), (2, "Approve"), (4, "Reject"), (5, "Approve"), (2, "Reject"), (5, "Approve")):
        hit(page, rank).get_by_role("button", name=name).click(no_wait_after=True)
    wait_for(lambda: verdicts(app, question) == {ids[0]: 1, ids[1]: 0, ids[2]: 0})
    page.reload()
    search(page, question)
    expect(hit(page, 2).get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    expect(hit(page, 5).locator('button[aria-pressed="true"]')).to_have_count(0)


def test_a_session_by_keyboard_alone(page: Page, app: App) -> None:
    question = "how do acids keep bread fresh?"
    open_page(page, app)
    expect(page.get_by_label("Question", exact=True)).to_be_visible()
    page.locator("body").press("/")
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    expect(page.locator(f'.desk[data-query="{question}"] .hit').first).to_be_visible()
    expect(page.locator(".pageview figure img")).to_be_visible()
    ids = chunk_ids(page, 1, 2, 3)
    expect(hit(page, 1)).to_be_focused()
    for key in "ajrja":
        page.keyboard.press(key)
    wait_for(lambda: verdicts(app, question) == {ids[0]: 1, ids[1]: 0, ids[2]: 1})
    expect(hit(page, 3)).to_have_attribute("aria-current", "true")
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", str(ids[2]))
    page.keyboard.press("/")
    page.keyboard.type("?")
    page.keyboard.press("Escape")
    expect(hit(page, 3)).to_be_focused()
    page.keyboard.press("k")
    expect(hit(page, 2)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.file_name)
def test_the_passage_that_answers_comes_first_marked_on_its_page(page: Page, app: App, topic: object) -> None:
    assert isinstance(topic, type(TOPICS[0]))
    open_page(page, app)
    search(page, topic.question)
    expect(hit(page, 1).locator(".paper")).to_have_text(topic.title)
    marks = page.locator(".pageview figure mark")
    expect(marks.first).to_be_visible()
    picture = page.locator(".pageview figure img").bounding_box()
    assert picture is not None
    for mark in marks.all():
        box = mark.bounding_box()
        assert box is not None
        assert picture["x"] <= box["x"] < box["x"] + box["width"] <= picture["x"] + picture["width"]
        assert picture["y"] <= box["y"] < box["y"] + box["height"] <= picture["y"] + picture["height"]


def test_a_passage_that_was_not_ranked_can_be_approved_from_its_page(page: Page, app: App) -> None:
    question = "only five, please"
    open_page(page, app)
    page.get_by_role("button", name="Filter").click()
    number = page.locator("#k").get_by_role("spinbutton")
    expect(number).to_have_value("10")

    def finds_five() -> bool:
        # The page's first look at the library may still set the form anew beneath what is typed.
        number.fill("5")
        number.press("Tab")
        search(page, question)
        return page.locator(".hit").count() == 5

    wait_for(finds_five)
    open_passages_of_page(page)
    ranked = {hit(page, rank).get_attribute("data-chunk") for rank in range(1, 6)}
    offered = page.locator(".others .verdict")
    ids = [box.get_attribute("data-chunk") for box in offered.all()]
    unranked = next((chunk for chunk in ids if chunk not in ranked), ids[-1])
    page.locator(f'.others .verdict[data-chunk="{unranked}"]').get_by_role("button", name="Approve").click()
    wait_for(lambda: verdicts(app, question) == {int(unranked or 0): 1})


def test_hostile_text_of_a_paper_is_shown_and_not_run(page: Page, app: App) -> None:
    open_page(page, app)
    search(page, "how do parsers read templates?")
    first = hit(page, 1)
    expect(first.locator(".paper")).to_contain_text("On Parsers")
    expect(page.locator(".hit .passage", has_text="<img src=x onerror=")).to_be_visible()
    expect(page.locator(".hit .passage", has_text="Backslashes such as \\xi and \\u0 stand here")).to_be_visible()
    expect(page.locator(".hit .passage", has_text="{{value}}")).to_be_visible()
    open_tab(page, "Library")
    expect(page.locator("#library")).to_contain_text("On Parsers")
    assert page.evaluate("window.pwned") is None


def test_a_question_asked_at_once_is_answered_in_every_window(browser: Browser, app: App) -> None:
    # Gradio's queue lost about one in sixty of these, where another event had just been answered.
    for number in range(8):
        context = browser.new_context()
        window = context.new_page()
        window.goto(app.url)
        window.get_by_role("tab", name="Search").wait_for()
        search(window, f"question {number}, asked at once")
        context.close()
    with urllib.request.urlopen(f"{app.url}/config") as answer:
        events = json.load(answer)["dependencies"]
    assert [event["targets"] for event in events if event["backend_fn"] and event["queue"]] == []


def test_an_empty_question_gets_a_hint(page: Page, app: App) -> None:
    open_page(page, app)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Ask a question")).to_be_visible()


def test_a_filter_outlives_the_removal_of_its_paper(page: Page, app: App, tmp_path: Path) -> None:
    title, question = "Tides of the North Sea", "when does the tide turn?"
    add_papers(app, [write(tmp_path, "tides.pdf", make_paper(title, ["The tide turns every six hours."]))])
    open_page(page, app)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label(re.compile("Only in these papers")).click()
    page.get_by_role("option", name=title).click()
    search(page, question)
    expect(page.locator(".hit")).to_have_count(1)
    hit(page, 1).get_by_role("button", name="Approve").click()
    open_tab(page, "Training")
    expect(page.locator("#pairs")).to_contain_text(question)
    with open_database(app.settings.database) as db:
        document_id = next(document.id for document in list_documents(db) if document.title == title)
    remove_documents(app.settings, [document_id])
    expect(page.locator("#pairs")).not_to_contain_text(question)
    open_tab(page, "Search")
    search(page, "what now?")
    expect(page.locator(".hit").nth(1)).to_be_visible()


def filter_by(page: Page, words: str) -> None:
    page.get_by_role("button", name="Filter").click()
    field = page.get_by_label(re.compile("Only in these papers"))
    field.fill(words)
    field.press("Enter")


def test_words_of_a_title_filter_as_the_paper_itself_does(page: Page, app: App) -> None:
    topic = TOPICS[0]
    open_page(page, app)
    filter_by(page, topic.title.split()[-1].upper())
    search(page, "what is said here?")
    expect(page.locator(".summary")).to_contain_text("from 1 paper, filtered,")
    assert set(page.locator(".hit .paper").all_inner_texts()) == {topic.title}


def test_a_filter_that_names_no_paper_searches_nothing(page: Page, app: App) -> None:
    open_page(page, app)
    filter_by(page, "zeppelins")
    page.get_by_label("Question", exact=True).fill("what is said here?")
    page.get_by_label("Question", exact=True).press("Enter")
    expect(page.locator("#desk")).to_contain_text("No paper has 'zeppelins' in its title or file name.")
    expect(page.locator(".hit")).to_have_count(0)


def test_a_reload_shows_the_same_question_with_its_filter(page: Page, app: App) -> None:
    question = "what & which = said here? 100%"
    open_page(page, app)
    filter_by(page, TOPICS[1].title)
    search(page, question)
    for tab in ("Library", "Search"):
        open_tab(page, tab)
        expect(page).to_have_url(re.compile(f"tab={tab.lower()}.*paper="))
    page.reload()
    expect(page.get_by_label("Question", exact=True)).to_have_value(question)
    expect(page.locator(f'.desk[data-query="{question}"] .hit').first).to_be_visible()
    assert set(page.locator(".hit .paper").all_inner_texts()) == {TOPICS[1].title}


def test_a_passage_chosen_beside_the_page_is_marked_on_it(page: Page, app: App) -> None:
    open_page(page, app)
    search(page, TOPICS[0].question)
    open_passages_of_page(page)
    current = page.locator(".others li.current")
    before = page.locator(".pageview figure mark").first.get_attribute("style")
    other = page.locator(".others li:not(.current)").first
    chunk = other.get_attribute("data-passage")
    other.locator(".passage").click()
    expect(current).to_have_attribute("data-passage", chunk or "")
    expect(current).to_be_visible()
    assert page.locator(".pageview figure mark").first.get_attribute("style") != before
