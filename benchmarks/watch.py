"""Watching a contender from outside until it has applied every record, and ClickHouse has merged what came."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.errors import BenchmarkFailed
from benchmarks.measurement import Readings
from benchmarks.meter import Meter, Reading

_ASSIGNED_POLL_S: Final = 0.05
POLL_S: Final = 0.2  # a look is a query, which takes its share of the machine
STALLED_AFTER_S: Final = 60.0
QUIET_S: Final = 1.0
"""Without a merge for so long, there is none to come: ClickHouse looks for the next one as soon as one has ended."""

_MERGED_WITHIN_S: Final = 120.0


class Watched(NamedTuple):
    """Readings, and how many records were counted: who reads at least once may count more than there are."""

    readings: Readings
    counted: int


def watch(
    meter: Meter,
    records: int,
    *,
    assigned: Callable[[], int],
    applied: Callable[[], int],
    merges: Callable[[], int],
) -> Watched:
    """Return what was seen of a run until `records` are applied and merged; each end up to POLL_S late.

    Raises BenchmarkFailed when nothing moves for STALLED_AFTER_S.
    """
    first = _before_the_first(meter, assigned)
    counted = _until(applied, records)
    at_the_end = meter.read()
    return Watched(Readings(first, at_the_end, _merged(meter, at_the_end, merges)), counted)


def _before_the_first(meter: Meter, assigned: Callable[[], int]) -> Reading:
    """Return the last reading at which no partition was assigned: whoever has one, begins to read it."""
    started_s = time.monotonic()
    before = meter.read()
    while not assigned():
        if time.monotonic() - started_s > STALLED_AFTER_S:
            raise BenchmarkFailed(f"no partition was assigned within {STALLED_AFTER_S:g} s")
        time.sleep(_ASSIGNED_POLL_S)
        before = meter.read()
    return before


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


def _merged(meter: Meter, applied: Reading, merges: Callable[[], int]) -> Reading:
    """Return the reading from which on no merge ran: that of the last record, if none ran at all."""
    quiet = applied
    while time.monotonic() - quiet.at_s < QUIET_S:
        time.sleep(POLL_S)
        if merges():
            quiet = meter.read()
        if quiet.at_s - applied.at_s > _MERGED_WITHIN_S:
            raise BenchmarkFailed(f"ClickHouse still merges after {_MERGED_WITHIN_S:g} s")
    return quiet
