"""Who may do what, and for whom the present request is answered."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from core.errors import PeopleError

P = ParamSpec("P")
T = TypeVar("T")


class Role(StrEnum):
    """What a user may do: each may what those before it may.

    read: search, open and export; judge: give verdicts, keep searches; train: add and edit papers, retrain, promote;
    admin: settings, users, removing.
    """

    READ = "read"
    JUDGE = "judge"
    TRAIN = "train"
    ADMIN = "admin"

    @classmethod
    def of(cls, name: str) -> "Role":
        """The role of this name; of one that does not exist the least, so that it opens nothing."""
        return cls(name) if name in set(cls) else cls.READ

    def may(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    id: int
    name: str
    role: Role
    created_at: str = ""


# Nobody's own: what is read with it is what everybody may see. It is the program that does it, so no role hinders.
EVERYBODY = User(0, "", Role.ADMIN)

# Whoever asks; None for commands and workers, and in a library without users.
_viewer: ContextVar[User | None] = ContextVar("viewer", default=None)


def viewer() -> User | None:
    """For whom the library is read: their own and the shared papers. None sees all."""
    return _viewer.get()


def personal(name: str) -> str:
    """What a preference is called that each user has their own of."""
    user = viewer()
    return name if user is None else f"{name}:{user.id}"


def act_as(user: User) -> None:
    """For a command: all that follows in this process is done as this user."""
    _viewer.set(user)


def require_user() -> User:
    """Who does this. Raises PeopleError where no user does."""
    user = viewer()
    if user is None:
        raise PeopleError("This is done by a user. Sign in, or name one: --as NAME")
    return user


def for_everybody(work: Callable[P, T]) -> Callable[P, T]:
    """Work of which all see what comes of it, as of a training: it is done with what all may see, and nothing else."""

    @functools.wraps(work)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        with viewing(EVERYBODY):
            return work(*args, **kwargs)

    return done


@contextmanager
def viewing(user: User | None) -> Iterator[None]:
    """The library as this user sees it: in every handle that is opened meanwhile, in this thread and those it hands
    its context to.
    """
    token = _viewer.set(user)
    try:
        yield
    finally:
        _viewer.reset(token)
