"""Recognise the text of pages that are pictures, in a child process: pages in, pages with text, lines and words out.

The engine's memory and time are limited as those of the reader are, page by page: a page that is too much for it fails
alone, with a reason.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from core.errors import Cancelled
from core.types import Box, Line, Metadata, Page, PageSource, PaperFile, PaperText, Word
from core.wire import file_from_json, file_to_json, lines_from_json, words_from_json
from indexer.boxes import join_on_lines
from indexer.child import ROOT, SECONDS_BETWEEN_LOOKS, limit_memory, limit_time
from indexer.metadata import Front
from indexer.pdf import find_metadata, render_picture
from indexer.reader import ReadLimits

# The engine and its models, beside what reading takes.
_ENGINE_MEGABYTES = 1500
# 144 dots an inch: larger pictures were no better on typewritten and printed scans, and slower by their area.
_SCALE = 2.0
_MOST_PIXELS = 12_000_000
# To load the engine and its models.
_SECONDS_TO_START = 90
# The engine is sure of what it can read by 0.9 and more; of writing it does not know, or that lies on its side, less.
_LEAST_SURE = 0.75
# Lines that stand upright: each so much higher than wide, and so many of a page.
_ON_ITS_SIDE = 2.0
_MOST_OF_A_PAGE = 0.6
# In heights of a line: a narrower gap is one within a word.
_GAP_OF_WORDS = 0.15
# A picture of one grey, but for so much noise, shows nothing.
_BLANK_DEVIATION = 4.0
# Lines of a scan differ in height by their letters; only what is so much larger or smaller is set in another size.
_OTHER_SIZE = (0.7, 1.4)
_FEWEST_LINES_OF_A_COLUMN = 4
_MOST_LINES_ACROSS = 0.3


def recognise_pages(
    file: PaperFile, pages: Sequence[Page], limits: ReadLimits, stopped: Callable[[], bool] = lambda: False
) -> Generator[Page]:
    """The pages as they are recognised; `limits.seconds` hold for each.

    A page in which nothing is found is empty, and one that crashes the engine or takes too long has failed, with the
    reason. Closing the iterator ends the work. Raises Cancelled soon after it is `stopped`, in the middle of a page.
    """
    waiting = list(pages)
    while waiting:
        with _Child(file, [page.number for page in waiting], limits, stopped) as child:
            if isinstance(child.next(max(limits.seconds, _SECONDS_TO_START)), str):
                reason = "the recognition of text could not be started"
                yield from (replace(page, source=PageSource.FAILED, reason=reason, needs_ocr=False) for page in waiting)
                return
            while waiting:
                page = waiting.pop(0)
                found = child.next(limits.seconds)
                if isinstance(found, str):
                    yield replace(page, source=PageSource.FAILED, reason=found, needs_ocr=False)
                    break
                yield _page_of(page, found)


def complete_paper(paper: PaperText, recognised: Mapping[int, Page], name: str) -> PaperText:
    """The paper with the recognised pages in their places, and what they tell of it where its file does not."""
    pages = tuple(recognised.get(page.number, page) for page in paper.pages)
    if pages[0].source is not PageSource.OCR:
        return replace(paper, pages=pages)
    seen, known = find_metadata(Front(pages[0]), {}, name), paper.metadata
    metadata = Metadata(
        title=known.title or seen.title,
        authors=known.authors or seen.authors,
        year=known.year or seen.year,
        doi=known.doi or seen.doi,
        arxiv_id=known.arxiv_id or seen.arxiv_id,
    )
    return PaperText(pages, paper.outline, metadata)


def boxes_of_words(words: Sequence[Word], start: int, end: int) -> list[Box]:
    """Where characters `start` to `end` of a recognised page stand on its picture: a box for the words of a line."""
    return join_on_lines((word.box for word in words if word.end > start and word.start < end), tight=False)


class _Child:
    """The process that recognises pages, and the lines it prints, one a page."""

    def __init__(
        self, file: PaperFile, numbers: Sequence[int], limits: ReadLimits, stopped: Callable[[], bool]
    ) -> None:
        command = [sys.executable, "-m", "indexer.ocr", str(limits.megabytes), str(limits.seconds)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._stopped = stopped
        self._wanted = json.dumps([file_to_json(file), numbers]).encode()
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "_Child":
        self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def next(self, seconds: float) -> dict[str, Any] | str:
        """That it is ready, then what was found on each page, or why nothing was. Raises Cancelled."""
        last = time.monotonic() + seconds
        line: bytes | None = None
        while line is None:
            try:
                line = self._lines.get(timeout=min(max(last - time.monotonic(), 0), SECONDS_BETWEEN_LOOKS))
            except queue.Empty:
                if self._stopped():
                    raise Cancelled("The recognition was stopped.") from None
                if time.monotonic() >= last:
                    more = "raise WHETSTONE_READ_SECONDS to allow more"
                    return f"its text was not recognised within {seconds} seconds; {more}"
        if not line:
            return "its picture made the recognition of text crash"
        found: dict[str, Any] = json.loads(line)
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        # A child that has died already is told by its silence.
        with contextlib.suppress(BrokenPipeError), self._process.stdin as source:
            source.write(self._wanted)
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(b"")


def _page_of(page: Page, found: dict[str, Any]) -> Page:
    layer = sum(map(str.isalnum, page.text))
    if page.source is PageSource.TEXT and layer >= max(sum(map(str.isalnum, found["text"])), 1):
        return replace(page, needs_ocr=False)
    if not found["text"]:
        return replace(page, text="", lines=(), source=PageSource.EMPTY, reason=found["reason"], needs_ocr=False)
    return replace(
        page,
        text=found["text"],
        lines=lines_from_json(found["lines"]),
        words=words_from_json(found["words"]),
        source=PageSource.OCR,
        reason=None,
        needs_ocr=False,
    )


Found = tuple[str, Box, Sequence[tuple[str, Box]]]
"""A line's text, its place, and its words with theirs."""

