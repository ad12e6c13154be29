"""From an error to what the user reads."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gradio as gr

from core.errors import WhetstoneError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

UNEXPECTED = "Something unexpected went wrong; the details are in the log of the program."


def warn_user(handler: Callable[P, R]) -> Callable[P, R]:
    """A handler of Gradio whose WhetstoneErrors become a notice on the page; the outputs stay as they are."""

    @functools.wraps(handler)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except WhetstoneError as error:
            raise gr.Error(str(error), title="That did not work", print_exception=False) from error
        except gr.Error:
            raise
        except Exception as error:
            logger.exception("%s", handler.__name__)
            raise gr.Error(UNEXPECTED, title="An error of ours", print_exception=False) from error

    return wrapped


def answer_script(handler: Callable[[list], dict]) -> Callable[[list], dict]:
    """A function that the page's script calls: its answer, or `{"error": sentence}`, which the script shows."""

    @functools.wraps(handler)
    def wrapped(arguments: list) -> dict:
        try:
            return handler(arguments)
        except WhetstoneError as error:
            return {"error": str(error)}
        except Exception:  # whatever it is, the page must hear of it; the log has the rest
            logger.exception("%s", handler.__name__)
            return {"error": UNEXPECTED}

    return wrapped
