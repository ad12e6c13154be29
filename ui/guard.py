"""What every request must pass before anything else: its Host, the site it comes from, its path, its size."""

import ipaddress
import re
import socket
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bodies import FILE_PATHS
from api.errors import Refusal, answer_error
from core.served import RUN_PATH

# gr.HTML makes functions of its templates, which needs unsafe-eval; nothing can be sent to, or come from, elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

UPLOAD_PATH = "/gradio_api/upload"
# What the page asks for. All else that Gradio has (files by path, a proxy, histories, recordings) is closed.
_OPEN = frozenset(
    {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/login", "/logout", UPLOAD_PATH}
    | {RUN_PATH}
    | {f"/gradio_api/{name}" for name in ("info", "startup-events", "upload_progress", "component_server/", "app_id")}
    | {f"/gradio_api/{name}" for name in ("queue/join", "queue/data", "reset", "cancel", "theme.css")}
)
_OPEN_BELOW = ("/api/", "/assets/", "/icons/", "/static/", "/svelte/", "/gradio_api/run/", "/gradio_api/heartbeat/")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f\\%]|//|/\.{1,2}(?:/|$)")
_LONGEST_PATH = 300

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+[a-z0-9_-]))(?::\d{1,5})?")
# What the page sends of itself is short; files go by the upload.
_MOST_BYTES = 8 << 20


class HostNames:
    """The names under which this app may be asked for: of a loopback address those of this machine to itself only.

    Another site's name may be made to lead here (DNS rebinding), but an address written out can't.
    """

    def __init__(self, host: str, names: Sequence[str] = ()) -> None:
        self._only_loopback = is_loopback(host)
        self._names = {"localhost", host.lower(), *(name.lower() for name in names)}
        if not self._only_loopback:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    def allow(self, header: str) -> bool:
        """Whether a Host header names this app; any port will do, for a tunnel may have another one."""
        match = _HOST.fullmatch(header.lower())
        if not match:
            return False
        name = match["six"] or match["name"]
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return match["six"] is None and name in self._names
        return (address.version == 6) == (match["six"] is not None) and (address.is_loopback or not self._only_loopback)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an app that is served on this address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """The outermost of all: refuses in one sentence, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, names: HostNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # The page uses none; closed before it is accepted, it is a 403.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._names.allow(hosts[0]):
            return answer_error(
                400, Refusal.HOST, "This app is not served under that name. If it is yours, add it to WHETSTONE_NAMES."
            )
        if _is_of_another_site(scope["method"], scope["path"], headers):
            return answer_error(403, Refusal.OTHER_SITE, "Requests from other sites are refused.")
        if not is_open(scope["path"]):
            return answer_error(404, Refusal.NO_ADDRESS, "There is nothing at this address.")
        return None if scope["method"] in ("GET", "HEAD") else _refuse_body(scope["path"], headers)


def is_open(path: str) -> bool:
    """Whether the page needs this path; what is not written plainly is none of its paths."""
    if len(path) > _LONGEST_PATH or _NOT_IN_A_PATH.search(path):
        return False
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _is_of_another_site(method: str, path: str, headers: Headers) -> bool:
    """Whether a page of another site asks, for anything but to open this one."""
    own = headers["host"].lower()
    for origin in headers.getlist("origin"):
        scheme, _, rest = origin.lower().partition("://")
        if scheme not in ("http", "https") or rest != own:
            return True
    sites = set(headers.getlist("sec-fetch-site"))
    if sites <= {"same-origin", "none"}:
        return False
    opens_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not (method == "GET" and path in ("/", "/login") and opens_page)


def _refuse_body(path: str, headers: Headers) -> Response | None:
    """A body must tell its length beforehand; only the upload takes forms with files, and the API single files."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal():
        return answer_error(411, Refusal.NO_LENGTH, "A request must tell its length (Content-Length).")
    if path == UPLOAD_PATH:
        return None
    if headers.get("content-type", "").lower().startswith("multipart/"):
        return answer_error(
            415, Refusal.NOT_A_FILE, "Files are taken by the upload of the Library tab, and by the API."
        )
    if int(length) > _MOST_BYTES and path not in FILE_PATHS:
        return answer_error(413, Refusal.TOO_LARGE, f"A request has at most {_MOST_BYTES >> 20} MB.")
    return None
