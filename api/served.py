"""What a handler asks FastAPI for: the app's services, the pictures of its pages, a place among who follows jobs."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from api.accounts import Accounts
from api.services import Services
from core.types import PaperFile
from indexer.drawing import Drawer

_PICTURES_KEPT = 256
_PICTURES_AT_ONCE = 32
# Each looks four times a second as long as it is open.
_FOLLOWERS_AT_ONCE = 50
# In a request's scope: whether who was let in with it would be now. Put there by the login.
STILL_LET_IN = "still_let_in"


class Pictures:
    """Pages as pictures, the last ones kept. Who waits for a slow page does not keep those waiting who search."""

    def __init__(self, drawer: Drawer) -> None:
        # Found again by the file's hash: another file under the same id can't occur.
        self._draw = functools.lru_cache(maxsize=_PICTURES_KEPT)(drawer.draw)
        self._waiting = CapacityLimiter(_PICTURES_AT_ONCE)

    async def draw(self, file: PaperFile, number: int, width: int) -> bytes:
        return await to_thread.run_sync(self._draw, file, number, width, limiter=self._waiting)


@dataclass(frozen=True, slots=True)
class State:
    """What the handlers of one app share; `followed` has a place for each who follows a job."""

    services: Services
    accounts: Accounts
    pictures: Pictures
    followed: CapacityLimiter


def make_state(services: Services, accounts: Accounts) -> State:
    return State(services, accounts, Pictures(services.drawer), CapacityLimiter(_FOLLOWERS_AT_ONCE))


def _services(request: Request) -> Services:
    return request.app.state.shared.services


def _pictures(request: Request) -> Pictures:
    return request.app.state.shared.pictures


def _followed(request: Request) -> CapacityLimiter:
    return request.app.state.shared.followed


def _still_let_in(request: Request) -> Callable[[], bool]:
    return request.scope[STILL_LET_IN]


Served = Annotated[Services, Depends(_services)]
Drawn = Annotated[Pictures, Depends(_pictures)]
Followed = Annotated[CapacityLimiter, Depends(_followed)]
StillLetIn = Annotated[Callable[[], bool], Depends(_still_let_in)]
