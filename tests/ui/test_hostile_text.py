"""Text made by someone who means harm, in every place where text is shown: it stays text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from core.formats import DocumentFormat
from core.types import Chunk, DocumentState, Filter, JobKind, KeptSearch, Metadata, ModelState, ModelVersion, Page, Span
from search.map.draw import run_map
from storage import jobs, library, models
from storage.collections import LONGEST_NAME, create_collection, put_into_collection
from storage.database import open_database
from storage.judgements import store_judgement
from storage.kept_searches import remember_search, save_search
from storage.proposals import ProposalRow, replace_proposals
from storage.readings import store_reading
from tests.libraries import Silent
from tests.makers import embed_all
from tests.papers import make_paper
from tests.ui.site import Site, make_services, serve
from tests.ui.steps import open_list
from training.model_card import make_model_card

OVERRIDES = "\u202e\u202d\u202a\u2066\u2067\u2068"
PWN = "window.pwned=1"
ATTACKS = [
    f"<script>{PWN}</script>",
    f"<img src=x onerror={PWN}>",
    f'\'" onmouseover={PWN} autofocus onfocus={PWN} x="',
    f"</textarea></title></style></template><svg onload={PWN}>",
    f'[x](javascript:{PWN}) ![x](x" onerror="{PWN}) <javascript:{PWN}>',
    f"<a href=javascript:{PWN}>x</a><iframe srcdoc='<script>{PWN}</script>'></iframe>",
    "${" + PWN + "} {{" + PWN + "}} {% raw %} \\u003cscript>",
    f"&lt;script&gt;{PWN}&lt;/script&gt; &#60;img src=x onerror={PWN}&#62;",
    f"fdp.exe{OVERRIDES}gpj.fdp",
]
ALL = " ".join(ATTACKS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A library in which title, authors, file names, sections, passages, questions and reasons are attacks."""
    services = make_services(tmp_path_factory.mktemp("hostile") / "library")
    settings = services.settings
    with open_database(settings.database) as db:
        version = models.active_model(db)
        assert version is not None
        for number, attack in enumerate(ATTACKS):
            sha256 = f"{number:064x}"
            settings.original(sha256, DocumentFormat.PDF).write_bytes(make_paper("On Light", ["Gravity bends light."]))
            document, _ = library.add_document(db, sha256, f"{attack}.pdf")
            text = f"{attack} bends light"
            chunk = Chunk(text, (Span(1, 0, len(text)),), section=attack)
            metadata = Metadata(title=attack, authors=(attack, attack), year=2020)
            store_reading(db, document.id, metadata, [Page(1, text, 612, 792, reason=attack)], [chunk])
            library.set_document_state(db, document.id, DocumentState.READY)
            collection = create_collection(db, attack[:LONGEST_NAME])
            put_into_collection(db, collection.id, [document.id])
            save_search(db, attack[:LONGEST_NAME], KeptSearch(attack, Filter(author=attack)))
            remember_search(db, KeptSearch(attack))
            store_judgement(db, f"{attack}?", library.chunks_of_document(db, document.id)[0].id, 1)
        failed, _ = library.add_document(db, "f" * 64, f"{ALL}.pdf")
        library.set_document_state(db, failed.id, DocumentState.FAILED, ALL)
        job = jobs.add_job(db, JobKind.RETRAIN, {})
        jobs.finish_job(db, job.id, jobs.JobState.FAILED, ALL)
        embed_all(db, version, services.searcher.live_model(db).encoder)
        drawing = jobs.add_job(db, JobKind.MAP, {})
        run_map(settings, drawing, Silent())
        jobs.finish_job(db, drawing.id, jobs.JobState.DONE)
        asked = [ProposalRow("border", f"{attack}!", number, attack, 1) for number, attack in enumerate(ATTACKS, 1)]
        replace_proposals(db, version.id, asked)
    with serve(services) as site:
        yield site


def ask_script(site: Site, component: str, function: str, arguments: list[Any]) -> Any:
    parts = site.get("/config").json()["components"]
    part = next(part["id"] for part in parts if part["props"].get("elem_id") == component)
    body = {"component_id": part, "fn_name": function, "session_hash": "a", "data": arguments}
    return site.post("/gradio_api/component_server/", body).json()


def require_harmless(html: str) -> None:
    for markup in ("<script", "<img src=x", "<svg onload", "<iframe", "<a href=javascript", "<textarea", "</title"):
        assert markup not in html.lower(), markup
    for character in OVERRIDES:
        assert character not in html


