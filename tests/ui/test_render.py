"""What the page's HTML is made of, without a browser: escaping first of all."""

import re
from dataclasses import replace

import pytest

from core.types import Hit, ModelState, ModelVersion, OthersVerdict, SearchResult, Span, StoredChunk
from ui.asking import SPREAD, Asked
from ui.charts import draw_curve
from ui.render import mark_words, read_asset
from ui.search_tab import render_hits

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "${Object.defineProperty(window,/pwn/.source,{value:1})}",
    "{{value}} {% raw %}",
    r"\xi and \u0 and \frac{a}{b}",
    "</p><script>alert(1)</script>",
    '" onmouseover="alert(1)',
]


def result_of(text: str, query: str = "a question") -> SearchResult:
    model = ModelVersion(1, "m", "m", 4, 64, "f", None, ModelState.READY, "2026-01-01T00:00:00+00:00")
    chunk = StoredChunk(7, 3, text, "a.pdf", text, (Span(2, 0, 5),), text)
    return SearchResult(query, model, 0.012, (Hit(1, 0.5, chunk),))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_papers_text_is_shown_and_never_becomes_markup(text: str) -> None:
    html = render_hits(replace(result_of(text, query=text), missing=(text,)), {})
    assert "<script" not in html
    assert "<img" not in html
    assert 'onmouseover="alert' not in html
    assert mark_words(text, "").unescape() == text


def test_what_others_say_stands_beside_a_hit_as_text() -> None:
    others = {7: [OthersVerdict("<b>anna", 1), OthersVerdict(None, 0)]}
    html = render_hits(result_of("Deep nets"), {}, others=others)
    assert '<p class="others-say">&lt;b&gt;anna approved, somebody rejected</p>' in html
    assert 'aria-pressed="true"' not in html
    assert "others-say" not in render_hits(result_of("Deep nets"), {7: 1})


def test_a_hit_tells_rank_paper_page_section_and_the_verdict_given() -> None:
    html = render_hits(result_of("Deep nets"), {7: 1})
    assert 'data-chunk="7"' in html
    assert 'data-rank="1"' in html
    assert "page 2 · Deep nets" in html
    assert 'class="yes" data-relevance="1" aria-pressed="true"' in html
    assert 'class="no" data-relevance="0" aria-pressed="false"' in html
    assert "1 passage from 1 paper in 12 ms" in html
    assert "still being read" not in html
    assert "in 12 ms; 2 papers still being read" in render_hits(result_of("Deep nets"), {}, unread=2)


def test_what_stands_nowhere_is_told_above_the_nearest() -> None:
    found = result_of("Deep nets")
    assert "in no passage" not in render_hits(found, {})
    assert "“XYZ-12” stands in no passage.</p>" in render_hits(replace(found, missing=("XYZ-12",)), {})
    narrowed = render_hits(replace(found, missing=("a b", "FP9")), {}, Asked("q", papers=(3,)))
    assert "“a b”, “FP9” stand in no passage that passes the filter.</p>" in narrowed


def test_passages_like_another_are_exported_and_not_saved_as_a_question() -> None:
    found = result_of("Deep nets")
    assert "data-save" in render_hits(found, {})
    like = render_hits(found, {}, Asked("q", like=7), like_text="Deep nets")
    assert "data-save" not in like
    assert 'data-export="csv"' in like


def test_how_many_of_a_paper_a_program_has_asked_for_is_told() -> None:
    found = result_of("Deep nets")
    assert "of each first" not in render_hits(found, {}, Asked("q", spread=SPREAD))
    assert "at most 5 of each first" in render_hits(found, {}, Asked("q", spread=5))


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Training deep networks", "how to train a network?", ["Training", "networks"]),
        ("The cat and the hat", "what is the cat", ["cat"]),
        ("C++ and x_1", "x_1", ["x_1"]),
        ("nothing here", "", []),
        ("一种机器学习方法", "什么是机器学习？", ["机器学习"]),
        ("光与 light 影", "影 light", ["light", "影"]),
    ],
)
def test_the_querys_words_are_marked_in_their_forms_and_common_words_are_not(
    text: str, query: str, marked: list[str]
) -> None:
    html = str(mark_words(text, query))
    assert [part.split("</mark>")[0] for part in html.split("<mark>")[1:]] == marked


def test_no_comma_stands_within_a_selectors_brackets() -> None:
    # Gradio puts its scope before what follows each comma, and such a selector then matches something else.
    assert re.findall(r":(?:has|is|not|where)\([^()]*,", read_asset("style.css")) == []


def test_a_curve_keeps_within_its_frame_and_names_its_newest_value() -> None:
    svg = draw_curve("Loss <b>", [(0, 1.0), (5, 0.25), (10, 0.5)], 10, baseline=0.8)
    assert "Loss &lt;b&gt;" in svg
    assert "<b>0.500</b>" in svg
    points = svg.split('points="')[1].split('"')[0].split()
    assert all(0 <= float(x) <= 520 and 0 <= float(y) <= 170 for x, y in (point.split(",") for point in points))
    assert len(points) == 3
    # Once the training is over, its steps are no longer what the job counts.
    later = draw_curve("Loss", [(0, 1.0), (6, 0.5)], 0)
    assert later.split('points="')[1].split('"')[0].split()[-1].startswith("508.0,")
    assert draw_curve("Loss", [], 10) == ""


@pytest.mark.parametrize("size", [1.0, 1e-2, 3e-4, 2e-7])
def test_no_two_lines_of_a_curves_scale_read_the_same(size: float) -> None:
    svg = draw_curve("Loss", [(0, size), (5, size / 3), (10, size / 4)], 10)
    scale = re.findall(r'text-anchor="end">([^<]+)</text>', svg)[:3]
    assert len(set(scale)) == 3
    assert all(len(label) <= 6 for label in scale)
    assert [float(label) for label in scale] == sorted(map(float, scale))
    assert float(svg.split("<b>")[1].split("</b>")[0]) == pytest.approx(size / 4, rel=0.1)
