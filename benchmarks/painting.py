"""How long the page takes to show an answer: from the arrival of its last byte to the painted passages.

    python -m benchmarks.painting http://127.0.0.1:7860 [--json]

Asks a running app with papers in it, for 10, 20 and 50 passages, in headless Chromium. The clock is the browser's own:
from the end of the response to the end of the first frame that has the passages.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json
from tests.ui.conftest import FLAGS

_SIZES = (10, 20, 50)
_QUESTIONS = (
    "what is shown here?",
    "how was it measured?",
    "why does it work?",
    "what came before it?",
    "where does it fail?",
    "what is left to do?",
    "who has done it before?",
    "which of them is best?",
)
_WATCH = """() => {
  let last = document.querySelector('#desk .desk').dataset.query;
  window.painted = {};
  new MutationObserver(() => {
    const { query } = document.querySelector('#desk .desk').dataset;
    if (query === last) return;
    last = query;
    const answers = performance.getEntriesByType('resource').filter(one => one.name.includes('/gradio_api/run/'));
    const arrived = answers.at(-1).responseEnd, shown = document.querySelectorAll('#desk .hit').length;
    // A message that is sent in a frame comes after it was painted.
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { window.painted[query] = [performance.now() - arrived, shown]; };
      channel.port2.postMessage(0);
    });
  }).observe(document.querySelector('#desk'), { childList: true, subtree: true, attributes: true });
}"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.painting", description=__doc__.splitlines()[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        figures = [measure(page, args.url, size) for size in _SIZES]
        browser.close()
    if args.json:
        print_json({"painting": figures})
    else:
        for one in figures:
            times = ", ".join(f"{name} {one[f'{name}_ms']} ms" for name in ("p50", "p95", "most"))
            print(f"{one['passages']:>3} passages: {times}")
    return 0


def measure(page: Page, url: str, size: int) -> dict[str, float]:
    page.goto(f"{url}/?q=anything&k={size}")
    page.locator(".pageview figure").wait_for()
    page.evaluate(_WATCH)
    field = page.get_by_label("Question", exact=True)
    took, shown = [], set()
    for question in _QUESTIONS:
        field.fill(question)
        field.press("Enter")
        page.wait_for_function("question => painted[question]", arg=question)
        milliseconds, hits = page.evaluate("question => painted[question]", question)
        took.append(milliseconds)
        shown.add(hits)
        # The page beside the passages, too, before the next is asked.
        page.wait_for_timeout(700)
    low, high = (round(float(np.percentile(took, share))) for share in (50, 95))
    return {"passages": max(shown), "p50_ms": low, "p95_ms": high, "most_ms": round(max(took))}


if __name__ == "__main__":
    sys.exit(main())
