"""What every part of the page is made with: plain HTML, events that are answered at once, news for the reader."""

import functools
from typing import Any

import gradio as gr

from ui.render import read_asset

# Without Gradio's own styles for prose, which put borders around tables and padding around lists.
PlainHTML = functools.partial(gr.HTML, apply_default_css=False)

# An event is answered by the request that asks it. Gradio's queue answers all events of a window over one stream, which
# closes when none is left: an event that joins in that moment is never answered, and its search never ends.
DIRECT: dict[str, Any] = {"queue": False, "api_name": False}
SILENT: dict[str, Any] = {"show_progress": "hidden", **DIRECT}


def build_news() -> gr.HTML:
    """Where handlers put what `tell` makes; `gr.Info` needs the queue."""
    script = read_asset("common.js") + "watch('value', () => sayAll(element));"
    return PlainHTML("", elem_id="news", js_on_load=script)
