"""The whole job on one page in real Chromium: upload, ask, approve, retrain, promote, judge blind, undo."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage import judgements, models
from storage.database import open_database
from tests.ui.conftest import run_app
from tests.ui.steps import hit, open_page, open_tab, search, verdicts, wait_for
from tests.ui.topics import TOPICS, write_topics

pytestmark = pytest.mark.slow

_LONG_MS = 480_000


def test_the_whole_job_from_upload_to_undo(page: Page, tmp_path: Path) -> None:
    papers, questions = write_topics(tmp_path), [topic.question for topic in TOPICS]
    with run_app(tmp_path / "library") as app:
        open_page(page, app)
        expect(page.get_by_text("Begin with your papers")).to_be_visible()
        open_tab(page, "Judge")
        # Without papers there is nobody to name and nothing to ask of.
        expect(page.locator("#judge .hint")).to_be_visible()
        expect(page.locator("#who, #ask-of")).to_have_count(2)
        assert not page.locator("#who:visible, #ask-of:visible").count()

        page.locator("#judge").get_by_role("link", name="Open the Library").click()
        expect(page.get_by_role("tab", name="Library")).to_have_attribute("aria-selected", "true")
        page.locator("#upload input[type=file]").set_input_files(papers)
        expect(page.locator("#library .pill.ready")).to_have_count(3, timeout=_LONG_MS)
        expect(page.locator("#header")).to_contain_text("3 papers")

        open_tab(page, "Search")
        expect(page.get_by_text("Ask a question")).to_be_visible()
        for question in questions:
            search(page, question)
            expect(page.get_by_text("Ask a question")).to_be_hidden()
            for rank in (1, 2):
                hit(page, rank).get_by_role("button", name="Approve").click()
        expect(page.locator("#header")).to_contain_text("6 approved")
        for question in questions:
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
        expect(rows.first.locator("td").first).to_have_text(re.compile(r"^[01]\.\d{3} (→ [01]\.\d{3}|±0)"))
        captions = page.locator("#training .chart figcaption")
        expect(captions).to_have_text([re.compile("^Loss"), re.compile("^nDCG@10")])
        # Of what is judged over time there is no course yet.
        expect(page.locator("#training .charts .caption")).to_have_text(re.compile("^All on .*: \\d+ approved and"))

        promote.click()
        page.get_by_role("button", name="Not recommended: promote all the same").click()
        expect(page.locator("#header")).to_contain_text("v1")
        expect(page.locator("#models")).to_contain_text("promoted against the advice")
        open_tab(page, "Search")
        search(page, f"{questions[0]} again")
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
        search(page, questions[0])
        expect(hit(page, 1).get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".desk")).to_have_attribute("data-model", str(active.parent_id))
