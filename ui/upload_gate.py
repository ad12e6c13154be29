"""In front of all uploads: refuses what the disk has no room for, and leaves nothing of what was broken off."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bodies import FILE_PATHS
from api.errors import Refusal, answer_error
from api.roles import require_role_for_upload
from core.cli import count
from core.errors import RoleError
from core.people import viewer
from core.settings import Settings
from core.stored_settings import current
from ui.guard import UPLOAD_PATH

# Left free on the disk, for the database and its vectors; and what the fields around the files may take.
_RESERVED_BYTES = 1 << 30
_FIELDS_BYTES = 4 << 20
# A sender that is there is never silent for so long.
_SILENT_SECONDS = 60
_SILENT = "The upload was given up, because nothing of it came for a while. Send it again."


class UploadGate:
    """Of the page's uploads one request holds many files; the page shows the sentence it is refused with.

    A request of the API is one file, which its handler removes itself.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self.under_way = 0
        """The bytes that are still to come of all uploads."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        takes_files = scope["type"] == "http" and scope["method"] == "POST"
        if not (takes_files and (scope["path"] == UPLOAD_PATH or scope["path"] in FILE_PATHS)):
            await self._app(scope, receive, send)
            return
        of_api = scope["path"] in FILE_PATHS
        try:
            require_role_for_upload(viewer())
        except RoleError as error:
            refusal = answer_error(403, error.code(), str(error)) if of_api else PlainTextResponse(str(error), 403)
            await refusal(scope, receive, send)
            return
        size = int(Headers(scope=scope).get("content-length", "0"))
        if problem := self._problem(size, of_api=of_api):
            refusal = answer_error(413, Refusal.TOO_LARGE, problem) if of_api else PlainTextResponse(problem, 413)
            await refusal(scope, receive, send)
            return
        room = _Room(self, size)
        try:
            if of_api:
                await self._app(scope, _receiving(receive, room, _given_up), send)
            else:
                await self._app(scope, _receiving(receive, room, MultiPartException), self._explaining(send))
        finally:
            room.give_back(size)

    def _problem(self, size: int, *, of_api: bool) -> str:
        """Why an upload of so many bytes is refused before it begins; empty where it is not."""
        settings = current(self._settings)
        if of_api and size > settings.upload_megabytes << 20:
            return self._too_large()
        if size > settings.upload_files * (settings.upload_megabytes << 20) + _FIELDS_BYTES:
            most = f"{count(settings.upload_files, 'file')} of {settings.upload_megabytes} MB"
            return f"The upload has {_mb(size)}, more than {most}. Add fewer at once."
        room = max(0, _free_bytes(settings.uploads) - _RESERVED_BYTES - self.under_way)
        if size > room:
            return f"The upload has {_mb(size)}, but the library's disk has room for {_mb(room)} only. Make room first."
        return ""

    def _too_large(self) -> str:
        most = self._settings.upload_megabytes
        return f"A file has more than {most} MB, so none was taken. Raise WHETSTONE_UPLOAD_MEGABYTES."

    def _explaining(self, send: Send) -> Send:
        """Gradio's refusals of a file that is too large, or of too many, in our words."""
        answer = b""

        async def explain(message: Message) -> None:
            nonlocal answer
            if message["type"] == "http.response.start" and message["status"] == 413:
                answer = self._too_large().encode()
                message["headers"] = [
                    (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(answer)).encode())
                ]  # fmt: skip
            elif answer:
                message = {"type": "http.response.body", "body": answer, "more_body": False}
            await send(message)

        return explain


class _Room:
    """What is kept free for the bytes of one upload that are still to come; those that came are on the disk."""

    def __init__(self, gate: UploadGate, size: int) -> None:
        self._gate = gate
        self._left = size
        gate.under_way += size

    def give_back(self, size: int) -> None:
        given = min(size, self._left)
        self._left -= given
        self._gate.under_way -= given


def _receiving(receive: Receive, room: _Room, fail: Callable[[str], Exception]) -> Receive:
    """The upload as it comes; where the sender leaves or falls silent in the middle of it, the receiver fails.

    Gradio removes its spool files after an error of the form only, not where the sender just leaves.
    """
    whole = False

    async def receive_or_fail() -> Message:
        nonlocal whole
        try:
            message = await (receive() if whole else asyncio.wait_for(receive(), _SILENT_SECONDS))
        except TimeoutError:
            raise fail(_SILENT) from None
        if message["type"] == "http.disconnect" and not whole:
            raise fail("The upload was broken off.")
        whole = whole or not message.get("more_body", False)
        room.give_back(len(message.get("body", b"")))
        return message

    return receive_or_fail


def _given_up(sentence: str) -> Exception:
    return HTTPException(408, sentence, {"Connection": "close"})


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _mb(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MB"
