"""Watching a contender from outside until it has applied every record."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.errors import BenchmarkFailed
from benchmarks.meter import Meter, Reading

POLL_S: Final = 0.2  # a look is a query, which takes its share of the machine
STALLED_AFTER_S: Final = 60.0


class Watched(NamedTuple):
    """Readings at the assignment and at the end, and how many records were counted by then."""

    assigned: Reading
    finished: Reading
    counted: int


def watch(
    meter: Meter, records: int, *, is_assigned: Callable[[], bool], applied: Callable[[], int]
) -> Watched:
    """Return what was seen of a run until `records` are applied, up to POLL_S late.

    Who reads at least once may count more than there is. Raises BenchmarkFailed when nothing moves for
    STALLED_AFTER_S.
    """
    _until(lambda: int(is_assigned()), 1)
    assigned = meter.read()
    counted = _until(applied, records)
    return Watched(assigned, meter.read(), counted)


def _until(look: Callable[[], int], enough: int) -> int:
    """Look until it is enough; return what was seen."""
    seen, moved_s = look(), time.monotonic()
    while seen < enough:
        time.sleep(POLL_S)
        before, seen = seen, look()
        if seen != before:
            moved_s = time.monotonic()
        elif time.monotonic() - moved_s > STALLED_AFTER_S:
            raise BenchmarkFailed(f"nothing moved for {STALLED_AFTER_S:g} s at {seen:,} of {enough:,}")
    return seen
