"""From events to rows: sums by workflow and by user, for all time, by UTC day and by quarter of an hour. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from processor.decode.events import Columns, Keyed, Lines, Named, Owners
from processor.ids import Int64s, UInt64s, halves

CHECKPOINT, TOTAL, DAY, QUARTER = range(4)
"""Values of the column `resolution`."""

_SPAN_S: Final = {DAY: 86_400, QUARTER: 900}
_LAST_S: Final = 2**32 - 1  # the latest second that a DateTime holds


class _Additions(NamedTuple):
    owner: Int64s
    at_s: Int64s
    workflows: Int64s
    jobs: Int64s
    seconds: Int64s
    lines: Int64s
    line_bytes: Int64s


class Additions(Columns, _Additions):
    """What events add, one row an event: `owner` is a position in `Owners`, `at_s` a Unix second."""


class _Rows(NamedTuple):
    resolution: Int64s
    user_hi: UInt64s
    user_lo: UInt64s
    workflow_hi: UInt64s
    workflow_lo: UInt64s
    bucket_s: Int64s
    workflows: Int64s
    jobs: Int64s
    seconds: Int64s
    lines: Int64s
    line_bytes: Int64s


class Rows(Columns, _Rows):
    """Rows of table `analytics`, but for the checkpoint; every row adds something."""


def additions(keyed: Sequence[Keyed], lines: Sequence[Lines], named: Sequence[Named]) -> Additions:
    """Return what first-seen events add."""
    parts = [_of_keyed(one) for one in keyed] + [_of_lines(one) for one in lines] + [_of_named(named)]
    return Additions.concatenate(parts)


class _Numbers(NamedTuple):
    """Numbers of workflows and of users, in the order of the table: a user comes before the user's workflows.

    `owner` is by position in `Owners` (0 for those that the batch does not have), the others are by number.
    """

    owner: Int64s
    user_of: Int64s  # the number of a workflow's user
    ids: tuple[UInt64s, UInt64s, UInt64s, UInt64s]  # halves of user and workflow: upper, lower, upper, lower


def fold(added: Additions, owners: Owners) -> Rows:
    """Sum what was added into at most six rows an event: three resolutions of a workflow and of its user.

    The rows are in the order of the table, which spares the server from sorting them.
    """
    numbers = _number(added, owners)
    added = added._replace(owner=numbers.owner[added.owner])
    parts = []
    for resolution, rows in _resolutions(_sum(added._replace(at_s=_bucket(added.at_s, QUARTER)))):
        of_users = _sum(rows._replace(owner=numbers.user_of[rows.owner]))
        both = Additions.concatenate([of_users, rows])
        order = np.argsort(_place(both))
        parts.append(_rows(resolution, Additions(*(column[order] for column in both)), numbers))
    return Rows.concatenate(parts)


def _number(added: Additions, owners: Owners) -> _Numbers:
    present = np.zeros(added.owner.max() + 1, dtype=bool)
    present[added.owner] = True
    used = np.flatnonzero(present)
    user_hi, user_lo = halves([owners.users[at] for at in used.tolist()])
    workflow_hi, workflow_lo = halves([owners.workflows[at] for at in used.tolist()])
    nobody = np.zeros(len(used), np.uint64)
    pairs = (user_hi, user_hi), (user_lo, user_lo), (workflow_hi, nobody), (workflow_lo, nobody)
    ids = [np.concatenate(pair) for pair in pairs]  # of the workflows, then of their users
    order = np.lexsort((ids[2], ids[3], ids[0], ids[1]))  # the lower half first, as ClickHouse orders UUIDs
    ids = [column[order] for column in ids]
    is_new = np.ones(len(order), bool)
    is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in ids])
    numbers = np.zeros(len(order), np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    owner = np.zeros(len(present), np.int64)
    owner[used] = numbers[: len(used)]
    user_of = np.zeros(int(is_new.sum()), np.int64)
    user_of[owner[used]] = numbers[len(used) :]
    user_hi, user_lo, workflow_hi, workflow_lo = (column[is_new] for column in ids)
    return _Numbers(owner, user_of, (user_hi, user_lo, workflow_hi, workflow_lo))


def _resolutions(by_quarter: Additions) -> list[tuple[int, Additions]]:
    by_day = _sum(by_quarter._replace(at_s=_bucket(by_quarter.at_s, DAY)))
    for_ever = _sum(by_day._replace(at_s=np.zeros_like(by_day.at_s)))
    return [(TOTAL, for_ever), (DAY, by_day), (QUARTER, by_quarter)]


def _bucket(at_s: Int64s, resolution: int) -> Int64s:
    """Return where the buckets begin; times that ClickHouse cannot hold go to its first or last bucket."""
    within = np.clip(at_s, 0, _LAST_S)
    return within - within % _SPAN_S[resolution]


def _place(added: Additions) -> Int64s:
    """Return keys by which to sort: owner, then bucket."""
    places: Int64s = added.owner << 32 | added.at_s  # buckets begin below 2^32
    return places


def _sum(added: Additions) -> Additions:
    """Return one row for each owner and bucket."""
    if not len(added.owner):
        return added
    key = _place(added)
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    sums = (np.add.reduceat(column[order], starts) for column in added[2:])
    return Additions(key[starts] >> 32, key[starts] & _LAST_S, *sums)


def _rows(resolution: int, added: Additions, numbers: _Numbers) -> Rows:
    user_hi, user_lo, workflow_hi, workflow_lo = (column[added.owner] for column in numbers.ids)
    resolutions = np.full(len(added.owner), resolution, np.int64)
    return Rows(resolutions, user_hi, user_lo, workflow_hi, workflow_lo, *added[1:])


def _of_keyed(keyed: Keyed) -> Additions:
    none = np.zeros_like(keyed.jobs)
    return Additions(keyed.owner, keyed.at_s, none, keyed.jobs, keyed.seconds, keyed.lines, keyed.line_bytes)


def _of_lines(lines: Lines) -> Additions:
    none = np.zeros_like(lines.owner)
    return Additions(lines.owner, lines.at_s, none, none, none, none + 1, lines.line_bytes)


def _of_named(named: Sequence[Named]) -> Additions:
    owner = np.array([one.owner for one in named], np.int64)
    at_s = np.array([one.time_ms // 1000 for one in named], np.int64)
    none = np.zeros_like(owner)
    return Additions(owner, at_s, none + 1, none, none, none, none)
