"""Nothing of the app without the password: a login page that needs no script, and the cookie it gives."""

import ipaddress
import math
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import Refusal, answer_error
from api.tokens import TokenFile
from core.errors import LibraryError
from ui.password import SESSION_SECONDS, Password, PasswordFile
from ui.render import render

_FREE_TRIES = 5
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ADDRESSES = 10_000
_LONGEST_FORM = 8192
_TOKENS_OPEN = "/api/"
_NO_PASSWORD = "The password was taken away while others may reach this app. Set one: python app.py --set-password"


class Tries:
    """How often each address has tried in vain, and how long it must wait; of at most so many addresses."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        count, last = self._tries.get(address, (0, 0.0))
        if count < _FREE_TRIES:
            return 0.0
        wait = min(2.0 ** (count - _FREE_TRIES + 1), _LONGEST_WAIT)
        return max(0.0, last + wait - time.monotonic())

    def note(self, address: str) -> None:
        """Count a try. Before its outcome is known: of a hundred at once, five are looked at."""
        count, last = self._tries.pop(address, (0, 0.0))
        now = time.monotonic()
        self._tries[address] = (1 if now - last > _FORGOTTEN_AFTER else count + 1, now)
        if len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)

    def forget(self, address: str) -> None:
        self._tries.pop(address, None)


class Login:
    """In front of the app: whoever has not logged in gets the login page, and nothing else.

    A program's token opens the API in place of a login; one that is not known is refused even where no password is set.
    """

    def __init__(self, app: ASGIApp, file: PasswordFile, tokens: TokenFile, *, required: bool) -> None:
        self._app = app
        self._file = file
        self._tokens = tokens
        self._required = required
        self._tries = Tries()
        # One try at a time, so that guessing costs one core and 32 MB, however many guess.
        self._checks = CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            password = self._file.read()
            shown = _token_of(request)
            known = shown is not None and self._tokens.knows(shown)
        except LibraryError as error:
            await answer_error(503, error.code(), str(error))(scope, receive, send)
            return
        if password is None and self._required:
            await answer_error(503, LibraryError.code(), _NO_PASSWORD)(scope, receive, send)
        elif shown is not None and not known:
            await _refuse_token()(scope, receive, send)
        elif password is None or known:
            await self._app(scope, receive, send)
        else:
            await self._let_in(password, request, send)

    async def _let_in(self, password: Password, request: Request, send: Send) -> None:
        path = request.scope["path"]
        if path == "/login" and request.method == "POST":
            answer = await self._log_in(request, password)
        elif not _is_logged_in(request, password):
            answer = _ask_for_password(request)
        elif path == "/logout" and request.method == "POST":
            answer = RedirectResponse("/", 303)
            answer.delete_cookie(password.cookie)
        elif path == "/login":
            answer = RedirectResponse("/", 303)
        else:
            await self._app(request.scope, request.receive, send)
            return
        answer.headers["Cache-Control"] = "no-store"
        await answer(request.scope, request.receive, send)

    async def _log_in(self, request: Request, password: Password) -> Response:
        address = _group_of(request.client.host if request.client else "")
        if wait := math.ceil(self._tries.seconds_to_wait(address)):
            sentence = f"Too many wrong passwords from your address. Try again in {wait} seconds."
            return _login_page(_next_of(request), sentence, 429, {"Retry-After": str(wait)})
        words = await _typed_password(request)
        if words is None:
            return _login_page(_next_of(request), "No password was sent. Type it here.", 400)
        self._tries.note(address)
        if not await to_thread.run_sync(password.matches, words, limiter=self._checks):
            return _login_page(_next_of(request), "That is not the password. Try again.", 403)
        self._tries.forget(address)
        answer = RedirectResponse(_next_of(request), 303)
        answer.set_cookie(
            password.cookie,
            password.open_session(),
            max_age=SESSION_SECONDS,
            httponly=True,
            # Lax, so that a link to a search in a mail or a note opens it.
            samesite="lax",
            secure=request.headers.get("origin", "").startswith("https:"),
        )
        return answer


def _token_of(request: Request) -> str | None:
    """What a program shows in place of a login; the page takes no tokens."""
    if not request.url.path.startswith(_TOKENS_OPEN):
        return None
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _refuse_token() -> Response:
    sentence = "This token is not known here, or was withdrawn. Make one: python -m api make-token NAME"
    return answer_error(401, Refusal.TOKEN, sentence, {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})


def _is_logged_in(request: Request, password: Password) -> bool:
    for header in request.headers.getlist("cookie"):
        try:
            cookie = SimpleCookie(header).get(password.cookie)
        except CookieError:
            continue
        if cookie is not None and password.is_session(cookie.value):
            return True
    return False


def _ask_for_password(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        path = request.url.path
        asked = "/" if path == "/login" else path + (f"?{request.url.query}" if request.url.query else "")
        return _login_page(asked, "", 401)
    sentence = "A password is needed. Open the page and log in."
    if request.url.path.startswith(_TOKENS_OPEN):
        sentence = f"{sentence} A program needs a token: python -m api make-token NAME"
    return answer_error(401, Refusal.LOGIN, sentence)


def _login_page(asked: str, problem: str, status: int, headers: dict[str, str] | None = None) -> Response:
    html = render("login.html", action=f"/login?next={quote(asked, safe='')}", problem=problem)
    return HTMLResponse(html, status, headers)


def _next_of(request: Request) -> str:
    """The address that was asked for before the login: one of ours, or the page."""
    asked = request.query_params.get("next", "/")
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return quote(asked, safe="/?&=%+:,;@!$'()*~#[]") if ours else "/"


async def _typed_password(request: Request) -> str | None:
    """The field of the form; None where it is none."""
    if int(request.headers.get("content-length", "0")) > _LONGEST_FORM:
        return None
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=10)
    except ValueError:
        return None
    return fields.get("password", [None])[0]


def _group_of(address: str) -> str:
    """The address, of IPv6 the network of it: whoever has one has 2^64."""
    try:
        known = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        return str(known.ipv4_mapped or ipaddress.ip_network((int(known), 64), strict=False))
    return str(known)
