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


def fold(added: Additions, owners: Owners) -> Rows:
    """Sum what was added into at most six rows an event: three resolutions of a workflow and of its user."""
    added, user_ids, workflow_ids = _renumbered(added, owners)
    first_of_user = np.array(_positions(user_ids), np.int64)
    users, workflows = halves(user_ids), halves(workflow_ids)
    nobody = np.zeros(len(user_ids), np.uint64)
    parts = []
    for resolution, rows in _resolutions(_sum(added._replace(at_s=_bucket(added.at_s, QUARTER)))):
        parts.append(_rows(resolution, rows, users, workflows))
        of_users = _sum(rows._replace(owner=first_of_user[rows.owner]))
        parts.append(_rows(resolution, of_users, users, (nobody, nobody)))
    return Rows.concatenate(parts)


def _renumbered(added: Additions, owners: Owners) -> tuple[Additions, list[int], list[int]]:
    """Return what was added, with owners numbered from 0 on, and the users and workflows of those numbers."""
    present = np.zeros(added.owner.max() + 1, dtype=bool)
    present[added.owner] = True
    numbers = (np.cumsum(present) - 1)[added.owner]
    used = np.flatnonzero(present).tolist()
    return (
        added._replace(owner=numbers),
        [owners.users[at] for at in used],
        [owners.workflows[at] for at in used],
    )


def _resolutions(by_quarter: Additions) -> list[tuple[int, Additions]]:
    by_day = _sum(by_quarter._replace(at_s=_bucket(by_quarter.at_s, DAY)))
    for_ever = _sum(by_day._replace(at_s=np.zeros_like(by_day.at_s)))
    return [(TOTAL, for_ever), (DAY, by_day), (QUARTER, by_quarter)]


def _bucket(at_s: Int64s, resolution: int) -> Int64s:
    """Return where the buckets begin; times that ClickHouse cannot hold go to its first or last bucket."""
    within = np.clip(at_s, 0, _LAST_S)
    return within - within % _SPAN_S[resolution]


def _positions(ids: Sequence[int]) -> list[int]:
    """Return, for each id, the position of its first appearance."""
    first: dict[int, int] = {}
    return [first.setdefault(one, at) for at, one in enumerate(ids)]


def _sum(added: Additions) -> Additions:
    """Return one row for each owner and bucket."""
    if not len(added.owner):
        return added
    key = added.owner << 32 | added.at_s  # buckets begin below 2^32
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    sums = (np.add.reduceat(column[order], starts) for column in added[2:])
    return Additions(key[starts] >> 32, key[starts] & _LAST_S, *sums)


def _rows(
    resolution: int, added: Additions, users: tuple[UInt64s, UInt64s], workflows: tuple[UInt64s, UInt64s]
) -> Rows:
    owner = added.owner
    return Rows(
        np.full(len(owner), resolution, np.int64),
        users[0][owner],
        users[1][owner],
        workflows[0][owner],
        workflows[1][owner],
        *added[1:],
    )


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
