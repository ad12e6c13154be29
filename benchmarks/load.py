"""Many users at once on one app: how long searches take, what fails, and how its memory grows.

    python -m benchmarks.load [--users 50] [--passages 100000] [--seconds 120] [--think 5] [--home DIR] [--json]

The app runs as `python app.py` does, on loopback, over a library that is made up: texts of words that are as frequent
as those of a language, and vectors not of these texts but drawn around 1,000 centres of different sizes, as passages of
one topic lie together. Questions are embedded by the packaged model. So the work is that of a real search, and the
ranking means nothing. Each user asks, waits for the answer, thinks (as long on average as told, exponentially), and
asks on; meanwhile its window asks once a second what has changed, as the page does. The users run on the same machine
and take their part of its time.
"""

import argparse
import http.client
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cli import print_json, quieten_libraries, say
from core.settings import Settings, load_settings
from core.types import Chunk, DocumentState, Metadata, Page, Span, content_hash
from core.words import COMMON_WORDS
from indexer.start import ensure_active_model
from storage import library, vectors
from storage.database import open_database, prepare_database
from storage.readings import store_reading

_ROOT = Path(__file__).resolve().parents[1]
_PASSAGES_A_PAPER, _PASSAGES_A_PAGE = 100, 10
_WORDS_A_PASSAGE = 120
_WORDS_A_QUESTION = 4
_CENTRES = 1000
# Cosine of a passage with its topic's centre, about what MiniLM has for passages of one paper.
_NEARNESS = 0.6
_SECONDS_TO_START = 120
_LONGEST_WAIT = 60

# An event's number, and the values of its fields.
Event = tuple[int, list[Any]]


@dataclass
class Told:
    """What the users saw; `errors` by kind."""

    searches: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, kind: str) -> None:
        with self.lock:
            self.errors[kind] = self.errors.get(kind, 0) + 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument(
        "--think", type=float, default=5, help="seconds a user thinks between two questions, on average"
    )
    parser.add_argument("--home", help="where the library is kept, to be used again; else it is made anew and removed")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="accepted as elsewhere; it always prints JSON")
    args = parser.parse_args()
    quieten_libraries()
    with tempfile.TemporaryDirectory() as passing:
        settings = load_settings(home=args.home or passing, model="packaged-minilm")
        if not settings.database.exists():
            settings.prepare_home()
            prepare_database(settings.database)
            make_library(settings, args.passages)
        with run_app(settings, args.port) as (pid, port):
            print_json(vars(args) | put_under_load(pid, port, args.users, args.seconds, args.think))
    return 0


def make_library(settings: Settings, passages: int) -> None:
    """Papers of made-up text, every passage with a made-up vector of the first model."""
    version = ensure_active_model(settings).version
    chance = random.Random(0)
    made = make_vectors(passages, version.dimension)
    with open_database(settings.database) as db:
        for first in range(0, passages, _PASSAGES_A_PAPER):
            number = first // _PASSAGES_A_PAPER
            texts = [make_text(chance) for _ in range(min(_PASSAGES_A_PAPER, passages - first))]
            document, _ = library.add_document(db, f"{number:064x}", f"{number}.pdf")
            store_reading(db, document.id, Metadata(title=f"Paper {number}"), *lay_out(texts))
            vectors.store_vectors(
                db, version.id, [content_hash(text) for text in texts], made[first : first + len(texts)]
            )
            library.set_document_state(db, document.id, DocumentState.READY)
            if number % 100 == 99:
                say(f"{first + len(texts):,} passages made")


def make_vectors(count: int, dimension: int) -> np.ndarray:
    """Unit rows around centres; a few topics have many of them, most have few."""
    chance = np.random.default_rng(0)
    centres = _unit(chance.standard_normal((_CENTRES, dimension)))
    shares = 1 / np.arange(1, _CENTRES + 1)
    topics = chance.choice(_CENTRES, count, p=shares / shares.sum())
    noise = _unit(chance.standard_normal((count, dimension)))
    return _unit(_NEARNESS * centres[topics] + (1 - _NEARNESS**2) ** 0.5 * noise).astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


_SYLLABLES = [consonant + vowel for consonant in "bdgklmnprstv" for vowel in "aeiou"]
_MADE_UP = [f"{a}{b}{c}" for a, b, c in itertools.product(_SYLLABLES[:40], _SYLLABLES[:50], _SYLLABLES[50:])]
_WORDS = [*sorted(COMMON_WORDS), *_MADE_UP]
# As in any language, the nth word comes a nth as often as the first (Zipf).
_WEIGHTS = list(itertools.accumulate(1 / n for n in range(1, len(_WORDS) + 1)))
_ASKED_WEIGHTS = list(itertools.accumulate(1 / n for n in range(1 + len(COMMON_WORDS), len(_WORDS) + 1)))


def make_text(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, cum_weights=_WEIGHTS, k=_WORDS_A_PASSAGE)).capitalize() + "."


def make_question(chance: random.Random) -> str:
    """A question with some words that tell something, common in the library or rare, as they come there."""
    return f"how does {' '.join(chance.choices(_MADE_UP, cum_weights=_ASKED_WEIGHTS, k=_WORDS_A_QUESTION))}?"