def test_what_the_server_makes_of_it_is_text(site: Site) -> None:
    for part in site.get("/config").json()["components"]:
        if part["type"] == "html":
            require_harmless(str(part["props"].get("value")))
    for number in range(1, len(ATTACKS) + 1):
        page = ask_script(site, "desk", "open_page", [ALL, number, None, [1], False])
        require_harmless(page["html"])
        report = ask_script(site, "library", "report_reading", [number])
        require_harmless(report["html"])
        for kind in ("paper", "passage"):
            require_harmless(ask_script(site, "map", "show_point", [1, kind, number])["html"])
    shown = ask_script(site, "map", "load_map", [None, None])
    require_harmless(shown["list"])
    # These are drawn as text, but could still be turned around.
    told = [paper["title"] for paper in shown["map"]["papers"]] + [group["name"] for group in shown["map"]["groups"]]
    assert len(told) > len(ATTACKS)
    assert not set("".join(told)) & set(OVERRIDES)


def test_an_address_or_a_name_that_no_page_sends_is_refused_in_a_sentence(site: Site) -> None:
    long, many = f"q={'x' * 20_000}", "&".join(["paper=1"] * 1001)
    for function in ("remember", "save", "export"):
        for address in (long, many, "q=x&years=soon", "q=x&paper=zeppelin"):
            arguments = {"remember": [address], "save": ["name", address], "export": [address, "csv"]}[function]
            assert "error" in ask_script(site, "desk", function, arguments), (function, address[:30])
    assert "no passage with id" in ask_script(site, "desk", "export", ["like=999", "csv"])["error"]
    assert "error" in ask_script(site, "desk", "export", ["q=x", "../../etc/passwd"])
    assert "error" in ask_script(site, "library", "collect", ["put", 999, "", [1]])
    assert "error" in ask_script(site, "library", "collect", ["create", None, "x" * 81, []])
    exported = ask_script(site, "desk", "export", ["q=what+bends+light", "csv"])
    assert exported["name"] == "passages.csv"


def test_the_search_page_shows_it_and_runs_none_of_it(browser: Browser, site: Site) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("dialog", lambda dialog: dialog.dismiss())
    for question in ("what bends light?", f"<img src=x onerror={PWN}> bends light", ALL):
        page.goto(f"http://127.0.0.1:{site.port}/")
        page.get_by_role("tab", name="Search").wait_for()
        field = page.get_by_label("Question", exact=True)
        field.fill(question)
        field.press("Enter")
        expect(page.locator(".hit")).to_have_count(len(ATTACKS))
        expect(page.locator(".pageview figure img")).to_be_attached()
        page.locator(".pageview [data-copy]").first.hover()
        for name in ("Judge", "Map", "Library", "Training"):
            page.get_by_role("tab", name=name).click()
            if name == "Map":
                open_list(page.get_by_text("The same as a list"))
                page.locator(".maplist [data-paper]", has_text="onerror=").first.click()
            expect(page.locator(f"#{name.lower()}")).to_contain_text("onerror=")
        assert page.locator("#library tr[data-document]").count() == len(ATTACKS) + 1
        assert page.evaluate("window.pwned") is None
        assert page.locator("svg[onload], img[src=x], iframe, a[href^=javascript]").count() == 0
        # Asked for again, as the address keeps it.
        page.reload()
        expect(page.locator(".hit")).to_have_count(len(ATTACKS))
        assert page.evaluate("window.pwned") is None
        assert not set(page.locator("body").inner_text()) & set(OVERRIDES)
    page.close()


@pytest.mark.parametrize("attack", ATTACKS[:-1])
def test_a_model_card_keeps_a_strangers_names_as_text(attack: str) -> None:
    base = ModelVersion(1, attack, f"{attack}/x", 4, 64, "f", None, ModelState.READY, "2026-01-01T00:00:00+00:00")
    scores = {"4": dict.fromkeys(("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10"), 0.5)}
    split = {"train_pairs": 1, "train_queries": 1, "held_out_queries": 1, "chosen_on_held_out": False}
    recipe = {"preset": "default", "epochs": 1, "batch_size": 1, "learning_rate": 1e-5, "warmup_share": 0.1}
    report = {"settings": recipe, "split": split, "dimensions": [4], "before": scores, "after": scores}
    report |= {"start_weight": 0.0, "decision": "no difference"}
    card = make_model_card(replace(base, id=2, parent_id=1), base, report, {attack: attack})
    own = json.dumps(card)
    for markup in ("<script", "<img", "<svg", "<a ", "<iframe", "](javascript", "<javascript", "base_model"):
        assert markup not in own.lower(), markup
