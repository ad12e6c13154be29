"""The icons as pictures, drawn anew from the SVG: `python -m tests.icons`."""

import io
import shutil
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.ui.conftest import FLAGS
from ui.render import ASSETS

_ICONS = ASSETS / "icons"
# A launcher may cut a maskable icon down to a circle of four fifths.
_MASKABLE = "html { background: #22201b } svg { transform: scale(.8) }"


def main() -> int:
    svg = (_ICONS / "whetstone.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()

        def draw(size: int, style: str = "") -> bytes:
            page.set_viewport_size({"width": size, "height": size})
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }} {style}</style>{svg}")
            return page.screenshot(omit_background=True)

        for size in (192, 512):
            (_ICONS / f"whetstone-{size}.png").write_bytes(draw(size))
        (_ICONS / "whetstone-maskable-512.png").write_bytes(draw(512, _MASKABLE))
        Image.open(io.BytesIO(draw(256))).save(_ICONS / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
