"""The page as an app that a browser installs, and what is served for that before any login."""

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import Page

from core.served import RUN_PATH
from tests.ui.conftest import App
from tests.ui.steps import open_page
from ui.open_files import _ICONS, _MANIFEST
from ui.open_files import OpenFiles as Wrapped
from ui.render import ASSETS

pytestmark = pytest.mark.slow


def test_chromium_would_install_the_page(page: Page, app: App) -> None:
    open_page(page, app)
    tools = page.context.new_cdp_session(page)
    manifest = tools.send("Page.getAppManifest")
    assert (manifest["url"], manifest["errors"]) == (f"{app.url}/manifest.json", [])
    assert json.loads(manifest["data"])["display"] == "standalone"
    # It keeps no private data and can't break a reload: there is none.
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0
    # A window without a memory, as tests have, is never installed from; all else is as it should be.
    errors = {error["errorId"] for error in tools.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}


def test_every_icon_is_served_with_the_size_it_names(page: Page, app: App) -> None:
    open_page(page, app)
    for icon in _MANIFEST["icons"]:
        answer = page.request.get(app.url + icon["src"])
        assert (answer.status, answer.headers["content-type"]) == (200, icon["type"])
        if icon["type"] == "image/png":
            picture = Image.open(io.BytesIO(answer.body()))
            assert f"{picture.width}x{picture.height}" == icon["sizes"]
    assert page.request.get(f"{app.url}/favicon.ico").headers["content-type"] == "image/x-icon"
    assert page.locator('link[rel="icon"]').get_attribute("href") == "/icons/whetstone.svg"
    assert page.locator('link[rel="manifest"]').count() == 1


def test_a_maskable_icon_fills_its_square_and_others_have_round_corners() -> None:
    corners = {
        name: Image.open(ASSETS / "icons" / name).convert("RGBA").getpixel((0, 0))
        for name in ("whetstone-512.png", "whetstone-maskable-512.png")
    }
    assert corners == {"whetstone-512.png": (0, 0, 0, 0), "whetstone-maskable-512.png": (34, 32, 27, 255)}


def test_only_what_holds_nothing_private_is_answered_before_the_login() -> None:
    files = Wrapped(lambda *_: None, "the run")  # type: ignore[arg-type]
    assert {path for path in (RUN_PATH, "/manifest.json", *_ICONS) if files._answer(path) is None} == set()
    for path in ("/", "/icons/", "/icons/../style.css", "/icons/style.css", "/api/health", "/whetstone.id/"):
        assert files._answer(path) is None
