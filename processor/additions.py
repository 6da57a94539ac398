"""What first-seen events add to the numbers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from analytics import histogram
from processor.decode.events import (
    FAILED,
    JOB,
    LINE,
    NO_STATUS,
    RESULT,
    STDERR,
    WAS_COMPLETED,
    Bools,
    Failure,
    Keyed,
    Lines,
    Named,
    Stream,
)
from processor.ids import Int64s


class Added(NamedTuple):
    """What some events add, one row an event: `owner` is a position in `Owners`, `at_s` a Unix second.

    `numbers` by measure; the other measures are not changed.
    """

    owner: Int64s
    at_s: Int64s
    numbers: Mapping[str, Int64s]


class Counted(NamedTuple):
    """Events that are counted once each under what they are, in one of the COUNTERS.

    `thing` is a duration bin; in counter `failures` a position in `Additions.failures`.
    """

    counter: str
    owner: Int64s
    at_s: Int64s
    thing: Int64s


class Additions(NamedTuple):
    """What a batch adds. What is in `counted` is also in `added`."""

    added: list[Added]
    counted: list[Counted]
    failures: Sequence[Failure] = ()


def additions(
    keyed: Iterable[Keyed],
    lines: Iterable[Lines],
    named: Sequence[Named],
    *,
    streams: Sequence[Stream] = (),
    failures: Sequence[Failure] = (),
) -> Additions:
    """Return what first-seen events add. `streams` and `failures`: those of the batch, see Decoded."""
    result = Additions([], [], failures)
    for one in keyed:
        for event, take in _TAKE.items():
            of_it = one.event == event
            if of_it.any():
                take(one if of_it.all() else one.where(of_it), result)
    for some in lines:
        if len(some.owner):
            result.added.append(_of_lines(some, streams))
    if named:
        result.added.append(_of_named(named))
    return result


def _take_jobs(jobs: Keyed, result: Additions) -> None:
    seconds, bins = jobs.amount, histogram.bins(jobs.amount)
    numbers = {
        "jobs": np.ones_like(seconds),
        "execution_seconds": seconds,
        "shortest_seconds": seconds,
        "longest_seconds": seconds,
    }
    result.counted.append(Counted("durations", jobs.owner, jobs.at_s, bins))
    with_status = jobs.detail != NO_STATUS
    if with_status.any():
        has_failed = jobs.detail == FAILED
        numbers["jobs_with_status"] = with_status.astype(np.int64)
        numbers["failed_seconds"] = np.where(has_failed, seconds, 0)
        columns = (column[has_failed] for column in (jobs.owner, jobs.at_s, bins))
        result.counted.append(Counted("failed_durations", *columns))
    result.added.append(Added(jobs.owner, jobs.at_s, numbers))


def _take_results(results: Keyed, result: Additions) -> None:
    has_failed = results.detail != WAS_COMPLETED
    numbers = {"jobs_completed": (~has_failed).astype(np.int64), "jobs_failed": has_failed.astype(np.int64)}
    result.added.append(Added(results.owner, results.at_s, numbers))
    columns = (column[has_failed] for column in (results.owner, results.at_s, results.detail - 1))
    result.counted.append(Counted("failures", *columns))


def _take_lines(lines: Keyed, result: Additions) -> None:
    numbers = _numbers_of_lines(lines.amount, lines.detail == STDERR)
    result.added.append(Added(lines.owner, lines.at_s, numbers))


_TAKE: Final = {JOB: _take_jobs, RESULT: _take_results, LINE: _take_lines}


def _of_lines(lines: Lines, streams: Sequence[Stream]) -> Added:
    of_stderr = np.array([stream.name == "stderr" for stream in streams])
    numbers = _numbers_of_lines(lines.line_bytes, of_stderr[lines.stream])
    return Added(lines.owner, lines.at_s, numbers)


def _numbers_of_lines(line_bytes: Int64s, is_stderr: Bools) -> Mapping[str, Int64s]:
    return {
        "log_lines": np.ones_like(line_bytes),
        "log_bytes": line_bytes,
        "stderr_lines": is_stderr.astype(np.int64),
        "stderr_bytes": np.where(is_stderr, line_bytes, 0),
    }


def _of_named(named: Sequence[Named]) -> Added:
    owner = np.array([one.owner for one in named], np.int64)
    at_s = np.array([one.time_ms // 1000 for one in named], np.int64)
    return Added(owner, at_s, {"workflows": np.ones_like(owner)})