# --- in the child ------------------------------------------------------------------------------


def main(megabytes: str, seconds: str) -> int:
    """Print that it is ready, then one JSON object for each of the pages that stdin names."""
    limit_memory(int(megabytes) + _ENGINE_MEGABYTES)
    limit_time(_SECONDS_TO_START)
    file, numbers = json.load(sys.stdin)
    for found in _recognise(file_from_json(file), numbers):
        print(json.dumps(found), flush=True)
        limit_time(int(seconds))
    return 0


def _recognise(file: PaperFile, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    # Delayed: the process that starts the child does not need it.
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "critical"})
    yield {"ready": True}
    for number in numbers:
        picture, width, height = render_picture(file, number, _SCALE, _MOST_PIXELS)
        pixels = np.asarray(picture)
        if pixels.std() < _BLANK_DEVIATION:
            yield {"text": "", "reason": "the page is blank"}
            continue
        turns, result = _read_upright(engine, pixels)
        if result.txts is None or result.boxes is None:
            yield {"text": "", "reason": "no text was found on its picture"}
            continue
        if _sureness(result) < _LEAST_SURE:
            yield {"text": "", "reason": "what is written on its picture could not be recognised"}
            continue
        on_its_side = turns % 2 == 1
        shares = pixels.shape[:2] if on_its_side else pixels.shape[1::-1]
        # Its type has optional parts that are there when words are asked for.
        words_of_lines: Any = result.word_results
        found: list[Found] = [
            (text, _box_of(corners, shares), [(str(word[0]), _box_of(word[2], shares)) for word in words])
            for text, corners, words in zip(result.txts, result.boxes, words_of_lines, strict=True)
        ]
        page = lay_out(found, height, width) if on_its_side else lay_out(found, width, height)
        for word in page["words"]:
            word["box"] = asdict(_turn_back(Box(**word["box"]), turns))
        yield page


def _read_upright(engine: Any, pixels: Any) -> tuple[int, Any]:
    """How many quarter turns to the left let the page be read best, and what is read then."""
    result = engine(pixels, return_word_box=True)
    boxes = [] if result.boxes is None else [corners.max(axis=0) - corners.min(axis=0) for corners in result.boxes]
    upright = sum(height > _ON_ITS_SIDE * width for width, height in boxes)
    if not boxes or upright < _MOST_OF_A_PAGE * len(boxes):
        return 0, result
    # The engine would turn each line that stands on its head, and so read the wrong turn as well, last line first.
    turned = {turns: engine(np.rot90(pixels, turns), return_word_box=True, use_cls=False) for turns in (1, 3)}
    return max(turned.items(), key=lambda one: _sureness(one[1]) * sum(map(len, one[1].txts or ())))


