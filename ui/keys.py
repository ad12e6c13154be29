"""The keys of the page, and the dialog that tells them."""

import json

from ui.render import read_asset, render

_EVERYWHERE = ((("?",), "these keys"), (("Esc",), "close what lies over the page"))
_ON_PASSAGES = (
    (("j", "k"), "the next passage, the one before"),
    (("a",), "approve the passage, or those you have chosen"),
    (("r",), "reject it, or them"),
    (("x",), "choose it, to judge several at once"),
    (("e",), "approve a part of it: cut off what does not answer"),
    (("u",), "take the last verdict back"),
)
_SEARCH = (
    (("/",), "to the question; Esc leads back to the passages"),
    (("Enter",), "the passage's page, where that does not stand beside it"),
)
_JUDGE = ((("s",), "skip the passage"),)
_MAP = (
    (("←", "→", "↑", "↓"), "move the map, once it is clicked"),
    (("+", "−"), "nearer, farther"),
    (("0",), "all of it"),
    (("Esc",), "close the card"),
)
_GROUPS = (
    ("On every tab", _EVERYWHERE),
    ("Search and Judge", _ON_PASSAGES),
    ("Search", _SEARCH),
    ("Judge", _JUDGE),
    ("Map", _MAP),
)


def keys_script() -> str:
    """The script that opens the dialog, by `?` or a button."""
    return f"const keysOfThePage = {json.dumps(render('keys.html', groups=_GROUPS))};\n{read_asset('keys.js')}"
