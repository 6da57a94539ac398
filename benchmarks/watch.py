"""Watching a contender from outside until it has applied every record."""

import time
from collections.abc import Callable
from typing import Final

from benchmarks.errors import BenchmarkFailed
from benchmarks.meter import Meter, Reading

POLL_S: Final = 0.2  # a look is a query, which takes its share of the machine
STALLED_AFTER_S: Final = 60.0


def watch(
    meter: Meter, records: int, *, is_assigned: Callable[[], bool], applied: Callable[[], int]
) -> tuple[Reading, Reading]:
    """Return readings at the assignment of the first partition, and when `records` are applied.

    Both are seen up to POLL_S late. Raises BenchmarkFailed when nothing moves for STALLED_AFTER_S, or when
    more is applied than there is.
    """
    _until(lambda: int(is_assigned()), 1)
    assigned = meter.read()
    seen = _until(applied, records)
    finished = meter.read()
    if seen > records:
        raise BenchmarkFailed(f"{seen:,} records were applied, but there are {records:,}")
    return assigned, finished


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
