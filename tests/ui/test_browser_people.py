"""Two people at one library in a real browser: they sign in by name, and what is private stays with one of them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.accounts import add_user
from core.people import Role
from storage.collections import list_collections
from storage.database import open_database
from storage.judgements import store_judgement
from storage.library import chunks_of_document, list_documents
from tests.papers import make_paper, write
from tests.two_users import PASSWORD
from tests.ui.conftest import App, add_papers, serve_app
from tests.ui.topics import TOPICS, write_topics

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def windows_end_with_their_test(browser: Browser) -> Iterator[None]:
    yield
    for context in browser.contexts:
        context.close()


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


# Rows are made anew beneath a press, so a button is known by its words, and no pointer is aimed at it.
_PRESS_ALL = """async () => {
  const known = one => JSON.stringify([one.innerText, one.ariaLabel]);
  const pressed = new Map();
  const next = () => [...document.querySelectorAll('#tabs [role=tabpanel] button:enabled')]
    .find(one => one.checkVisibility({ visibilityProperty: true }) && !pressed.has(known(one)));
  for (let button; (button = next());) {
    pressed.set(known(button), button.innerText);
    button.click();
    await new Promise(requestAnimationFrame);
    document.querySelectorAll('dialog[open]').forEach(one => one.close());
  }
  return [...pressed.values()];
}"""


def press_all(page: Page) -> list[str]:
    """Press a button of each kind that the open tab shows, also of those that come by it; the words on them."""
    return page.evaluate(_PRESS_ALL)


def test_the_first_user_is_asked_to_sign_in_and_can_add_a_private_paper_as_the_first(
    browser: Browser, tmp_path: Path
) -> None:
    with serve_app(tmp_path) as app:
        page = browser.new_context().new_page()
        page.goto(f"{app.url}/?tab=settings")
        other = page.context.new_page()
        other.goto(app.url)
        expect(other.get_by_role("tab", name="Search")).to_be_visible()
        page.bring_to_front()
        users = page.locator("#account form[data-form=add]")
        users.get_by_label("Name").fill("anna")
        users.get_by_label("Password").fill(PASSWORD)
        users.get_by_role("button", name="Add user").click()
        expect(page.locator("#name")).to_be_visible()
        # A window that was open hears of it, and does not stand there without a word.
        other.bring_to_front()
        other.get_by_role("dialog", name="Signed out").get_by_role("button", name="Sign in").click()
        expect(other.locator("#name")).to_be_visible()
        page.context.close()

        page = sign_in(browser, app.url, "anna")
        open_tab(page, "Library")
        page.get_by_role("button", name="New private collection…").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Name").fill("Plans")
        form.get_by_label("Name").press("Enter")
        into = page.get_by_label("New papers go into")
        into.click()
        page.get_by_role("option", name="Plans (private)").click()
        # It holds for what is fetched too; what is no id is asked of nobody.
        with page.expect_request(lambda request: '"fn_name":"fetch"' in (request.post_data or "")) as fetching:
            page.get_by_label("Fetch a paper").fill("no id")
            page.get_by_label("Fetch a paper").press("Enter")
        with open_database(app.settings.database) as db:
            (plans,) = list_collections(db)
        assert fetching.value.post_data_json["data"] == ["no id", plans.id]
        body = make_paper("Hidden quinces", ["About the harvest of quinces there is a thing that one person knows."])
        page.set_input_files("#upload input[type=file]", write(tmp_path, "mine.pdf", body))
        expect(page.locator("#library tbody tr", has_text="mine.pdf")).to_contain_text("private")
        page.context.close()


def judge_first_passages(app: App) -> None:
    with open_database(app.settings.database) as db:
        for topic, document in zip(TOPICS, sorted(list_documents(db), key=lambda one: one.id), strict=True):
            store_judgement(db, topic.question, chunks_of_document(db, document.id)[0].id, 1)


def test_no_button_is_shown_that_the_role_refuses(browser: Browser, tmp_path: Path) -> None:
    with serve_app(tmp_path) as app:
        add_papers(app, write_topics(tmp_path))
        judge_first_passages(app)
        for role in reversed(Role):
            add_user(app.settings, f"of {role}", role, PASSWORD)
        for role in (Role.READ, Role.JUDGE):
            page = sign_in(browser, app.url, f"of {role}")
            page.evaluate("""new MutationObserver(() => {
                const said = document.querySelector('#said')?.innerText ?? '';
                if (said.includes('needs the role')) window.refused = said;
            }).observe(document.body, {childList: true, subtree: true})""")
            page.get_by_role("textbox", name="Question").fill(TOPICS[0].question)
            page.keyboard.press("Enter")
            expect(page.locator("#desk .hit").first).to_be_visible()
            pressed = press_all(page)
            for tab in ("Judge", "Map", "Library", "Training", "Settings"):
                open_tab(page, tab)
                expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
                pressed += press_all(page)
            expect(page.locator("#account")).to_contain_text(f"with the role {role}")
            assert page.evaluate("window.refused") is None
            assert "Report" in pressed
            assert ("✓ Approve" in pressed) == (role is Role.JUDGE)
            assert not {"Edit", "Retrain", "Load and use", "Fetch"} & set(pressed)
            # It is told why.
            open_tab(page, "Library")
            expect(page.get_by_text("Adding and editing papers needs the role train.")).to_be_visible()
            page.context.close()
        page = sign_in(browser, app.url, "of train")
        open_tab(page, "Training")
        expect(page.get_by_role("button", name="Retrain", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Load and use")).to_be_hidden()
        open_tab(page, "Library")
        expect(page.get_by_role("button", name="Edit").first).to_be_visible()


def test_two_people_sign_in_and_one_has_a_paper_that_the_other_does_not(browser: Browser, tmp_path: Path) -> None:
    with serve_app(tmp_path) as app:
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


def test_each_judges_for_themselves_and_sees_what_the_other_says(browser: Browser, tmp_path: Path) -> None:
    with serve_app(tmp_path) as app:
        add_papers(app, write_topics(tmp_path)[:1])
        for name, role in (("anna", Role.ADMIN), ("bert", Role.JUDGE)):
            add_user(app.settings, name, role, PASSWORD)

        def ask(page: Page) -> Locator:
            page.get_by_role("textbox", name="Question").fill(TOPICS[0].question)
            page.keyboard.press("Enter")
            first = page.locator("#desk .hit").first
            expect(first).to_be_visible()
            return first

        anna, bert = (sign_in(browser, app.url, name) for name in ("anna", "bert"))
        hers = ask(anna)
        hers.locator(".yes").click()
        expect(hers.locator(".yes")).to_have_attribute("aria-pressed", "true")
        expect(anna.locator("#header")).to_contain_text("1 approved")
        his = ask(bert)
        expect(his.locator(".others-say")).to_have_text("anna approved")
        expect(his.locator(".yes")).to_have_attribute("aria-pressed", "false")
        his.locator(".no").click()
        expect(bert.locator("#header")).to_contain_text("1 rejected")
        # Taken back, hers stays.
        his.locator(".no").click()
        expect(bert.locator("#header")).not_to_contain_text("1 rejected")
        expect(bert.locator("#header")).to_contain_text("1 approved")
        his.locator(".no").click()
        expect(bert.locator("#header")).to_contain_text("1 rejected")
        hers = ask(anna)
        expect(hers.locator(".others-say")).to_have_text("bert rejected")
        expect(hers.locator(".yes")).to_have_attribute("aria-pressed", "true")
        open_tab(anna, "Training")
        expect(anna.locator(".pairs")).to_contain_text("People disagree about 1 passage")
        # Who may judge, and not train, can choose their own to be withdrawn, and no other's.
        open_tab(bert, "Training")
        expect(bert.locator(".pairs tbody tr")).to_have_count(2)
        his = bert.locator(".pairs tbody tr").filter(has=bert.locator("input[type=checkbox]"))
        expect(his).to_have_count(1)
        expect(his).to_contain_text("rejected")
