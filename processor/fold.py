"""From additions to rows: sums by workflow and by user, for all time, by UTC day and by quarter of an hour. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from processor.additions import Additions
from processor.decode.events import Failure, Owners
from processor.ids import Int64s, UInt64s, halves
from processor.measures import MEASURES

CHECKPOINT, TOTAL, DAY, QUARTER, OPENING = range(5)
"""Values of the column `resolution`; OPENING: see processor.importing."""

_QUARTER_S: Final = 900
_SPANS: Final = {QUARTER: 1, DAY: 96, TOTAL: 1 << 23}  # quarters of an hour
_LAST_S: Final = 2**32 - 1  # the latest second that a DateTime holds

# A place is a number by which rows are sorted and told apart: owner, quarter of an hour since 1970, thing counted.
_THING_BITS: Final = 14
_OWNER_SHIFT: Final = _THING_BITS + 23
_QUARTERS: Final = (1 << 23) - 1
_THINGS: Final = (1 << _THING_BITS) - 1
_COUNT_BITS: Final = 48

Objects = npt.NDArray[Any]


class Rows(NamedTuple):
    """Rows of table `analytics`, but for the checkpoint; every row adds something.

    `numbers`: by measure, those that any row changes. `counters`: by name, for each row a bytes object with what was
    counted and how often, as little-endian 64-bit numbers: the thing in the upper 16 bits, the count in the others.
    """

    resolution: Int64s
    user_hi: UInt64s
    user_lo: UInt64s
    workflow_hi: UInt64s
    workflow_lo: UInt64s
    bucket_s: Int64s
    numbers: dict[str, Int64s]
    counters: dict[str, Objects]
    failures: Sequence[Failure] = ()
    """What the things of counter `failures` are."""


class _Sums(NamedTuple):
    """Columns of numbers by place, in the order of places; each place once."""

    place: Int64s
    columns: dict[str, Int64s]


class _Numbers(NamedTuple):
    """Numbers of workflows and of users, in the order of the table: a user comes before the user's workflows.

    `owner` is by position in `Owners` (0 for those that the batch does not have), the others are by number.
    """

    owner: Int64s
    user_of: Int64s  # the number of a workflow's user
    ids: tuple[UInt64s, UInt64s, UInt64s, UInt64s]  # halves of user and workflow: upper, lower, upper, lower


def fold(what: Additions, owners: Owners) -> Rows | None:
    """Sum what was added into at most six rows an event, three resolutions of a workflow and of its user; None: nothing.

    The rows are in the order of the table, which spares the server from sorting them.
    """
    if not what.added:
        return None
    numbers = _number(np.concatenate([one.owner for one in what.added]), owners)
    parts = list(_resolutions(_sums(what, numbers)))
    counters = {name: list(_resolutions(sums)) for name, sums in _counts(what, numbers).items()}
    place = np.concatenate([one.place for one in parts])
    user_hi, user_lo, workflow_hi, workflow_lo = (column[place >> _OWNER_SHIFT] for column in numbers.ids)
    return Rows(
        resolution=np.repeat(_RESOLUTIONS, [len(one.place) for one in parts]),
        user_hi=user_hi,
        user_lo=user_lo,
        workflow_hi=workflow_hi,
        workflow_lo=workflow_lo,
        bucket_s=(place >> _THING_BITS & _QUARTERS) * _QUARTER_S,
        numbers={name: np.concatenate([one.columns[name] for one in parts]) for name in parts[0].columns},
        counters={name: _packed(parts, counts) for name, counts in counters.items()},
        failures=what.failures,
    )


_RESOLUTIONS: Final = (TOTAL, DAY, QUARTER)


def _number(used: Int64s, owners: Owners) -> _Numbers:
    present = np.zeros(used.max() + 1, dtype=bool)
    present[used] = True
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


def _sums(what: Additions, numbers: _Numbers) -> _Sums:
    """Return what is added, by quarter of an hour, to workflows and to users."""
    names = dict.fromkeys(name for one in what.added for name in one.numbers)
    columns = {
        name: np.concatenate(
            [one.numbers.get(name, np.full(len(one.owner), MEASURES[name].neutral)) for one in what.added]
        )
        for name in names
    }
    owner = np.concatenate([one.owner for one in what.added])
    at_s = np.concatenate([one.at_s for one in what.added])
    return _with_users(_place(numbers.owner[owner], at_s), columns, numbers)


def _counts(what: Additions, numbers: _Numbers) -> dict[str, _Sums]:
    """Return what is counted, by counter; column `count`."""
    counts = {}
    for name in dict.fromkeys(one.counter for one in what.counted if len(one.owner)):
        some = [one for one in what.counted if one.counter == name]
        owner, at_s, thing = (np.concatenate([one[at] for one in some]) for at in (1, 2, 3))
        place = _place(numbers.owner[owner], at_s) | thing
        counts[name] = _with_users(place, {"count": np.ones_like(place)}, numbers)
    return counts


def _place(owner: Int64s, at_s: Int64s) -> Int64s:
    """Return places; times that ClickHouse cannot hold go to its first or last bucket."""
    place: Int64s = owner << _OWNER_SHIFT | np.clip(at_s, 0, _LAST_S) // _QUARTER_S << _THING_BITS
    return place


def _with_users(place: Int64s, columns: dict[str, Int64s], numbers: _Numbers) -> _Sums:
    """Add the same to the users once more."""
    owner = place >> _OWNER_SHIFT
    of_users = place + (numbers.user_of[owner] - owner << _OWNER_SHIFT)
    twice = {name: np.concatenate((column, column)) for name, column in columns.items()}
    return _summed(np.concatenate((place, of_users)), twice)


def _resolutions(by_quarter: _Sums) -> Iterator[_Sums]:
    """Yield the sums in the order of _RESOLUTIONS."""
    by_day = _coarser(by_quarter, DAY)
    yield _coarser(by_day, TOTAL)
    yield by_day
    yield by_quarter


def _coarser(sums: _Sums, resolution: int) -> _Sums:
    into_bucket = (sums.place >> _THING_BITS & _QUARTERS) % _SPANS[resolution]
    return _summed(sums.place - (into_bucket << _THING_BITS), sums.columns)


def _summed(place: Int64s, columns: dict[str, Int64s]) -> _Sums:
    order = np.argsort(place)
    place = place[order]
    starts = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))
    return _Sums(
        place[starts],
        {name: _reduce(name).reduceat(column[order], starts) for name, column in columns.items()},
    )


def _reduce(name: str) -> Any:
    return MEASURES[name].reduce if name in MEASURES else np.add


def _packed(rows: Sequence[_Sums], counts: Sequence[_Sums]) -> Objects:
    """Return what was counted in each row, see Rows."""
    packed: list[bytes] = []
    for one, counted in zip(rows, counts, strict=True):
        thing = (counted.place & _THINGS) << _COUNT_BITS
        whole = (thing | counted.columns["count"]).astype("<i8").tobytes()
        starts = np.searchsorted(counted.place >> _THING_BITS, one.place >> _THING_BITS) * 8
        ends = np.append(starts[1:], len(whole))
        packed += [whole[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.array(packed, dtype=object)
