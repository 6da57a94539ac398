"""From additions to rows: sums by workflow and by user, for all time, by UTC day and by quarter of an hour. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from processor.additions import Added, Additions
from processor.decode.events import Failure, Owners
from processor.ids import Int64s, UInt64s
from processor.measures import COUNTERS, MEASURES

CHECKPOINT, TOTAL, DAY, QUARTER, OPENING = range(5)
"""Values of the column `resolution`; OPENING: see processor.importing."""

_QUARTER_S: Final = 900
_SPANS: Final = {QUARTER: 1, DAY: 96, TOTAL: 1 << 23}  # quarters of an hour
_LAST_S: Final = 2**32 - 1  # the latest second that a DateTime holds

# A place is a number by which rows are sorted and told apart. From its upper bits down: resolution (last of all),
# owner, quarter of an hour since 1970, thing.
_THING_BITS: Final = 14
_BUCKET_BITS: Final = 23
_OWNER_BITS: Final = 23
_OWNER_SHIFT: Final = _THING_BITS + _BUCKET_BITS
_RESOLUTION_SHIFT: Final = _OWNER_SHIFT + _OWNER_BITS
_THINGS: Final = (1 << _THING_BITS) - 1
_QUARTERS: Final = (1 << _BUCKET_BITS) - 1
_OWNERS: Final = (1 << _OWNER_BITS) - 1

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


class _Cells(NamedTuple):
    """What owners have of each thing in each bucket: columns by name, in the order of places; each place once."""

    place: Int64s
    columns: Mapping[str, Int64s]


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
    by_quarter = _with_users(_cells(what.added, numbers.owner), numbers.user_of)
    by_day = _coarser(by_quarter, DAY)
    cells = {TOTAL: _coarser(by_day, TOTAL), DAY: by_day, QUARTER: by_quarter}
    return _rows(_together(cells), numbers)._replace(failures=what.failures)


def _number(used: Int64s, owners: Owners) -> _Numbers:
    present = np.zeros(used.max() + 1, dtype=bool)
    present[used] = True
    used = np.flatnonzero(present)
    user_hi, user_lo, workflow_hi, workflow_lo = (column[used] for column in owners.halves())
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


def _cells(added: Sequence[Added], number_of: Int64s) -> _Cells:
    """Return what is added, by workflow, quarter of an hour and thing."""
    names = dict.fromkeys(name for one in added for name in one.numbers)
    columns = {name: np.concatenate([_column(one, name) for one in added]) for name in names}
    owner, at_s, thing = (np.concatenate([one[at] for one in added]) for at in range(3))
    quarter = (
        np.clip(at_s, 0, _LAST_S) // _QUARTER_S
    )  # beyond the times of ClickHouse: its first or last bucket
    return _summed(number_of[owner] << _OWNER_SHIFT | quarter << _THING_BITS | thing, columns)


def _column(added: Added, name: str) -> Int64s:
    """Return a column; those who do not tell of it change nothing."""
    if name in added.numbers:
        return added.numbers[name]
    return np.full(len(added.owner), MEASURES[name].neutral if name in MEASURES else 0, np.int64)


def _with_users(cells: _Cells, user_of: Int64s) -> _Cells:
    """Add the same to the users once more."""
    owner = cells.place >> _OWNER_SHIFT
    of_users = _summed(cells.place + (user_of[owner] - owner << _OWNER_SHIFT), cells.columns)
    place = np.concatenate((cells.place, of_users.place))
    order = np.argsort(place, kind="stable")
    columns = {
        name: np.concatenate((column, of_users.columns[name]))[order]
        for name, column in cells.columns.items()
    }
    return _Cells(place[order], columns)


def _coarser(cells: _Cells, resolution: int) -> _Cells:
    into_bucket = (cells.place >> _THING_BITS & _QUARTERS) % _SPANS[resolution]
    return _summed(cells.place - (into_bucket << _THING_BITS), cells.columns, kind="stable")


def _together(cells: Mapping[int, _Cells]) -> _Cells:
    """Return the cells of all resolutions, which are told apart by the upper bits of their places."""
    place = [one.place | resolution << _RESOLUTION_SHIFT for resolution, one in cells.items()]
    names = next(iter(cells.values())).columns
    columns = {name: np.concatenate([one.columns[name] for one in cells.values()]) for name in names}
    return _Cells(np.concatenate(place), columns)


def _summed(
    place: Int64s, columns: Mapping[str, Int64s], kind: Literal["quicksort", "stable"] = "quicksort"
) -> _Cells:
    """Return one cell a place. `kind` of sort: a stable one is fast where most is in order already."""
    order = np.argsort(place, kind=kind)
    place = place[order]
    starts = _starts(place)
    ordered = {id(column): column[order] for column in columns.values()}  # some are one and the same
    sums = {name: _reduce(name, ordered[id(column)], starts) for name, column in columns.items()}
    return _Cells(place[starts], sums)


def _starts(place: Int64s) -> Int64s:
    """Return where another place begins; there is at least one."""
    return np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))


def _reduce(name: str, column: Int64s, starts: Int64s) -> Int64s:
    reduce = MEASURES[name].reduce if name in MEASURES else np.add
    reduced: Int64s = reduce.reduceat(column, starts)
    return reduced


def _rows(cells: _Cells, numbers: _Numbers) -> Rows:
    """Put the things of each resolution, owner and bucket together."""
    row = cells.place >> _THING_BITS
    starts = _starts(row)
    row = row[starts]
    owner = row >> _BUCKET_BITS & _OWNERS
    user_hi, user_lo, workflow_hi, workflow_lo = (column[owner] for column in numbers.ids)
    counted = {name: of for name, of in COUNTERS.items() if of in cells.columns and cells.columns[of].any()}
    return Rows(
        resolution=row >> _OWNER_BITS + _BUCKET_BITS,
        user_hi=user_hi,
        user_lo=user_lo,
        workflow_hi=workflow_hi,
        workflow_lo=workflow_lo,
        bucket_s=(row & _QUARTERS) * _QUARTER_S,
        numbers={
            name: _reduce(name, column, starts) for name, column in cells.columns.items() if name in MEASURES
        },
        counters={
            name: _packed(cells.place & _THINGS, cells.columns[of], starts) for name, of in counted.items()
        },
    )


def _packed(things: Int64s, counts: Int64s, starts: Int64s) -> Objects:
    """Return how often each thing was counted, see Rows."""
    is_counted = counts != 0
    whole = (things << _COUNT_BITS | counts)[is_counted].astype("<i8").tobytes()
    ends = np.append(np.cumsum(is_counted)[starts[1:] - 1], is_counted.sum()) * 8
    bounds = [0, *ends.tolist()]
    packed = np.empty(len(starts), dtype=object)
    packed[:] = [whole[start:end] for start, end in pairwise(bounds)]
    return packed
