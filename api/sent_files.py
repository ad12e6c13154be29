"""A file as the answer to a request."""

import shutil
from pathlib import Path
from typing import Any

from anyio import CancelScope, to_thread
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from api.errors import Refusal, answer_error

_LONGEST_SHOWN = 60


class SentFile(FileResponse):
    """Of a range that can't be had the program is told as of any other error.

    The folder `removed` is gone once it is sent, or is not to be sent.
    """

    def __init__(self, path: Path, *, removed: Path | None = None, **options: Any) -> None:
        super().__init__(path, **options)
        self._removed = removed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: list[Message] = []

        async def send_unless_refused(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused.append(message)
            if not refused:
                await send(message)

        try:
            await super().__call__(scope, receive, send_unless_refused)
        finally:
            if self._removed is not None:
                # Also where whoever asked is gone.
                with CancelScope(shield=True):
                    await to_thread.run_sync(shutil.rmtree, self._removed)
        if refused:
            await _refuse_range(refused[0], Headers(scope=scope).get("range", ""))(scope, receive, send)


def _refuse_range(answer: Message, asked: str) -> JSONResponse:
    told = Headers(raw=answer["headers"]).get("content-range")
    sentence = f"The range '{asked[:_LONGEST_SHOWN]}' of this file can't be had. Ask for all of it, without Range."
    return answer_error(answer["status"], Refusal.INVALID, sentence, {"Content-Range": told} if told else None)
