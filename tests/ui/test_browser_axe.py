"""What axe-core finds on each tab, light and dark, wide and narrow; and the way of the Tab key through the page."""

from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from storage.database import open_database
from storage.left_out import dismiss_left_out, keep_left_out
from tests.ui.conftest import App
from tests.ui.steps import hit, open_page, open_tab, search
from tests.ui.topics import TOPICS

pytestmark = pytest.mark.slow

TABS = ("Search", "Judge", "Map", "Library", "Training", "Settings")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What Gradio makes itself and gives no way to mend, by axe's rule and the part of the page, each with its reason. There
# is none now: a new one belongs here, never a rule as a whole.
OF_GRADIO: dict[tuple[str, str], str] = {}
_RUN = """tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']}).then(found => found.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .flatMap(one => one.nodes.map(node => [one.id, node.target.join(' '), node.html.slice(0, 200), node.failureSummary]))
)"""
# In which part of the page the focus is, whether it can be seen, and whether what has it is shown at all.
_FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const part = ['hit', 'pageview', 'desk'].find(name => one.closest('.' + name)) ?? 'field';
  return [part, style.outlineStyle !== 'none' || style.boxShadow !== 'none', one.getBoundingClientRect().width > 0];
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed; requirements-dev.txt names it")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[list[str]]:
    """What is serious or critical; the contrast of AA is among it."""
    found = page.evaluate(_RUN, RULES)
    return [one for one in found if not any(one[0] == rule and part in one[1] for rule, part in OF_GRADIO)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_tab(page: Page, app: App, axe: str, theme: str) -> None:
    with open_database(app.settings.database) as db:
        keep_left_out(db, ["“Gone” ('gone') has no PDF attached, so it was left out."])
    open_page(page, app, f"?__theme={theme}")
    page.evaluate(axe)
    search(page, TOPICS[0].question)
    hit(page, 1).get_by_role("button", name="✓ Approve").click()
    hit(page, 2).get_by_role("button", name="✕ Reject").click()
    hit(page, 2).get_by_role("checkbox").check()
    found = {}
    for tab in TABS:
        open_tab(page, tab)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        for width in (1280, 400):
            page.set_viewport_size({"width": width, "height": 900})
            found[f"{tab}, {width}"] = violations(page)
        page.set_viewport_size({"width": 1280, "height": 900})
    open_tab(page, "Library")
    page.get_by_role("button", name="Edit").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    found["a form"] = violations(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    found["the keys"] = violations(page)
    with open_database(app.settings.database) as db:
        dismiss_left_out(db)
    assert {place: what for place, what in found.items() if what} == {}


def test_the_tab_key_goes_through_the_page_in_the_order_it_is_read(page: Page, app: App) -> None:
    open_page(page, app)
    search(page, TOPICS[0].question)
    page.get_by_label("Question", exact=True).focus()
    seen = []
    for _ in range(16):
        page.keyboard.press("Tab")
        place = page.evaluate(_FOCUS)
        seen.append(tuple(place))
    places = [place for place, *_ in seen]
    # Fields, then what can be done with the results, then the first passage: none is left out, none comes twice.
    assert places == sorted(places, key=["field", "desk", "hit", "pageview"].index)
    assert {"field", "desk", "hit"} <= set(places)
    assert all(shows and is_there for _, shows, is_there in seen), "the focus can't be seen"


def test_nothing_moves_where_less_motion_is_asked_for(browser: Browser, app: App) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    open_page(page, app)
    search(page, TOPICS[0].question)
    for tab in TABS:
        open_tab(page, tab)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        moving = page.evaluate(
            "[...document.querySelectorAll('body *')].filter(one => { const style = getComputedStyle(one);"
            " return parseFloat(style.animationDuration) > 0 && style.animationName !== 'none'"
            " || parseFloat(style.transitionDuration) > 0; }).map(one => one.outerHTML.slice(0, 120))"
        )
        assert moving == [], tab
    context.close()
