"""Whether anybody has the page open, so that a program started for its window ends with it."""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Every open page keeps one such request open for as long as it is.
_HEARTBEAT = "/gradio_api/heartbeat/"
# A reload lets go of one page before the next one holds on; a browser may take its time to start, a person to log in.
_SECONDS_AFTER_A_REQUEST = 10.0
_SECONDS_TO_BEGIN = 300.0


class OpenPages:
    """In front of everything: counts the pages that are open, in all windows and on all machines."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._open = 0
        self._awaited_until = clock() + _SECONDS_TO_BEGIN

    def unused(self) -> bool:
        """Whether no page is open, and none is on its way."""
        return not self._open and self._clock() > self._awaited_until

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_HEARTBEAT):
            await self._app(scope, receive, self._watched(send) if scope["type"] == "http" else send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            if not self._open:
                # Not the time to begin any more: a page was there.
                self._awaited_until = self._clock() + _SECONDS_AFTER_A_REQUEST

    def _watched(self, send: Send) -> Send:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                asks_to_log_in = message["status"] == 401
                seconds = _SECONDS_TO_BEGIN if asks_to_log_in else _SECONDS_AFTER_A_REQUEST
                self._awaited_until = max(self._awaited_until, self._clock() + seconds)
            await send(message)

        return note
