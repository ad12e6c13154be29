"""The places that mark a passage on the picture of its page. Pure functions."""

from collections.abc import Iterable

from core.types import Box

# Of the lower of two boxes: letters beside each other share most of it.
_SHARED_HEIGHT = 0.3
# Recognised lines have boxes with a margin, which reach into each other.
_SHARED_HEIGHT_OF_LOOSE = 0.6
# An index and its letter share little of it, and one is much lower than the other.
_SHARED_HEIGHT_OF_INDEX = 0.05
_INDEX_HEIGHT = 0.75


def join_on_lines(boxes: Iterable[Box], *, tight: bool = True) -> list[Box]:
    """Boxes of consecutive characters or words, those on one line as one; `tight` where they end with the ink."""
    joined: list[Box] = []
    for box in boxes:
        if joined and _on_one_line(joined[-1], box, tight):
            joined[-1] = _around(joined[-1], box)
        else:
            joined.append(box)
    return joined


def _on_one_line(one: Box, other: Box, tight: bool) -> bool:
    overlap = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    low, high = sorted((one.height, other.height))
    shared = _SHARED_HEIGHT if tight else _SHARED_HEIGHT_OF_LOOSE
    if tight and low < _INDEX_HEIGHT * high:
        shared = _SHARED_HEIGHT_OF_INDEX
    return other.left + other.width > one.left and overlap > shared * low


def _around(one: Box, other: Box) -> Box:
    left, top = min(one.left, other.left), min(one.top, other.top)
    right = max(one.left + one.width, other.left + other.width)
    bottom = max(one.top + one.height, other.top + other.height)
    return Box(left, top, right - left, bottom - top)
