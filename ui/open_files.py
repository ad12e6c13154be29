"""What is answered before the login, for it holds nothing of the library: the icons, and what makes the page an app."""

import json
from functools import cache

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.served import RUN_PATH
from ui.render import ASSETS

_ICONS = {
    "/icons/whetstone.svg": "image/svg+xml",
    "/icons/whetstone-192.png": "image/png",
    "/icons/whetstone-512.png": "image/png",
    "/icons/whetstone-maskable-512.png": "image/png",
    "/favicon.ico": "image/x-icon",
}
# The address that Gradio's page names as its manifest.
_MANIFEST_PATH = "/manifest.json"
_MANIFEST = {
    "id": "/",
    "name": "Whetstone",
    "short_name": "Whetstone",
    "description": "Search your papers by meaning, and sharpen the search with what you approve.",
    "start_url": "/",
    "scope": "/",
    "display": "standalone",
    "background_color": "#faf8f3",
    "theme_color": "#faf8f3",
    "icons": [
        {"src": "/icons/whetstone-192.png", "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": "/icons/whetstone-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
        {"src": "/icons/whetstone-maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        {"src": "/icons/whetstone.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
    ],
}
# For the head of every page of ours. The bar of an app's window has the page's own ground.
HEAD = (
    '<link rel="icon" type="image/svg+xml" href="/icons/whetstone.svg">'
    '<link rel="apple-touch-icon" href="/icons/whetstone-192.png">'
    '<meta name="theme-color" content="#faf8f3" media="(prefers-color-scheme: light)">'
    '<meta name="theme-color" content="#171613" media="(prefers-color-scheme: dark)">'
)


class OpenFiles:
    """In front of the login. There is no service worker: without the program there is nothing to show, and nothing of
    the library is to be kept by the browser.
    """

    def __init__(self, app: ASGIApp, run: str) -> None:
        self._app = app
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        await (answer or self._app)(scope, receive, send)

    def _answer(self, path: str) -> Response | None:
        if path == RUN_PATH:
            return Response(self._run, media_type="text/plain", headers={"Cache-Control": "no-store"})
        if path == _MANIFEST_PATH:
            return Response(json.dumps(_MANIFEST), media_type="application/manifest+json")
        if kind := _ICONS.get(path):
            return Response(_read_icon(path), media_type=kind, headers={"Cache-Control": "public, max-age=86400"})
        return None


@cache
def _read_icon(path: str) -> bytes:
    return (ASSETS / "icons" / path.rsplit("/", 1)[-1]).read_bytes()