def lay_out(texts: list[str]) -> tuple[list[Page], list[Chunk]]:
    """Pages of these passages, one below the other."""
    pages, chunks = [], []
    for first in range(0, len(texts), _PASSAGES_A_PAGE):
        number, start = first // _PASSAGES_A_PAGE + 1, 0
        for text in texts[first : first + _PASSAGES_A_PAGE]:
            chunks.append(Chunk(text, (Span(number, start, start + len(text)),)))
            start += len(text) + 2
        pages.append(Page(number, "\r\n".join(texts[first : first + _PASSAGES_A_PAGE]), 612, 792))
    return pages, chunks


@contextmanager
def run_app(settings: Settings, port: int) -> Iterator[tuple[int, int]]:
    """The app in its own process: its id and its port, once it answers."""
    command = [sys.executable, "app.py", "--home", str(settings.home), "--port", str(port), "--model", settings.model]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        port = next(int(line.rsplit(":", 1)[1]) for line in process.stdout if line.startswith("Whetstone"))
        end = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < end:
            try:
                if ask(port, "GET", "/api/health")[0] == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def put_under_load(pid: int, port: int, users: int, seconds: float, think: float) -> dict[str, Any]:
    """Let the users ask for so long; the figures."""
    config = json.loads(ask(port, "GET", "/config")[1])
    search, look = find_event(config, "search", "click"), find_event(config, None, "tick")
    asked, looked = values_at_first(config, search), values_at_first(config, look)
    told = Told()
    say("warming up")
    began = time.perf_counter()
    ask_once(port, search, ["what is it?", *asked[1:]], "warm", told, told.searches)
    first = time.perf_counter() - began
    if told.errors:
        raise SystemExit(f"The app does not answer: {told.errors}")
    told.searches.clear()
    memory = [memory_megabytes(pid)]
    say(f"{users} users for {seconds:.0f} seconds")
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=be_user, args=(number, port, (search, asked), (look, looked), end, think, told))
        for number in range(users)
    ]
    for thread in threads:
        thread.start()
    for quarter in (3, 2, 1, 0):
        time.sleep(max(0, end - quarter * seconds / 4 - time.monotonic()))
        memory.append(memory_megabytes(pid))
    for thread in threads:
        thread.join()
    return {
        "searches": len(told.searches),
        "searches_a_second": round(len(told.searches) / seconds, 2),
        "errors": told.errors,
        "first_search_ms": round(1000 * first),
        "search_ms": percentiles(told.searches),
        "looks": len(told.looks),
        "look_ms": percentiles(told.looks),
        "memory_mb_at_start": memory[0],
        "memory_mb_at_each_quarter": memory[1:],
        "memory_mb_at_end": memory_megabytes(pid),
        "vectors": "made up: 1,000 centres of Zipf sizes",
    }


def be_user(number: int, port: int, search: Event, look: Event, end: float, think: float, told: Told) -> None:
    """Ask, wait, think, until the end; no two questions are the same."""
    (search_id, asked), (look_id, looked) = search, look
    chance = random.Random(number)
    session = f"user{number}"
    time.sleep(min(think, 1) * chance.random())
    while time.monotonic() < end:
        ask_once(port, search_id, [make_question(chance), *asked[1:]], session, told, told.searches)
        until = min(end, time.monotonic() + (chance.expovariate(1 / think) if think else 0))
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(1, left))
            if left > 1:
                ask_once(port, look_id, looked, session, told, told.looks)


def ask_once(port: int, event: int, data: list[Any], session: str, told: Told, times: list[float]) -> None:
    """One event, its time kept; an answer without passages, where some were asked for, is an error."""
    body = json.dumps({"data": data, "fn_index": event, "session_hash": session})
    began = time.perf_counter()
    try:
        status, answer = ask(port, "POST", "/gradio_api/run/predict", body)
    except OSError as error:
        told.fail(type(error).__name__)
        return
    took = time.perf_counter() - began
    if status != 200:
        told.fail(f"HTTP {status}")
    elif times is told.searches and b"data-chunk" not in answer:
        told.fail("no passages")
    else:
        with told.lock:
            times.append(took)


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST_WAIT)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def find_event(config: dict[str, Any], elem_id: str | None, kind: str) -> int:
    """The event of this kind, of the component with this id where one is given."""
    ids = {part["id"] for part in config["components"] if elem_id in (None, part["props"].get("elem_id"))}
    return next(
        event["id"] for event in config["dependencies"] if any(t[0] in ids and t[1] == kind for t in event["targets"])
    )


def values_at_first(config: dict[str, Any], event: int) -> list[Any]:
    """What an event is sent where nobody has touched the fields."""
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    return [values[part] for part in next(one for one in config["dependencies"] if one["id"] == event)["inputs"]]


def percentiles(times: list[float]) -> dict[str, float]:
    return {f"p{share}": round(1000 * float(np.percentile(times, share)), 1) for share in (50, 95, 99)} if times else {}


def memory_megabytes(pid: int) -> float | None:
    """What the process has in memory; None where the system does not tell so simply."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
