"""When a program that was started for its window has nothing left to be open for."""

import asyncio
from typing import Any

import pytest

from tests.coroutines import run_to_its_end
from ui.open_pages import OpenPages

HEARTBEAT = "/gradio_api/heartbeat/a"


class Visits:
    """An app that answers at once, but a heartbeat when it is told to; a clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0
        self.status = 200
        self.closed = asyncio.Event()
        self.pages = OpenPages(self._answer, clock=lambda: self.now)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        if scope["path"] == HEARTBEAT:
            await self.closed.wait()

    async def ask(self, path: str) -> None:
        async def send(message: Any) -> None:
            pass

        await self.pages({"type": "http", "path": path}, send, send)

    async def unused_after(self, seconds: float) -> bool:
        self.now += seconds
        return self.pages.unused()


@pytest.fixture
def visits() -> Visits:
    return Visits()


def test_a_page_is_open_for_as_long_as_its_heartbeat_is_and_a_reload_has_its_time(visits: Visits) -> None:
    async def story() -> None:
        await visits.ask("/")
        page = asyncio.create_task(visits.ask(HEARTBEAT))
        await asyncio.sleep(0)
        assert not await visits.unused_after(100_000)
        visits.closed.set()
        await page
        assert not await visits.unused_after(9)
        await visits.ask("/")  # a reload
        assert not await visits.unused_after(9)
        assert await visits.unused_after(2)

    run_to_its_end(story())


def test_of_two_pages_the_last_counts(visits: Visits) -> None:
    async def story() -> None:
        first, second = (asyncio.create_task(visits.ask(HEARTBEAT)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not await visits.unused_after(1000)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert await visits.unused_after(11)

    run_to_its_end(story())


def test_a_browser_and_a_person_at_the_login_have_five_minutes(visits: Visits) -> None:
    async def story() -> None:
        assert not await visits.unused_after(299)
        visits.status = 401
        await visits.ask("/")
        assert not await visits.unused_after(299)
        assert await visits.unused_after(2)

    run_to_its_end(story())