def _sureness(result: Any) -> float:
    """How sure the engine is of the characters it found, 0 to 1."""
    texts = result.txts or ()
    sure = sum(score * len(text) for score, text in zip(result.scores or (), texts, strict=False))
    return sure / max(sum(map(len, texts)), 1)


def _turn_back(box: Box, turns: int) -> Box:
    """A place on the picture turned so often to the left, as the place on the page."""
    if turns == 1:
        return Box(1 - box.top - box.height, box.left, box.height, box.width)
    if turns == 3:
        return Box(box.top, 1 - box.left - box.width, box.height, box.width)
    return box


def _box_of(corners: Any, shares: tuple[int, int]) -> Box:
    xs = sorted(min(max(float(x) / shares[0], 0.0), 1.0) for x, _ in corners)
    ys = sorted(min(max(float(y) / shares[1], 0.0), 1.0) for _, y in corners)
    return Box(xs[0], ys[0], xs[-1] - xs[0], ys[-1] - ys[0])


def lay_out(found: Sequence[Found], width: float, height: float) -> dict[str, Any]:
    """Lines in reading order as a page's text, its lines in points and its words' places."""
    heights = sorted(box.height for _, box, _ in found)
    usual = heights[len(heights) // 2]
    text = ""
    lines: list[Line] = []
    words: list[Word] = []
    for engines_text, box, line_words in reading_order(found):
        start = len(text)
        line_text = _with_spaces(engines_text, line_words)
        text += line_text
        relative = box.height / usual if usual else 1.0
        size = (usual if _OTHER_SIZE[0] <= relative <= _OTHER_SIZE[1] else box.height) * height
        left, top = box.left * width, (1 - box.top) * height
        right, bottom = left + box.width * width, top - box.height * height
        lines.append(Line(start, len(text), left, bottom, right, top, font_size=round(size, 2), bold=False))
        words += _place_words(line_text, start, line_words)
        text += "\r\n"
    return {
        "text": text.removesuffix("\r\n"),
        "lines": [asdict(one) for one in lines],
        "words": [asdict(w) for w in words],
    }


def _with_spaces(text: str, words: Sequence[tuple[str, Box]]) -> str:
    """The line with a space wherever there is a gap between its words, which the engine's own text may lack."""
    spaced = ""
    for (word, box), (_, before) in zip(words, [*words[:1], *words], strict=False):
        gap = box.left - before.left - before.width
        # Shares of width and height differ by the page's form, which is near enough to upright.
        spaced += (" " if spaced and gap > _GAP_OF_WORDS * box.height else "") + word
    return spaced if "".join(spaced.split()) == "".join(text.split()) and len(spaced) > len(text) else text


def reading_order(found: Sequence[Found]) -> list[Found]:
    """Top down; where the page has two columns, the left before the right, between what goes across both."""
    by_top = sorted(found, key=lambda one: one[1].top + one[1].height / 2)
    gutter = _find_gutter([box for _, box, _ in found])
    if gutter is None:
        return by_top
    ordered: list[Found] = []
    left: list[Found] = []
    right: list[Found] = []
    for one in by_top:
        if one[1].left + one[1].width <= gutter:
            left.append(one)
        elif one[1].left >= gutter:
            right.append(one)
        else:
            ordered += [*left, *right, one]
            left, right = [], []
    return [*ordered, *left, *right]


def _find_gutter(boxes: Sequence[Box]) -> float | None:
    """Where, in the middle of the page, fewest lines cross; None where that are many, or a side has few lines."""
    candidates = [0.35 + 0.01 * step for step in range(31)]

    def crossing(x: float) -> int:
        return sum(box.left < x < box.left + box.width for box in boxes)

    fewest = min(map(crossing, candidates))
    best = [x for x in candidates if crossing(x) == fewest]
    x = best[len(best) // 2]
    left = sum(box.left + box.width <= x for box in boxes)
    right = sum(box.left >= x for box in boxes)
    if min(left, right) < _FEWEST_LINES_OF_A_COLUMN or fewest > _MOST_LINES_ACROSS * len(boxes):
        return None
    return x


def _place_words(line: str, start: int, words: Sequence[tuple[str, Box]]) -> Iterator[Word]:
    position = 0
    for text, box in words:
        found = line.find(text, position)
        if text and found >= 0:
            position = found + len(text)
            yield Word(start + found, start + position, box)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
