"""The page in real Chromium, against the real app and the packaged model. The clicks are fast on purpose."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from indexer.ingest import remove_documents
from storage import judgements, models
from storage.database import open_database
from storage.library import list_documents
from tests.conftest import SHARED_DATA
from tests.papers import make_paper, write
from tests.ui.conftest import App, add_papers, run_app
from tests.ui.topics import TOPICS, write_topics

pytestmark = pytest.mark.slow

_REAL_PAPERS = (
    ("AI-research-assistant/1706.03762.pdf", "how is multi-head attention computed?"),
    ("AI-research-assistant/2005.11401.pdf", "how does the generator use retrieved documents?"),
    ("papers-we-love/buridans-principle.pdf", "why can a decision not be made in a bounded time?"),
)
_LONG_MS = 240_000


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


def papers_and_questions(folder: Path) -> list[tuple[Path, str]]:
    """Real papers where they lie beside this checkout, else the small ones."""
    real = [(SHARED_DATA / "pdfs" / "papers" / name, question) for name, question in _REAL_PAPERS]
    if all(path.is_file() for path, _ in real):
        return real
    return list(zip(write_topics(folder), [topic.question for topic in TOPICS], strict=True))


def test_the_whole_job_from_upload_to_undo(page: Page, tmp_path: Path) -> None:
    papers = papers_and_questions(tmp_path)
    with run_app(tmp_path / "library", chunk_tokens=200 if papers[0][0].is_relative_to(SHARED_DATA) else 64) as app:
        open_page(page, app)
        expect(page.get_by_text("Begin with your papers")).to_be_visible()

        open_tab(page, "Library")
        page.locator("#upload input[type=file]").set_input_files([path for path, _ in papers])
        expect(page.locator("#library .pill.ready")).to_have_count(3, timeout=_LONG_MS)
        expect(page.locator("#header")).to_contain_text("3 papers")

        open_tab(page, "Search")
        expect(page.get_by_text("Ask a question")).to_be_visible()
        for _, question in papers:
            search(page, question)
            expect(page.get_by_text("Ask a question")).to_be_hidden()
            for rank in (1, 2):
                hit(page, rank).get_by_role("button", name="Approve").click()
        expect(page.locator("#header")).to_contain_text("6 approved")
        for _, question in papers:
            assert sorted(verdicts(app, question).values()) == [1, 1]

        open_tab(page, "Training")
        page.get_by_label("Epochs").fill("1")
        page.get_by_label("Batch size").fill("2")
        page.get_by_label("Batch size").press("Tab")
        page.get_by_role("button", name="Retrain", exact=True).click()
        promote = page.locator("#training").get_by_role("button", name="Promote v1")
        expect(promote).to_be_visible(timeout=_LONG_MS)
        rows = page.locator("#training .scores tbody tr")
        expect(rows.locator("th")).to_have_text(["384", "256", "128", "64"])
        expect(rows.first.locator("td").first).to_have_text(re.compile(r"0\.\d{3} → \d\.\d{3}|1\.000 → \d\.\d{3}"))
        expect(page.locator("#training .chart")).to_have_count(2)

        promote.click()
        page.get_by_role("button", name="Not recommended: promote all the same").click()
        expect(page.locator("#header")).to_contain_text("v1")
        expect(page.locator("#models")).to_contain_text("promoted against the advice")
        open_tab(page, "Search")
        search(page, papers[0][1] + " again")
        with open_database(app.settings.database) as db:
            active = models.active_model(db)
        assert active is not None
        assert active.name == "v1"
        expect(page.locator(".desk")).to_have_attribute("data-model", str(active.id))

        page.get_by_role("button", name="Filter").click()
        page.get_by_label(re.compile("Judge blind")).check()
        blind = "which of the two found this?"
        search(page, blind)
        expect(page.locator(".hit .score")).to_have_count(0)
        page.locator(".hit").first.get_by_role("button", name="Approve").click()
        wait_for(lambda: list(verdicts(app, blind).values()) == [1])
        with open_database(app.settings.database) as db:
            judged = judgements.list_judgements(db)[-1]
        assert (judged.query, judged.rank, judged.model_id) == (blind, None, None)
        page.get_by_label(re.compile("Judge blind")).uncheck()

        open_tab(page, "Training")
        page.locator("#training").get_by_role("button", name="Undo").click()
        expect(page.locator("#header")).to_contain_text("MiniLM")
        open_tab(page, "Search")
        search(page, papers[0][1])
        expect(hit(page, 1).get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".desk")).to_have_attribute("data-model", str(active.parent_id))


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
    hit(page, 1).focus()
    for key in "ajrja":
        page.keyboard.press(key)
    wait_for(lambda: verdicts(app, question) == {ids[0]: 1, ids[1]: 0, ids[2]: 1})
    expect(hit(page, 3)).to_have_attribute("aria-current", "true")
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", str(ids[2]))


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

    def takes_five() -> bool:
        # The page's first look at the library may still set the form anew beneath what is typed.
        number.fill("5")
        number.press("Tab")
        page.wait_for_timeout(500)
        return number.input_value() == "5"

    wait_for(takes_five)
    search(page, question)
    expect(page.locator(".hit")).to_have_count(5)
    page.locator(".others summary").click()
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


def test_papers_are_removed_after_a_confirmation_and_found_no_more(page: Page, app: App, tmp_path: Path) -> None:
    title = "Beavers and Their Dams"
    add_papers(app, [write(tmp_path, "beavers.pdf", make_paper(title, ["Beavers build dams of wood and mud."]))])
    open_page(page, app)
    search(page, "what do beavers build?")
    expect(hit(page, 1).locator(".paper")).to_have_text(title)
    hit(page, 1).get_by_role("button", name="Approve").click()
    wait_for(lambda: verdicts(app, "what do beavers build?") != {})
    open_tab(page, "Library")
    page.get_by_label(f"Choose {title}").check()
    said: list[str] = []
    page.once("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Remove 1 chosen").click()
    assert said[0] == f"Remove “{title}”? 1 judgement on a passage goes too."
    expect(page.locator("#library")).to_contain_text(title)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove 1 chosen").click()
    expect(page.locator("#library")).not_to_contain_text(title)
    open_tab(page, "Search")
    page.get_by_label("Question", exact=True).press("Enter")
    expect(hit(page, 1).locator(".paper")).not_to_have_text(title)


def test_a_choice_of_papers_stays_with_its_papers_when_others_come_in(page: Page, app: App, tmp_path: Path) -> None:
    open_page(page, app, "?tab=library")
    chosen = page.get_by_label(f"Choose {TOPICS[0].title}")
    chosen.check()
    add_papers(app, [write(tmp_path, "owls.pdf", make_paper("How Owls Hear", ["Owls hear mice under snow."]))])
    expect(page.locator("#library")).to_contain_text("How Owls Hear")
    expect(chosen).to_be_checked()
    expect(page.locator("#library tbody input:checked")).to_have_count(1)


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
    page.locator(".others summary").click()
    current = page.locator(".others li.current")
    before = page.locator(".pageview figure mark").first.get_attribute("style")
    other = page.locator(".others li:not(.current)").first
    chunk = other.get_attribute("data-passage")
    other.locator(".passage").click()
    expect(current).to_have_attribute("data-passage", chunk or "")
    expect(current).to_be_visible()
    assert page.locator(".pageview figure mark").first.get_attribute("style") != before


def test_what_can_not_be_read_says_why_and_can_be_tried_again(page: Page, app: App) -> None:
    open_page(page, app, "?tab=library")
    upload = page.locator("#upload input[type=file]")
    upload.set_input_files({"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 and no more"})
    row = page.locator("#library tbody tr", has_text="broken.pdf")
    expect(row.locator(".pill.failed")).to_be_visible(timeout=60_000)
    expect(row.locator(".reason")).to_contain_text("'broken.pdf'")
    row.get_by_role("button", name="Retry").click()
    expect(row.locator(".pill.failed")).to_be_visible(timeout=60_000)


def test_a_retrain_without_enough_to_learn_from_is_one_clear_sentence(page: Page, tmp_path: Path) -> None:
    with run_app(tmp_path / "library") as app:
        open_page(page, app, "?tab=training")
        page.get_by_role("button", name="Retrain", exact=True).click()
        expect(page.get_by_text("Approve passages for at least 2 different questions first")).to_be_visible()
        model = page.get_by_label(re.compile("Another model"))
        model.fill("nobody/no-such-model")
        model.press("Enter")
        page.get_by_role("button", name="Load and use").click()
        expect(page.locator("#models .job.failed")).to_contain_text("'nobody/no-such-model' could not be fetched")
        expect(page.locator("#models")).to_contain_text("answers now")
        page.get_by_label("Matryoshka dimensions").fill("512, 64")
        page.get_by_role("button", name="Retrain", exact=True).click()
        expect(page.get_by_text("A Matryoshka dimension is 512; it must be at most 384")).to_be_visible()
        page.locator("#models").get_by_role("button", name="Dismiss").click()
        expect(page.locator("#models .job")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(page: Page, app: App, theme: str) -> None:
    open_page(page, app, f"?__theme={theme}")
    search(page, TOPICS[0].question)
    hit(page, 1).get_by_role("button", name="Approve").click()
    hit(page, 2).get_by_role("button", name="Reject").click()
    faint = {}
    for tab in ("Search", "Library", "Training"):
        open_tab(page, tab)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        looked = page.evaluate(_LOOK_AT_CONTRAST)
        assert (looked["ground"] > 0.5) == (theme == "light")
        faint[tab] = looked["faint"]
    assert faint == {"Search": [], "Library": [], "Training": []}


def test_at_400_pixels_nothing_runs_off_to_the_side(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 400, "height": 860})
    open_page(page, app)
    search(page, TOPICS[0].question)
    view = page.locator(".pageview")
    expect(view).to_be_hidden()
    hit(page, 2).locator(".passage").click()
    expect(view.locator("figure mark").first).to_be_in_viewport()
    view.locator(".judge-here").get_by_role("button", name="Approve").click()
    view.get_by_role("button", name="Passages").click()
    expect(view).to_be_hidden()
    expect(hit(page, 2).get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "true")
    for tab in ("search", "library", "training"):
        open_page(page, app, f"?tab={tab}")
        expect(
            page.locator({"search": "#desk", "library": "#library table", "training": "#training .card >> nth=0"}[tab])
        ).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, tab


# How light the page is, and texts whose contrast with what is behind them is below WCAG AA; disabled controls excepted.
_LOOK_AT_CONTRAST = """() => {
  const channels = color => (color.match(/[\\d.]+/g) || [])
    .map((v, i) => color.startsWith('color(') && i < 3 ? 255 * v : Number(v));
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const parts = channels(getComputedStyle(one).backgroundColor);
      if (parts.length && (parts.length < 4 || parts[3] > 0.95)) return parts;
    }
    return [255, 255, 255];
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest('script, style, :disabled, .sr-only') || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(channels(style.color)), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return { faint: found, ground: light(ground(document.querySelector("#header"))) };
}"""
