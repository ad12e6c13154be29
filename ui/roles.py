"""The page's functions behind the table of api/roles.py: who lacks the role is told so, and nothing is done."""

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr

from api.roles import PAGE, require
from core.errors import RoleError
from core.people import User, viewer
from ui.messages import tell


def hold_to_roles(page: gr.Blocks, news: gr.HTML, as_now: Callable[[User | None], User | None]) -> None:
    """Wrap each function that the page can call. One that is called for nobody is refused where there are users."""

    def refusal(name: str) -> str:
        try:
            require(as_now(viewer()), PAGE.get(name))
        except RoleError as error:
            return str(error)
        return ""

    for function in page.fns.values():
        if function.fn is not None:
            function.fn = _hold_event(function.fn, len(function.outputs), function.outputs[-1:] == [news], refusal)
    for block in page.blocks.values():
        for number, called in enumerate(getattr(block, "server_fns", None) or ()):
            held = _hold_call(called, refusal)
            block.server_fns[number] = held
            setattr(block, called.__name__, held)


def _hold_event(
    handler: Callable[..., Any], outputs: int, tells: bool, refusal: Callable[[str], str]
) -> Callable[..., Any]:
    @functools.wraps(handler)
    def held(*args: Any) -> Any:
        sentence = refusal(handler.__name__)
        if not sentence:
            return handler(*args)
        # What is only looked at stays as it is, without a word.
        last = tell(errors=(sentence,)) if tells else gr.skip()
        return last if outputs == 1 else [*[gr.skip()] * (outputs - 1), last]

    return held


def _hold_call(handler: Callable[[list], dict], refusal: Callable[[str], str]) -> Callable[[list], dict]:
    @functools.wraps(handler)
    def held(arguments: list) -> dict:
        sentence = refusal(handler.__name__)
        return {"error": sentence} if sentence else handler(arguments)

    return held


def empty(page: gr.Blocks, parts: list[gr.HTML]) -> None:
    """Let these parts hold nothing until the page asks for them: what they hold at first is the same for everybody."""
    for part in parts:
        part.value = ""
    page.config = page.get_config_file()
