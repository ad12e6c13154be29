"""Nothing of the app without signing in: a page for it that needs no script, and the cookie it gives."""

import functools
import ipaddress
import math
import sqlite3
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts import Accounts
from api.errors import Refusal, answer_error
from api.password import SESSION_SECONDS, Password, PasswordFile
from api.served import STILL_LET_IN
from api.tokens import Token, TokenFile
from api.tries import Tries
from core.errors import LibraryError, explain_storage_error
from core.people import User, viewer, viewing
from storage.people import fold_name
from ui.render import render

_LONGEST_FORM = 8192
_TOKENS_OPEN = "/api/"
_QUEUE = "/gradio_api/queue/"
_PAGE = ("/", "/config")
_NO_PASSWORD = "The password was taken away while others may reach this app. Set one: python app.py --set-password"


class SharedDoor:
    """Of a library without users: whoever has the one password may do everything."""

    asks_name = False
    wrong = "That is not the password. Try again."
    needed = "A password is needed. Open the page and log in."
    make_token = "python -m api make-token NAME"

    def __init__(self, password: Password) -> None:
        self._password = password
        self.cookie = password.cookie

    def sign_in(self, name: str, words: str) -> str | None:
        return self._password.open_session() if self._password.matches(words) else None

    def lets_in(self, session: str) -> User | bool:
        return self._password.is_session(session)


class UsersDoor:
    """Of a library with users: each signs in with name and password."""

    asks_name = True
    wrong = "Nobody has this name and this password. Try again."
    needed = "You need to sign in. Open the page."
    make_token = "python -m api make-token NAME --user YOUR_NAME"

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.cookie = accounts.cookie

    def sign_in(self, name: str, words: str) -> str | None:
        return self._accounts.sign_in(name, words)

    def lets_in(self, session: str) -> User | bool:
        return self._accounts.user_of(session) or False


Door = SharedDoor | UsersDoor


