"""What a program is told when something goes wrong: `{"error": {"code", "message"}}`, whatever it was.

`code` is that of the class in core/errors.py, or one of those below; `message` is the sentence the page would show.
"""

import logging
import sqlite3
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from core.errors import (
    Cancelled,
    LibraryError,
    NotFoundError,
    PromotionError,
    RoleError,
    WhetstoneError,
    explain_storage_error,
)

logger = logging.getLogger(__name__)

UNEXPECTED = "Something unexpected went wrong; the details are in the log of the program."
_LONGEST_SHOWN = 60


class Refusal(StrEnum):
    """Why a request is answered with an error before, or without, one of the classes in core/errors.py."""

    INVALID = "invalid_request"
    LOGIN = "login_needed"
    TOKEN = "token_unknown"
    HOST = "host_unknown"
    OTHER_SITE = "other_site"
    NO_ADDRESS = "no_address"
    NO_LENGTH = "length_needed"
    TOO_LARGE = "too_large"
    NOT_A_FILE = "media_type"
    BUSY = "busy"
    STORAGE = "storage"
    UNEXPECTED = "unexpected"


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorAnswer(BaseModel):
    error: ErrorDetail


_STATUS: dict[type[WhetstoneError], int] = {
    NotFoundError: 404,
    LibraryError: 503,
    PromotionError: 409,
    RoleError: 403,
    Cancelled: 409,
}


class Busy(WhetstoneError):
    """More is asked for at once than is kept up at a time."""


def answer_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    # A value that is quoted may be no Unicode text, which JSON lets one write.
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": {"code": code, "message": text}}, status, headers)


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(WhetstoneError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    for kind in (sqlite3.Error, OSError):
        app.add_exception_handler(kind, _answer_storage)
    app.add_exception_handler(Exception, _answer_unexpected)


def _answer_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WhetstoneError)
    if isinstance(error, Busy):
        return answer_error(503, Refusal.BUSY, str(error), {"Retry-After": "5"})
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 400)
    return answer_error(status, error.code(), str(error))


def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """One sentence for the first value that is not as described."""
    assert isinstance(error, RequestValidationError)
    return answer_error(422, Refusal.INVALID, f"{_explain_invalid(error.errors()[0])} See /api/docs.")


def _explain_invalid(first: Mapping[str, Any]) -> str:
    # Behind where it was sent: the body, the query or the path.
    place = ".".join(map(str, first["loc"][1:]))
    if first["type"] == "json_invalid":
        return f"The body is no JSON: {first['ctx']['error'].lower()}, at character {place}."
    if first["type"] == "missing":
        return f"'{place}' is missing." if place else "The body is empty. Send a JSON object."
    if first["type"] == "extra_forbidden":
        return f"There is no '{place}' here."
    if not place:
        return "The body is no JSON object. Send one, with the header 'Content-Type: application/json'."
    value = first.get("input")
    shown = f" is {value!r:.{_LONGEST_SHOWN}}" if isinstance(value, str | int | float) else ""
    return f"'{place}'{shown}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = f"There is nothing at this address that takes {request.method}. See /api/docs."
        return answer_error(404, Refusal.NO_ADDRESS, message)
    return answer_error(error.status_code, Refusal.INVALID, str(error.detail), error.headers)


def _answer_nobody(request: Request, error: Exception) -> JSONResponse:
    return answer_error(400, Refusal.INVALID, "The request was broken off.")


def _answer_storage(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, sqlite3.Error | OSError)
    logger.exception("a request of the API", exc_info=error)
    return answer_error(503, Refusal.STORAGE, explain_storage_error(error))


def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises it once more, so that the log has the rest.
    return answer_error(500, Refusal.UNEXPECTED, UNEXPECTED)
