"""From an error to what the user reads."""

import functools
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from markupsafe import Markup

from api.errors import UNEXPECTED
from core.errors import WhetstoneError, explain_storage_error

logger = logging.getLogger(__name__)


def tell(*lines: str, errors: tuple[str, ...] = ()) -> str:
    """The value of the news component that shows these lines for a while, after the errors."""
    news = json.dumps([*([line, "error"] for line in errors), *([line, ""] for line in lines)])
    # The time, because the same news may come twice.
    return Markup('<span data-news="{}" data-at="{}"></span>').format(news, time.monotonic_ns())


def warn_user(outputs: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a handler of so many outputs, the last of them the news: its errors become news, the others stay as they are.

    Not `gr.Error`: the page shows one only where it came through Gradio's queue.
    """

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def wrapped(*args: Any) -> Any:
            answer, refusal = _attempt(handler, *args)
            if not refusal:
                return answer
            news = tell(errors=(refusal,))
            return news if outputs == 1 else [*[gr.skip()] * (outputs - 1), news]

        return wrapped

    return decorate


def answer_script(handler: Callable[[list], dict]) -> Callable[[list], dict]:
    """A function that the page's script calls: its answer, or `{"error": sentence}`, which the script shows."""

    @functools.wraps(handler)
    def wrapped(arguments: list) -> dict:
        answer, refusal = _attempt(handler, arguments)
        return {"error": refusal} if refusal else answer

    return wrapped


def _attempt(handler: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """What the handler gives, or the sentence for what it raised, which is empty where all went well."""
    try:
        return handler(*args), ""
    except WhetstoneError as error:
        return None, str(error)
    except (sqlite3.Error, OSError) as error:
        logger.exception("a handler of the page")
        return None, explain_storage_error(error)
    except Exception:  # whatever it is, the page must hear of it; the log has the rest
        logger.exception("a handler of the page")
        return None, UNEXPECTED
