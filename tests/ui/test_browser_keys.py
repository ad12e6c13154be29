"""The keys of the page and the dialogs over it, by keyboard alone, in real Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from storage import judgements
from storage.database import open_database
from tests.ui.conftest import App
from tests.ui.steps import chunk_ids, expect_said, hit, open_page, open_tab, search, verdicts, wait_for
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow


def test_a_question_mark_shows_the_keys_on_every_tab_and_escape_leads_back(page: Page, app: App) -> None:
    open_page(page, app)
    keys = page.get_by_role("dialog", name="Keys")
    for tab in ("Search", "Judge", "Map", "Library", "Training", "Settings"):
        open_tab(page, tab)
        before = page.get_by_role("tab", name=tab)
        before.focus()
        page.keyboard.press("?")
        expect(keys).to_be_visible()
        for key in ("Tab", "Tab", "Shift+Tab"):
            page.keyboard.press(key)
            assert keys.evaluate("dialog => dialog.contains(document.activeElement)")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(keys).to_have_count(0)
        expect(before).to_be_focused()


def test_a_question_mark_in_a_question_is_text_and_keys_wait_behind_a_dialog(page: Page, app: App) -> None:
    question = "which keys wait behind a dialog?"
    open_page(page, app)
    field = page.get_by_label("Question", exact=True)
    field.press_sequentially(question)
    expect(page.get_by_role("dialog")).to_have_count(0)
    search(page, question)
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    hit(page, 1).focus()
    page.keyboard.press("r")
    wait_for(lambda: verdicts(app, question) == {chunk_ids(page, 1)[0]: 0})


def test_several_hits_are_judged_at_once_by_keys(page: Page, app: App) -> None:
    question = "which of these are judged at once?"
    open_page(page, app)
    search(page, question)
    hits = page.locator(".hit")
    ids = [int(one.get_attribute("data-chunk") or 0) for one in hits.all()]
    expect(hits.first).to_be_focused()
    for key in "xjjx":
        page.keyboard.press(key)
    expect(page.locator(".chosenbar")).to_contain_text("2 chosen")
    page.keyboard.press("a")
    wait_for(lambda: verdicts(app, question) == {ids[0]: 1, ids[2]: 1})
    expect(page.locator(".chosenbar")).to_be_hidden()
    expect(hits.nth(2).locator(".note")).to_have_text("trains as an answer")
    # Where those chosen are judged unlike, all get the one verdict; where they have it, it is taken back from all.
    for number in (0, 1):
        hits.nth(number).get_by_role("checkbox").check()
    page.get_by_role("button", name="Reject chosen").click()
    wait_for(lambda: verdicts(app, question) == {ids[0]: 0, ids[1]: 0, ids[2]: 1})
    page.locator("body").press("k")
    expect(hits.nth(1)).to_be_focused()
    for key in "xkxr":
        page.keyboard.press(key)
    wait_for(lambda: verdicts(app, question) == {ids[2]: 1})
    # Each is taken back as it was given, the last first, and then there is none.
    for before in ({ids[0]: 0, ids[1]: 0, ids[2]: 1}, {ids[0]: 1, ids[2]: 1}, {}):
        page.keyboard.press("u")
        wait_for(lambda before=before: verdicts(app, question) == before)
    expect(hits.first.locator(".note")).to_have_text("")
    page.keyboard.press("u")
    word = page.locator("#said p", has_text="No verdict on this question was given in this window.")
    # What lies over the page goes where it is in the way.
    word.click()
    expect(word).to_have_count(0)


def test_a_part_of_a_hit_is_cut_out_and_approved(page: Page, app: App) -> None:
    question = f"{TOPICS[0].question} in part"
    open_page(page, app)
    search(page, question)
    (chunk,) = chunk_ids(page, 1)
    whole = hit(page, 1).locator(".passage").inner_text()
    expect(hit(page, 1)).to_be_focused()
    page.keyboard.press("e")
    form = page.get_by_role("dialog", name="Approve a part")
    field = form.get_by_label("The part that answers")
    expect(field).to_be_focused()
    field.fill("words that no passage of this paper holds")
    field.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("These words do not stand in the passage as they are here.")
    part = " ".join(whole.split()[:8])
    field.fill(part)
    form.get_by_role("button", name="Approve").click()
    expect(form).to_have_count(0)
    expect(hit(page, 1)).to_be_focused()
    expect(hit(page, 1).locator(".note")).to_have_text("a part trains as an answer")
    with open_database(app.settings.database) as db:
        assert judgements.parts_by_chunk(db, question) == {chunk: part}
    # It is known again when the page is, and the dialog begins with it.
    page.reload()
    expect(hit(page, 1).locator(".note")).to_have_text("a part trains as an answer")
    hit(page, 1).get_by_role("button", name="A part…").click()
    expect(field).to_have_value(part)
    form.get_by_role("button", name="All of it").click()
    form.get_by_role("button", name="Approve").click()
    expect(hit(page, 1).locator(".note")).to_have_text("trains as an answer")
    wait_for(lambda: verdicts(app, question) == {chunk: 1})
    with open_database(app.settings.database) as db:
        assert judgements.parts_by_chunk(db, question) == {}


def test_selected_words_of_a_hit_are_judged_alone(page: Page, app: App) -> None:
    question = f"{TOPICS[1].question} in some words"
    open_page(page, app)
    search(page, question)
    (chunk,) = chunk_ids(page, 1)
    hit(page, 1).locator(".passage").evaluate(
        "(passage, words) => { const range = document.createRange(); range.selectNodeContents(passage);"
        " getSelection().removeAllRanges(); getSelection().addRange(range);"
        " for (let n = 0; n < words; n++) getSelection().modify('extend', 'backward', 'word'); }",
        4,
    )
    hit(page, 1).get_by_role("button", name="✓ Approve").click()
    wait_for(lambda: verdicts(app, question) == {chunk: 1})
    with open_database(app.settings.database) as db:
        (part,) = judgements.parts_by_chunk(db, question).values()
    whole = " ".join(hit(page, 1).locator(".passage").inner_text().split())
    assert whole.startswith(part)
    assert len(part) < len(whole)


def test_an_address_restores_the_question_and_the_chosen_passage(page: Page, app: App) -> None:
    one, other = "which passage did I choose?", "which one came later?"
    open_page(page, app)
    search(page, one)
    hit(page, 3).locator(".passage").click()
    (chosen,) = chunk_ids(page, 3)
    expect(page).to_have_url(re.compile(f"passage={chosen}"))
    address = page.url
    search(page, other)
    expect(page).not_to_have_url(re.compile(f"passage={chosen}$"))
    open_tab(page, "Library")
    # Only then is there a step to go back.
    expect(page).to_have_url(re.compile("tab=library"))
    page.go_back()
    expect(page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect_chosen(page, one, chosen)
    page.go_forward()
    expect(page.locator(f'.desk[data-query="{other}"]')).to_be_visible()
    expect(page.get_by_label("Question", exact=True)).to_have_value(other)
    page.go_back()
    expect_chosen(page, one, chosen)
    page.reload()
    expect_chosen(page, one, chosen)
    passed_on = page.context.new_page()
    passed_on.goto(address)
    expect_chosen(passed_on, one, chosen)
    passed_on.close()


def expect_chosen(page: Page, question: str, chunk: int) -> None:
    expect(page.get_by_label("Question", exact=True)).to_have_value(question)
    expect(page.locator(f'.desk[data-query="{question}"]')).to_be_visible()
    expect(page.locator(".hit.chosen")).to_have_attribute("data-chunk", str(chunk))
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", str(chunk))


def test_a_passage_of_an_address_that_is_gone_makes_way_for_the_first(page: Page, app: App) -> None:
    open_page(page, app, "?q=what+is+gone%3F&passage=987654")
    expect_said(page, "987654")
    expect(hit(page, 1)).to_have_attribute("aria-current", "true")
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", str(chunk_ids(page, 1)[0]))


def test_the_keys_judge_the_passage_whose_page_is_shown_where_it_is_no_hit(page: Page, app: App) -> None:
    question = "which passage is judged that is no hit?"
    open_page(page, app)
    search(page, question)
    with open_database(app.settings.database) as db:
        found = [int(one.get_attribute("data-chunk") or 0) for one in page.locator(".hit").all()]
        other = next(row[0] for row in db.conn.execute("SELECT id FROM chunks ORDER BY id") if row[0] not in found)
    page.goto(re.sub(r"passage=\d+", f"passage={other}", page.url))
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", str(other))
    expect(page.locator(".pageview")).not_to_have_attribute("aria-busy", "true")
    page.keyboard.press("a")
    wait_for(lambda: verdicts(app, question) == {other: 1})
    page.keyboard.press("j")
    expect(page.locator(".pageview")).not_to_have_attribute("data-chunk", str(other))
    page.keyboard.press("r")
    wait_for(lambda: verdicts(app, question) == {other: 1, found[1]: 0})