class Login:
    """In front of the app: whoever has not signed in gets the page for it, and nothing else.

    Whatever follows is answered for the user, see core/people.py. A program's token opens the API in place of signing
    in; one that is not known is refused even where nothing is asked for.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        file: PasswordFile,
        tokens: TokenFile,
        tries: Tries,
        *,
        required: bool,
        for_users: Callable[[], None],
    ) -> None:
        """`for_users` is called once, before the first request of a library that has users."""
        self._app = app
        self._accounts = accounts
        self._file = file
        self._tokens = tokens
        self._required = required
        self._for_users = for_users
        self._has_users = False
        self._tries = tries
        # One try at a time, so that guessing costs one core and 32 MB, however many guess.
        self._checks = CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            users = self._accounts.users()
            shown = _token_of(request)
            token = self._tokens.find(shown) if shown is not None else None
            door = self._door(users)
        except LibraryError as error:
            await answer_error(503, error.code(), str(error))(scope, receive, send)
            return
        except sqlite3.Error as error:
            await answer_error(503, Refusal.STORAGE, explain_storage_error(error))(scope, receive, send)
            return
        if users and not self._has_users:
            self._for_users()
            self._has_users = True
        if users and request.scope["path"].startswith(_QUEUE):
            # What is asked through Gradio's queue is answered in a task of its own, which knows nobody. The page asks
            # nothing so.
            await answer_error(404, Refusal.NO_ADDRESS, "There is nothing at this address.")(scope, receive, send)
            return
        # An answer may go on long after the request was let in.
        scope[STILL_LET_IN] = functools.partial(self._still_lets_in, request)
        if door is None and self._required:
            await answer_error(503, LibraryError.code(), _NO_PASSWORD)(scope, receive, send)
        elif shown is not None:
            await self._let_program_in(token, users, request, send)
        elif door is None:
            await self._app(scope, receive, send)
        else:
            await self._let_in(door, request, send)

    async def _let_program_in(
        self, token: Token | None, users: Mapping[int, User], request: Request, send: Send
    ) -> None:
        who = _holder(token, users)
        if not who:
            await _refuse_token()(request.scope, request.receive, send)
            return
        with viewing(who if isinstance(who, User) else None):
            await self._app(request.scope, request.receive, send)

    def _door(self, users: Mapping[int, User]) -> Door | None:
        """What one goes through who shows no token; None where nobody signs in."""
        password = None if users else self._file.read()
        return UsersDoor(self._accounts) if users else SharedDoor(password) if password else None

    def _still_lets_in(self, request: Request) -> bool:
        """Whether who is viewing would be let in with this request now: neither removed, nor their token withdrawn,
        nor their password another one.
        """
        try:
            users, shown = self._accounts.users(), _token_of(request)
            door = self._door(users)
            if shown is not None:
                now = _holder(self._tokens.find(shown), users)
            else:
                now = _who(request, door) if door else not self._required
        except LibraryError:
            return False
        user = viewer()
        return bool(now) and (now.id if isinstance(now, User) else None) == (user.id if user else None)

    async def _let_in(self, door: Door, request: Request, send: Send) -> None:
        path = request.scope["path"]
        who = _who(request, door)
        if path == "/login" and request.method == "POST":
            answer = await self._log_in(request, door)
        elif not who:
            answer = _ask_to_sign_in(request, door)
        elif path == "/logout" and request.method == "POST":
            answer = RedirectResponse("/", 303)
            answer.delete_cookie(door.cookie)
        elif path == "/login":
            answer = RedirectResponse("/", 303)
        else:
            with viewing(who if isinstance(who, User) else None):
                await self._app(request.scope, request.receive, _unkept(send) if path in _PAGE else send)
            return
        answer.headers["Cache-Control"] = "no-store"
        await answer(request.scope, request.receive, send)

    async def _log_in(self, request: Request, door: Door) -> Response:
        name, words = await _typed(request)
        if words is None or (door.asks_name and not name):
            return _login_page(door, _next_of(request), "No password was sent. Type it here.", 400)
        address = _group_of(request.client.host if request.client else "")
        tried = fold_name(name or "") if door.asks_name else ""
        # Nothing is waited for in between, or a hundred could begin and wait with their passwords.
        if wait := math.ceil(self._tries.begin(address, tried)):
            sentence = f"Too many wrong passwords from your address. Try again in {wait} seconds."
            return _login_page(door, _next_of(request), sentence, 429, {"Retry-After": str(wait)})
        session = await to_thread.run_sync(door.sign_in, name or "", words, limiter=self._checks)
        if session is None:
            return _login_page(door, _next_of(request), door.wrong, 403)
        self._tries.forget(address, tried)
        answer = RedirectResponse(_next_of(request), 303)
        answer.set_cookie(
            door.cookie,
            session,
            max_age=SESSION_SECONDS,
            httponly=True,
            # Lax, so that a link to a search in a mail or a note opens it.
            samesite="lax",
            secure=request.headers.get("origin", "").startswith("https:"),
        )
        return answer


def _unkept(send: Send) -> Send:
    """Have no browser keep the answer: after a logout, the way back must not lead to what was on the page."""

    async def send_unkept(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Cache-Control"] = "no-store"
        await send(message)

    return send_unkept


def _holder(token: Token | None, users: Mapping[int, User]) -> User | bool:
    """Whose token it is; in a library without users whether it is one. Those of before there were users open nothing
    any more, and theirs nothing after.
    """
    if token is None or (token.user is None) != (not users):
        return False
    return token.user is None or users.get(token.user, False)


def _token_of(request: Request) -> str | None:
    """What a program shows in place of a login; the page takes no tokens."""
    if not request.url.path.startswith(_TOKENS_OPEN):
        return None
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _refuse_token() -> Response:
    sentence = "This token is not known here, or was withdrawn. Make one: python -m api make-token NAME"
    return answer_error(401, Refusal.TOKEN, sentence, {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})


def _who(request: Request, door: Door) -> User | bool:
    for header in request.headers.getlist("cookie"):
        try:
            cookie = SimpleCookie(header).get(door.cookie)
        except CookieError:
            continue
        if cookie is not None and (who := door.lets_in(cookie.value)):
            return who
    return False


def _ask_to_sign_in(request: Request, door: Door) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        path = request.url.path
        asked = "/" if path == "/login" else path + (f"?{request.url.query}" if request.url.query else "")
        return _login_page(door, asked, "", 401)
    sentence = door.needed
    if request.url.path.startswith(_TOKENS_OPEN):
        sentence = f"{sentence} A program needs a token: {door.make_token}"
    return answer_error(401, Refusal.LOGIN, sentence)


def _login_page(door: Door, asked: str, problem: str, status: int, headers: dict[str, str] | None = None) -> Response:
    html = render(
        "login.html", action=f"/login?next={quote(asked, safe='')}", problem=problem, asks_name=door.asks_name
    )
    return HTMLResponse(html, status, headers)


def _next_of(request: Request) -> str:
    """The address that was asked for before the login: one of ours, or the page."""
    asked = request.query_params.get("next", "/")
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return quote(asked, safe="/?&=%+:,;@!$'()*~#[]") if ours else "/"


async def _typed(request: Request) -> tuple[str | None, str | None]:
    """The fields of the form, name and password; None where they are none."""
    if int(request.headers.get("content-length", "0")) > _LONGEST_FORM:
        return None, None
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=10)
    except ValueError:
        return None, None
    return fields.get("name", [None])[0], fields.get("password", [None])[0]


def _group_of(address: str) -> str:
    """The address, of IPv6 the network of it: whoever has one has 2^64."""
    try:
        known = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        return str(known.ipv4_mapped or ipaddress.ip_network((int(known), 64), strict=False))
    return str(known)
