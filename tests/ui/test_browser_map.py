"""The Map and Judge tabs in real Chromium, on a library that nobody changes meanwhile: no worker runs beside it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.formats import DocumentFormat
from core.types import Chunk, DocumentState, JobKind, JobState, Metadata, ModelVersion, Span
from core.types import Page as PaperPage
from indexer.model_sources import fingerprint_folder
from jobs.worker import run_or_wait
from search.map.queue import queue_map
from search.map.view import describe_map
from storage import jobs, judgements, library, models, proposals
from storage.database import open_database
from storage.readings import store_reading
from tests.makers import embed_all
from tests.papers import make_paper
from tests.ui.conftest import as_app
from tests.ui.site import Site, make_services, serve
from tests.ui.steps import expect_said, open_list, open_page, open_tab, search, wait_for
from tests.ui.topics import TOPICS
from training.propose import propose_mark

pytestmark = pytest.mark.slow

QUESTION = TOPICS[0].question


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    services = make_services(tmp_path_factory.mktemp("map") / "library")
    settings = services.settings
    with open_database(settings.database) as db:
        for number, topic in enumerate(TOPICS):
            sha256 = f"{number:064x}"
            settings.original(sha256, DocumentFormat.PDF).write_bytes(make_paper(topic.title, topic.paragraphs))
            document, _ = library.add_document(db, sha256, topic.file_name)
            page = "\r\n".join(topic.paragraphs)
            starts = [page.index(text) for text in topic.paragraphs]
            chunks = [
                Chunk(text, (Span(1, start, start + len(text)),))
                for text, start in zip(topic.paragraphs, starts, strict=True)
            ]
            store_reading(db, document.id, Metadata(title=topic.title), [PaperPage(1, page, 612, 792)], chunks)
            library.set_document_state(db, document.id, DocumentState.READY)
        version = models.active_model(db)
        assert version is not None
        embed_all(db, version, services.searcher.live_model(db).encoder)
        queue_map(db)
        (job,) = jobs.open_jobs(db)
    assert run_or_wait(settings, job).state is JobState.DONE
    with serve(services) as site:
        yield site


def go(page: Page, site: Site, query: str = "") -> None:
    open_page(page, as_app(site), query)


# How many rows are shown after a verdict, and after it was taken back in the same moment.
_JUDGE_AND_TAKE_BACK = """() => ['r', 'u'].map(key => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  return [...document.querySelectorAll('.proposal')].filter(row => row.offsetParent).length;
})"""


def propose(site: Site) -> list[int]:
    """Every passage of the first paper proposed for one question; the look itself is taken as done."""
    with open_database(site.settings.database) as db:
        for judged in judgements.list_judgements(db):
            judgements.delete_judgements(db, [judged.id])
        chunks = library.chunks_of_document(db, 1)
        rows = [proposals.ProposalRow("border", QUESTION, chunk.id, "score 0.50", 3) for chunk in chunks]
        proposals.replace_proposals(db, 1, rows)
        job = jobs.add_job(db, JobKind.PROPOSE, {"mark": propose_mark(db)})
        jobs.finish_job(db, job.id, JobState.DONE, result={"tops": {}, "model_id": 1})
    return [chunk.id for chunk in chunks]


def verdicts(site: Site) -> dict[int, int]:
    with open_database(site.settings.database) as db:
        return judgements.relevance_by_chunk(db, QUESTION)


def test_the_map_shows_the_question_and_a_click_opens_a_paper(page: Page, site: Site) -> None:
    go(page, site, f"?q={QUESTION}&k=5")
    expect(page.locator(".hit").first).to_be_visible()
    open_tab(page, "Map")
    expect(page.locator("[data-asked]")).to_contain_text(f"◆ “{QUESTION}”")
    canvas = page.locator(".mapview canvas").first
    with open_database(site.settings.database) as db:
        version = models.active_model(db)
        assert version is not None
        x, y, title = _place_on_screen(describe_map(db, version), canvas.bounding_box() or {})
    page.mouse.move(x, y)
    expect(page.locator(".maptip")).to_contain_text(title)
    page.mouse.click(x, y)
    card = page.locator(".mapcard")
    expect(card.locator(".mapcardbar")).to_contain_text(title)
    expect(card.get_by_role("link", name="Open PDF")).to_have_attribute(
        "href", "/api/v1/documents/2/original.pdf#page=1"
    )
    # What is most like it can be gone to.
    card.locator("[data-paper]").first.click()
    expect(card.locator(".mapcardbar")).not_to_contain_text(title)
    card.get_by_role("button", name="Close").click()
    expect(card).to_be_hidden()


def _place_on_screen(shown: dict, box: dict) -> tuple[float, float, str]:
    """Where the second paper is drawn, its nearest other drawn first if it lies on it."""
    points = shown["papers"] + shown["passages"]
    middle, size = {}, {}
    for axis in ("x", "y"):
        low, high = min(one[axis] for one in points), max(one[axis] for one in points)
        middle[axis], size[axis] = (low + high) / 2, max(0.5, high - low)
    scale = min((box["width"] - 60) / size["x"], (box["height"] - 70) / size["y"])
    (paper,) = [one for one in shown["papers"] if one["id"] == 2]
    x = box["x"] + box["width"] / 2 + (paper["x"] - middle["x"]) * scale
    return x, box["y"] + box["height"] / 2 - (paper["y"] - middle["y"]) * scale, paper["title"]


def test_the_list_has_what_the_map_has_for_the_keyboard(page: Page, site: Site) -> None:
    go(page, site, "?tab=map")
    open_list(page.get_by_text("The same as a list"))
    for topic in TOPICS:
        expect(page.locator(".maplist").get_by_role("button", name=topic.title)).to_be_visible()
    page.locator(".maplist").get_by_role("button", name=TOPICS[1].title).press("Enter")
    expect(page.locator(".mapcard .mapcardbar")).to_contain_text(TOPICS[1].title)
    page.get_by_label("Find a paper on the map").fill(TOPICS[2].title.split()[-1])
    page.get_by_label("Find a paper on the map").press("Enter")
    expect(page.locator(".mapcard .mapcardbar")).to_contain_text(TOPICS[2].title)
    page.get_by_label("Colour by").select_option("year")
    expect(page.locator(".maplegend")).to_contain_text("without a year")


def test_passages_are_judged_fast_one_by_one_and_several_at_once(page: Page, site: Site) -> None:
    ids = propose(site)
    go(page, site)
    open_tab(page, "Judge")
    rows = page.locator(".proposal")
    expect(rows).to_have_count(len(ids))
    # The keys work wherever the focus is: here on the tab, later lost with the rows, which are made anew.
    expect(page.locator(".proposal.chosen")).to_have_count(1)
    # Taken back before the page was made anew: the row is there at once.
    assert page.evaluate(_JUDGE_AND_TAKE_BACK) == [len(ids) - 1, len(ids)]
    page.keyboard.press("k")
    page.keyboard.press("a")
    page.keyboard.press("r")
    expect(rows).to_have_count(len(ids) - 2)
    wait_for(lambda: verdicts(site) == {ids[0]: 1, ids[1]: 0})
    page.keyboard.press("u")
    wait_for(lambda: verdicts(site) == {ids[0]: 1})
    expect(rows).to_have_count(len(ids) - 1)
    page.get_by_label(f"all {len(ids) - 1} passages").check()
    page.get_by_role("button", name="Reject chosen").click()
    wait_for(lambda: verdicts(site) == {ids[0]: 1} | dict.fromkeys(ids[1:], 0))
    expect(rows).to_have_count(0)
    expect(page.locator("#header")).to_contain_text(f"{len(ids) - 1} rejected")


def test_undo_after_a_skip_takes_no_verdict_back_and_looks_anew(page: Page, site: Site) -> None:
    ids = propose(site)
    go(page, site, "?tab=judge")
    rows = page.locator(".proposal:visible")
    expect(rows).to_have_count(len(ids))
    page.keyboard.press("a")
    wait_for(lambda: verdicts(site) == {ids[0]: 1})
    expect(rows).to_have_count(len(ids) - 1)
    page.keyboard.press("s")
    expect(rows).to_have_count(len(ids) - 2)
    page.keyboard.press("u")
    expect_said(page, "What you skipped is looked for anew")
    with open_database(site.settings.database) as db:
        wait_for(lambda: [job.kind for job in jobs.open_jobs(db)] == [JobKind.PROPOSE])
        (look,) = jobs.open_jobs(db)
        jobs.finish_job(db, look.id, JobState.CANCELLED)
    assert verdicts(site) == {ids[0]: 1}
    page.keyboard.press("u")
    wait_for(lambda: verdicts(site) == {})


def test_what_is_chosen_far_down_is_judged_by_a_bar_in_view(page: Page, site: Site) -> None:
    ids = propose(site)
    page.set_viewport_size({"width": 1000, "height": 420})
    go(page, site, "?tab=judge")
    expect(page.locator(".proposal")).to_have_count(len(ids))
    for key in "j" * (len(ids) - 1) + "x":
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Reject chosen")).to_be_in_viewport()
    expect(page.locator(".proposal.chosen")).to_be_in_viewport()
    open_tab(page, "Search")
    search(page, QUESTION)
    for key in "jjjx":
        page.keyboard.press(key)
    expect(page.locator(".chosenbar")).to_be_in_viewport()


def test_passages_tell_when_another_model_answers_by_now(page: Page, site: Site) -> None:
    other = add_version(site)
    go(page, site)
    search(page, QUESTION)
    again = page.get_by_role("button", name="v2 answers now: ask again")
    expect(again).to_be_hidden()
    with open_database(site.settings.database) as db:
        models.activate_model(db, other.id)
        again.click()
        expect(page.locator(f'.desk[data-model="{other.id}"] .hit').first).to_be_visible()
        expect(again).to_be_hidden()
        models.undo_activation(db)
    expect(page.get_by_role("button", name="answers now: ask again")).to_be_visible()


def add_version(site: Site) -> ModelVersion:
    """The same weights in a folder of their own, with all passages embedded."""
    services = make_services(site.settings.home)
    with open_database(site.settings.database) as db:
        encoder = services.searcher.live_model(db).encoder
        folder = site.settings.models / "v2"
        encoder.model.save_pretrained(str(folder), create_model_card=False)
        version = models.add_model(
            db,
            name="v2",
            source="models/v2",
            dimension=encoder.dimension,
            window=encoder.window,
            fingerprint=fingerprint_folder(folder),
        )
        embed_all(db, version, encoder)
    return version


def test_a_verdict_on_selected_words_is_about_them_alone(page: Page, site: Site) -> None:
    ids = propose(site)
    go(page, site, "?tab=judge")
    first = page.locator(".proposal").first
    expect(first).to_be_visible()
    first.locator(".passage").evaluate(
        "(passage, words) => { const range = document.createRange(); range.selectNodeContents(passage);"
        " getSelection().removeAllRanges(); getSelection().addRange(range);"
        " for (let n = 0; n < words; n++) getSelection().modify('extend', 'backward', 'word'); }",
        8,
    )
    first.get_by_role("button", name="Approve").click()
    wait_for(lambda: verdicts(site) == {ids[0]: 1})
    with open_database(site.settings.database) as db:
        (stored,) = judgements.list_judgements(db)
        passage = library.get_chunk(db, ids[0]).text
    assert stored.narrowed
    assert passage.startswith(stored.text)
    assert len(stored.text) < len(passage)


def test_a_suggested_question_is_asked_on_the_search_tab(page: Page, site: Site) -> None:
    with open_database(site.settings.database) as db:
        db.conn.execute("UPDATE chunks SET section = '2 The Sliding of Glaciers' WHERE document_id = 1")
        db.conn.commit()
    go(page, site, "?tab=judge")
    field = page.get_by_label("Questions to ask of this paper")
    field.click()
    page.get_by_role("option", name=TOPICS[0].title).click()
    page.get_by_role("button", name="What is said about the sliding of glaciers?").click()
    expect(page.locator('.desk[data-query="What is said about the sliding of glaciers?"] .hit').first).to_be_visible()
    expect(page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
