"""The Library and Training tabs in real Chromium, and how every tab looks."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.database import open_database
from storage.kept_searches import delete_saved, find_saved
from tests.papers import Text, encrypt, lines_down, make_paper, make_pdf, scan, write, zipped
from tests.ui.conftest import App, add_papers, serve_app
from tests.ui.steps import expect_said, hit, open_page, open_tab, search, verdicts, wait_for
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow

EELS = ["European eels swim to the Sargasso Sea to spawn.", "Their larvae drift back with the Gulf Stream."]


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
    page.get_by_role("button", name="Remove 1 chosen").click()
    sure = page.get_by_role("dialog", name=f"Remove “{title}”?")
    expect(sure).to_contain_text("1 judgement on a passage goes too.")
    # A hasty Enter, and Escape, remove nothing.
    expect(sure.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sure).to_have_count(0)
    page.get_by_role("button", name="Remove 1 chosen").press("Enter")
    page.keyboard.press("Escape")
    expect(sure).to_have_count(0)
    expect(page.get_by_role("button", name="Remove 1 chosen")).to_be_focused()
    expect(page.locator("#library")).to_contain_text(title)
    page.get_by_role("button", name="Remove 1 chosen").click()
    sure.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#library")).not_to_contain_text(title)
    open_tab(page, "Search")
    # At once, without another search: what is gone can be neither read nor judged.
    expect(page.locator(".hit", has_text=title)).to_have_count(0)
    expect(page.locator(".summary")).to_contain_text("left after a removal")
    first = page.locator(".hit").first
    expect(first).to_have_attribute("aria-current", "true")
    expect(page.locator(".pageview")).to_have_attribute("data-chunk", first.get_attribute("data-chunk") or "none")
    page.get_by_label("Question", exact=True).press("Enter")
    expect(page.locator(".summary")).not_to_contain_text("removal")
    expect(hit(page, 1).locator(".paper")).not_to_have_text(title)


def test_a_choice_of_papers_stays_with_its_papers_when_others_come_in(page: Page, app: App, tmp_path: Path) -> None:
    open_page(page, app, "?tab=library")
    chosen = page.get_by_label(f"Choose {TOPICS[0].title}")
    chosen.check()
    add_papers(app, [write(tmp_path, "owls.pdf", make_paper("How Owls Hear", ["Owls hear mice under snow."]))])
    expect(page.locator("#library")).to_contain_text("How Owls Hear")
    expect(chosen).to_be_checked()
    expect(page.locator("#library tbody input:checked")).to_have_count(1)


def test_a_paper_is_corrected_in_a_form_that_says_what_is_wrong(page: Page, app: App, tmp_path: Path) -> None:
    pdf = make_paper("Read Wrongly", ["Storks stand on one leg to keep the other warm."])
    add_papers(app, [write(tmp_path, "storks.pdf", pdf)])
    open_page(page, app, "?tab=library")
    edit = page.get_by_role("button", name="Edit Read Wrongly")
    row = page.locator(f'#library tr[data-document="{edit.get_attribute("data-edit")}"]')
    edit.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Title").fill("Why Storks <b>Stand</b>")
    form.get_by_label("Authors").fill("Ada Stork; Bo van den Nest")
    form.get_by_label("Year").fill("217")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("'217' is not a year of a paper. Give one from 1400 to")
    # Rows are made anew while papers come in; what was typed stays.
    add_papers(app, [write(tmp_path, "storks2.pdf", make_paper("Why Storks <b>Stand</b>", ["Their legs are cold."]))])
    expect(page.locator("#library")).to_contain_text("storks2.pdf")
    form.get_by_label("Year").fill("2017")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(row.locator(".title")).to_have_text("Why Storks <b>Stand</b>")
    expect(row).to_contain_text("Ada Stork, Bo van den Nest")
    expect(row).to_contain_text("2017")
    expect(row).to_contain_text("May be the same work as “Why Storks <b>Stand</b>” (storks2.pdf)")
    open_tab(page, "Search")
    search(page, "why do storks stand on one leg?")
    expect(hit(page, 1).locator(".paper")).to_have_text("Why Storks <b>Stand</b>")
    open_tab(page, "Library")
    row.get_by_role("button", name="Edit").click()
    form.get_by_role("button", name="As it was read").click()
    expect(row.locator(".title")).to_have_text("Read Wrongly")


def test_a_turned_and_cropped_paper_is_leafed_through_and_looked_at_closely(
    page: Page, app: App, tmp_path: Path
) -> None:
    pages = [
        lines_down([f"Newts of pond {number} hibernate under stones and logs."], y=640)
        for number in ("one", "two", "three")
    ]
    pdf = make_pdf(pages, {"Title": "Newts in Winter"}, page_attributes="/Rotate 90 /CropBox [50 500 560 760]")
    add_papers(app, [write(tmp_path, "newts.pdf", pdf)])
    open_page(page, app)
    search(page, "where do newts of pond two hibernate?")
    page.locator(".hit", has_text="pond two").click()
    bar, figure = page.locator(".pagebar"), page.locator(".pageview figure")
    expect(bar).to_contain_text("page 1 of 3")
    # A passage over several pages is marked on each.
    expect(page.locator(".pagenote")).to_contain_text("The passage runs over pages 1, 2 and 3.")
    places = (
        "['mark', 'img'].map(name => "
        "document.querySelector(`.pageview figure ${name}`)?.getBoundingClientRect().toJSON())"
    )

    seen: list[dict[str, float]] = []

    def placed() -> bool:
        # Both in one look: the click opens the page once more, in place of the one that the search opened.
        seen[:] = page.evaluate(places)
        return all(place and place["height"] for place in seen)

    wait_for(placed)
    mark, picture = seen
    # The page is shown on its side, so the line runs down, within the picture.
    assert mark["height"] > 3 * mark["width"]
    assert picture["x"] <= mark["x"]
    assert mark["y"] + mark["height"] <= picture["y"] + picture["height"] + 1
    expect(bar.get_by_role("link", name="Open PDF")).to_have_attribute("href", re.compile(r"original\.pdf#page=1$"))
    # Nothing but a title is known of it.
    expect(bar.get_by_role("button", name="BibTeX")).to_have_count(0)
    # The next page's picture is fetched before it is asked for.
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(entry => entry.name.includes('/pages/2.jpg'))"
    )
    bar.get_by_role("button", name="Larger").click()
    expect(figure).to_have_attribute("style", re.compile("width: 120%"))
    bar.get_by_role("button", name="Fit").click()
    expect(figure).to_have_attribute("style", re.compile("width: 100%"))
    onward = bar.get_by_role("button", name="Next page")
    onward.press("Enter")
    expect(bar).to_contain_text("page 2 of 3")
    expect(figure.locator("mark")).to_have_count(1)
    # It can be pressed once more, and where there is no next page the keys move this one.
    expect(onward).to_be_focused()
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("page 3 of 3")
    expect(onward).to_be_disabled()
    expect(page.locator(".paper-desk")).to_be_focused()
    # The note leads to where else the passage stands.
    page.locator(".pagenote").get_by_role("button", name="To page 1 of the passage").click()
    expect(bar).to_contain_text("page 1 of 3")
    onward.click()
    expect(bar).to_contain_text("page 2 of 3")
    onward.click()
    expect(bar).to_contain_text("page 3 of 3")
    bar.get_by_role("button", name="Previous page").click()
    expect(bar).to_contain_text("page 2 of 3")


def test_an_exported_bibliography_is_dropped_with_its_papers(page: Page, app: App, tmp_path: Path) -> None:
    pytest.importorskip("rispy", reason="rispy is not installed; requirements.txt names it")
    ris = "TY  - JOUR\nTI  - Homing of Swifts\nAU  - Lark, Alan\nPY  - 1998\nL1  - files/7/swifts.pdf\nER  -\n"
    swifts = make_paper("Read Otherwise", ["Swifts sleep on the wing for ten months of the year."])
    export = zipped({"export/x.ris": ris.encode(), "export/files/7/swifts.pdf": swifts})
    bib = b"@misc{gone, title = {Gone}, file = {Full Text:files/8/gone.pdf:application/pdf}}"
    open_page(page, app, "?tab=library")
    page.set_input_files("#upload input[type=file]", [write(tmp_path, "x.zip", export), write(tmp_path, "y.bib", bib)])
    expect_said(page, "“Gone” ('gone'): its file 'gone.pdf' is not there.")
    # It stays until it is dismissed, and is known again when the page is.
    page.reload()
    left_out = page.get_by_role("region", name="What could not be added")
    expect(left_out).to_contain_text("“Gone” ('gone'): its file 'gone.pdf' is not there.")
    left_out.get_by_role("button", name="Dismiss").click()
    expect(left_out).to_have_count(0)
    row = page.locator("#library tr", has_text="Homing of Swifts")
    expect(row).to_contain_text("Alan Lark")
    expect(row).to_contain_text("1998")
    expect(row.locator(".pill")).to_have_text("ready")
    open_tab(page, "Search")
    search(page, "how do swifts sleep?")
    expect(page.locator(".pagetitle")).to_have_text("Homing of Swifts")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="BibTeX").click()
    wait_for(lambda: "author = {Lark, Alan}" in page.evaluate("navigator.clipboard.readText()"))


def test_a_scan_is_searched_marked_and_reported(page: Page, app: App, tmp_path: Path) -> None:
    printed = make_pdf([[Text("On the Migration of Eels", y=740, size=20), *lines_down(EELS, y=690)], []])
    add_papers(app, [write(tmp_path, "eels.pdf", scan(printed))])
    open_page(page, app)
    search(page, "where do eels spawn?")
    expect(hit(page, 1).locator(".paper")).to_have_text("On the Migration of Eels")
    marks = page.locator(".pageview figure mark")
    # The title's line belongs to the passage too.
    expect(marks).to_have_count(1 + len(EELS))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Cite").click()
    expect_said(page, "Copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith("(On the Migration of Eels, p. 1)")
    open_tab(page, "Library")
    row = page.locator("#library tbody tr", has_text="On the Migration of Eels")
    expect(row).to_contain_text("1 page recognised on its picture · 1 page without text")
    row.get_by_role("button", name="How On the Migration of Eels was read").click()
    report = page.locator("#library .report")
    expect(report).to_contain_text("2 pages: 0 read from the text layer, 1 recognised on pictures, 1 empty, 0 failed.")
    expect(report).to_contain_text("the page is blank")
    row.get_by_role("button", name="How On the Migration of Eels was read").click()
    expect(report).to_have_count(0)


def test_what_can_not_be_read_says_why_and_can_be_tried_again(page: Page, app: App) -> None:
    open_page(page, app, "?tab=library")
    upload = page.locator("#upload input[type=file]")
    upload.set_input_files({"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 and no more"})
    row = page.locator("#library tbody tr", has_text="broken.pdf")
    expect(row.locator(".pill.failed")).to_be_visible(timeout=60_000)
    expect(row.locator(".reason")).to_contain_text("'broken.pdf'")
    rows = page.locator("#library tbody tr")
    everything = rows.count()
    assert everything > 1
    page.get_by_label("Find", exact=True).fill("broken failed")
    expect(rows).to_have_count(1)
    row.get_by_role("button", name="Retry").click()
    expect(row.locator(".pill.failed")).to_have_count(0)
    expect(row.locator(".pill.failed")).to_be_visible(timeout=60_000)
    # What changes meanwhile leaves the list as it is asked for.
    expect(page.locator("#library")).to_contain_text(f"1 of {everything} papers shown.")
    expect(rows).to_have_count(1)
    page.get_by_label("Find", exact=True).fill("")
    expect(rows).to_have_count(everything)


def test_a_retrain_without_enough_to_learn_from_is_one_clear_sentence(page: Page, tmp_path: Path) -> None:
    with serve_app(tmp_path) as app:
        open_page(page, app, "?tab=training")
        page.get_by_role("button", name="Retrain", exact=True).click()
        expect(page.get_by_text("Approve passages for at least 2 different questions first")).to_be_visible()
        model = page.get_by_label(re.compile("Another model"))
        model.fill("nobody/no-such-model")
        model.press("Enter")
        page.get_by_role("button", name="Load and use").click()
        failed = page.locator("#models .job.failed")
        expect(failed).to_contain_text("'nobody/no-such-model' could not be fetched", timeout=60_000)
        expect(page.locator("#models")).to_contain_text("answers now")
        page.get_by_label("Matryoshka dimensions").fill("512, 64")
        page.get_by_role("button", name="Retrain", exact=True).click()
        expect(page.get_by_text("A Matryoshka dimension is 512; it must be at most 32")).to_be_visible()
        page.locator("#models").get_by_role("button", name="Dismiss").click()
        expect(page.locator("#models .job")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(page: Page, app: App, theme: str) -> None:
    open_page(page, app, f"?__theme={theme}")
    search(page, TOPICS[0].question)
    hit(page, 1).get_by_role("button", name="Approve").click()
    hit(page, 2).get_by_role("button", name="Reject").click()
    faint = {}
    for tab in ("Search", "Judge", "Map", "Library", "Training"):
        open_tab(page, tab)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        looked = page.evaluate(_LOOK_AT_CONTRAST)
        assert (looked["ground"] > 0.5) == (theme == "light")
        faint[tab] = looked["faint"]
    assert {tab: texts for tab, texts in faint.items() if texts} == {}


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
    first = {
        "search": "#desk",
        "judge": "#judge .hint, #judge .proposal >> nth=0",
        "map": "#map .mapbar",
        "library": "#library table",
        "training": "#training .card >> nth=0",
    }
    for tab, part in first.items():
        open_page(page, app, f"?tab={tab}")
        expect(page.locator(part).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, tab
    assert (
        page.evaluate("[...document.querySelectorAll('.card')].filter(one => one.scrollWidth > one.clientWidth).length")
        == 0
    )


def test_at_400_pixels_a_passage_at_the_foot_of_a_page_is_in_view_and_a_notice_goes_with_the_next_tap(
    page: Page, app: App, tmp_path: Path
) -> None:
    above = lines_down([f"Line {number} of a table of tides that tells nothing." for number in range(40)])
    foot = lines_down(["Limpets return to the very spot they left, and fit their shells to it."], y=90)
    add_papers(app, [write(tmp_path, "limpets.pdf", make_pdf([[Text("On Limpets", y=760, size=18), *above, *foot]]))])
    page.set_viewport_size({"width": 400, "height": 700})
    open_page(page, app)
    question = "to which spot do limpets return?"
    search(page, question)
    page.locator(".hit", has_text="Limpets return").locator(".passage").click()
    expect(page.locator(".pageview figure mark").first).to_be_in_viewport()
    page.get_by_role("button", name="Passages").click()
    for width in (360, 400):
        page.set_viewport_size({"width": width, "height": 700})
        expect(page.get_by_role("tab")).to_have_text(["Search", "Judge", "Map", "Library", "Training", "Settings"])
    page.locator(".take summary").click()
    page.get_by_label("Name of this search").fill("limpets")
    page.get_by_role("button", name="Save", exact=True).click()
    said = page.locator("#said p")
    expect(said).to_have_text("Saved as “limpets”.")
    hit(page, 1).get_by_role("button", name="Approve").click()
    # With the tap itself, not after the seconds that words stay.
    assert said.count() == 0
    expect(hit(page, 1).get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "true")
    # The app is that of other tests too.
    with open_database(app.settings.database) as db:
        delete_saved(db, find_saved(db, "limpets").id)


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


def test_a_paper_that_is_no_pdf_is_shown_as_text_with_the_passage_marked(page: Page, app: App, tmp_path: Path) -> None:
    text = (
        "# On the Singing of Sand\n\n" + "Dunes boom when their grains slide. " * 12 + "\n\n## Why it hums\n\n"
        "- Grains of one size hum at one pitch, as deep as a cello where they are large.\n"
        "- `<script>alert(1)</script>` is text.\n"
    )
    add_papers(app, [write(tmp_path, "sand.md", text.encode())])
    open_page(page, app)
    field = page.get_by_label("Question", exact=True)
    field.fill("at which pitch do grains of sand hum?")
    field.press("Enter")
    first = page.locator(".hit", has_text="On the Singing of Sand").first
    first.click()
    sheet = page.locator("figure.written")
    expect(sheet.get_by_role("heading", name="Why it hums")).to_be_visible()
    marks = sheet.locator("mark")
    expect(marks.first).to_have_css("position", "static")
    shown = " ".join(first.locator(".passage").inner_text().split())
    # Asked until it holds: the view opened by the search may still make way for the one of the click.
    wait_for(lambda: " ".join(" ".join(marks.all_inner_texts()).split()) == shown)
    download = page.get_by_role("link", name="Download")
    expect(download).to_have_attribute("href", re.compile(r"/api/v1/documents/\d+/original$"))
    expect(sheet.locator("script")).to_have_count(0)


def test_an_encrypted_paper_is_read_once_its_password_is_given(page: Page, app: App, tmp_path: Path) -> None:
    open_page(page, app, "?tab=library")
    secret = encrypt(make_paper("On Secret Ink", ["Lemon juice turns brown by heat."]), "citron")
    page.locator("#upload input[type=file]").set_input_files(
        {"name": "ink.pdf", "mimeType": "application/pdf", "buffer": secret}
    )
    row = page.locator("#library tbody tr", has_text="ink.pdf")
    field = row.get_by_label("Password of ink")
    expect(field).to_be_visible(timeout=60_000)
    field.fill("citron")
    field.press("Enter")
    expect(row.locator(".pill.ready")).to_be_visible(timeout=60_000)
    expect(row).to_contain_text("On Secret Ink")
