"""Which judged queries are trained on, and which decide. Pure functions."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.cli import count
from training.data.connected import NOTHING, Group, Groups, Learnt, connect
from training.data.pairs import MINIMUM_QUERIES, JudgedQuery

_HELD_OUT_SHARE = 0.25
_CHOOSE_SHARE = 0.15
_QUERIES_FOR_HOLDING_OUT = 3
# From so many judged queries on, there are enough to choose the checkpoint on others than those that decide.
_QUERIES_FOR_CHOOSING = MINIMUM_QUERIES
# With fewer new queries a quarter of them proves next to nothing, and cross-validation takes its place.
_QUERIES_FOR_ONE_SPLIT = 40
_FOLDS = 4
# Batches need passages of two groups at least: those of one may all be the same.
_GROUPS_TO_TRAIN_ON = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Judged queries to train on, to choose the checkpoint on where that is asked for, and to decide on.

    Where there are too few for both, `choose` is `held_out`, and its scores flatter the chosen checkpoint. With `folds`
    all queries are trained on, and each part of the held-out ones is decided on by a model trained on the others.
    `obstacle` says why fewer are held out than there should be, empty where nothing stood in the way.
    """

    train: tuple[JudgedQuery, ...]
    choose: tuple[JudgedQuery, ...]
    held_out: tuple[JudgedQuery, ...]
    folds: tuple[tuple[JudgedQuery, ...], ...] = ()
    obstacle: str = ""

    @property
    def chosen_on_held_out(self) -> bool:
        return bool(self.choose) and self.choose == self.held_out


def split_queries(queries: Sequence[JudgedQuery], seed: int, learnt: Learnt = NOTHING, *, choose: bool = True) -> Split:
    """Train, choose and held-out queries; those that share their words or an approved passage stay together.

    Without `choose` the checkpoint is not chosen, and no query is kept from training for it; a few dozen queries are
    then divided for cross-validation, as a quarter of them would prove nothing.

    What hangs together with `learnt`, which the base model was trained on before, proves nothing and is trained on
    again. The same queries and seed give the same split. Nothing is held out of two queries, which are needed to train
    at all, or where all queries hang together.
    """
    if len(queries) < _QUERIES_FOR_HOLDING_OUT:
        return Split(tuple(queries), (), ())
    groups = connect(queries, learnt)
    fresh = list(groups.fresh)
    random.Random(seed).shuffle(fresh)
    unseen = len(_flatten(fresh))
    parts = _deal(fresh, _FOLDS)
    if not choose and len(queries) >= MINIMUM_QUERIES and unseen < _QUERIES_FOR_ONE_SPLIT and _are_even(parts):
        return Split(_flatten([*groups.known, *fresh]), (), _flatten(parts), parts)
    kept_back = max(_GROUPS_TO_TRAIN_ON - len(groups.known), 1)
    held_out, rest = _take(fresh, round(_HELD_OUT_SHARE * unseen), unseen, kept_back)
    decided_on = _flatten(held_out)
    chosen_on: tuple[JudgedQuery, ...] = ()
    if choose:
        if len(queries) >= _QUERIES_FOR_CHOOSING:
            taken, rest = _take(rest, round(_CHOOSE_SHARE * len(queries)), unseen, kept_back)
            chosen_on = _flatten(taken)
        chosen_on = chosen_on or decided_on
    trained = _flatten([*groups.known, *rest])
    return Split(trained, chosen_on, decided_on, obstacle=_explain_obstacle(groups, unseen, len(queries)))


def untouched_queries(queries: Sequence[JudgedQuery], touched: Learnt) -> list[JudgedQuery]:
    """The queries that hang together with nothing in `touched`."""
    return list(_flatten(connect(queries, touched).fresh))


def split_for_choosing(
    queries: Sequence[JudgedQuery], seed: int
) -> tuple[tuple[JudgedQuery, ...], tuple[JudgedQuery, ...]]:
    """Queries to train on and, where there are enough, others to choose the checkpoint on; for labelled sets.

    Queries that hang together stay together, as in `split_queries`.
    """
    if len(queries) < _QUERIES_FOR_CHOOSING:
        return tuple(queries), ()
    groups = list(connect(queries).fresh)
    random.Random(seed).shuffle(groups)
    choose, rest = _take(groups, round(_CHOOSE_SHARE * len(queries)), len(queries), _GROUPS_TO_TRAIN_ON)
    return _flatten(rest), _flatten(choose)


def fold_queries(queries: Sequence[JudgedQuery], folds: int, seed: int) -> list[set[int]]:
    """The positions of the queries in so many parts of like size, for cross-validation; fewer where they hang together.

    Queries that share their words or an approved passage are in one part.
    """
    position = {id(query): number for number, query in enumerate(queries)}
    groups = list(connect(queries).fresh)
    random.Random(seed).shuffle(groups)
    return [{position[id(query)] for query in part} for part in _deal(groups, folds)]


def _deal(groups: Sequence[Group], folds: int) -> tuple[tuple[JudgedQuery, ...], ...]:
    """The groups dealt out to parts of like size, as many as there are groups for."""
    parts: list[Group] = [[] for _ in range(min(folds, len(groups)))]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    return tuple(tuple(part) for part in parts)


def _are_even(parts: Sequence[Sequence[JudgedQuery]]) -> bool:
    """Whether each part leaves the others enough to be trained on: two of three queries, of two groups at least."""
    total = sum(len(part) for part in parts)
    return len(parts) == _FOLDS and total >= 2 * _FOLDS and 3 * max(map(len, parts)) <= total


def _take(groups: Sequence[Group], wanted: int, total: int, kept_back: int) -> tuple[list[Group], list[Group]]:
    """Groups of about so many of `total` queries together, and the others, `kept_back` of them at least."""
    taken: list[Group] = []
    rest: list[Group] = []
    size = 0
    for group in groups:
        missing = max(wanted, 1) - size
        # A group larger than what is missing would leave too little to train on.
        if missing > 0 and len(group) <= max(missing, total // 3) and len(taken) + kept_back < len(groups):
            taken.append(group)
            size += len(group)
        else:
            rest.append(group)
    return taken, rest


def _explain_obstacle(groups: Groups, unseen: int, total: int) -> str:
    if not unseen:
        return f"The start model has learnt from all {count(total, 'question')} before"
    largest = max(map(len, groups.fresh))
    if 3 * largest > unseen and unseen >= _QUERIES_FOR_HOLDING_OUT:
        return (
            f"{largest} of the {unseen} new questions hang together by a passage approved for several of them "
            "or by nearly the same words, and can't be parted"
        )
    return ""


def _flatten(groups: Iterable[Sequence[JudgedQuery]]) -> tuple[JudgedQuery, ...]:
    return tuple(query for group in groups for query in group)
