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

    `thing`: of a job its duration bin, of a failed one's result a position in `Additions.failures`, else 0.
    `numbers` by measure, and what else is counted by things (see COUNTERS); the others are not changed.
    """

    owner: Int64s
    at_s: Int64s
    thing: Int64s
    numbers: Mapping[str, Int64s]


class Additions(NamedTuple):
    """What a batch adds."""

    added: list[Added]
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
    added: list[Added] = []
    for one in keyed:
        for event, of in _OF_EVENT.items():
            is_one = one.event == event
            if is_one.any():
                added.append(of(one.where(is_one)))
    added += [_of_lines(one, streams) for one in lines if len(one.owner)]
    if named:
        added.append(_of_named(named))
    return Additions(added, failures)


def _of_jobs(jobs: Keyed) -> Added:
    seconds = jobs.amount
    numbers = {
        "jobs": np.ones_like(seconds),
        "execution_seconds": seconds,
        "shortest_seconds": seconds,
        "longest_seconds": seconds,
    }
    with_status, has_failed = jobs.detail != NO_STATUS, jobs.detail == FAILED
    if with_status.any():
        numbers["jobs_with_status"] = with_status.astype(np.int64)
    if has_failed.any():
        numbers["failed_seconds"] = np.where(has_failed, seconds, 0)
        numbers["failed_durations"] = has_failed.astype(np.int64)
    return Added(jobs.owner, jobs.at_s, histogram.bins(seconds), numbers)


def _of_results(results: Keyed) -> Added:
    has_failed = results.detail != WAS_COMPLETED
    numbers = {"jobs_completed": (~has_failed).astype(np.int64), "jobs_failed": has_failed.astype(np.int64)}
    return Added(results.owner, results.at_s, np.maximum(results.detail - 1, 0), numbers)


def _of_odd_lines(lines: Keyed) -> Added:
    numbers = _numbers_of_lines(lines.amount, lines.detail == STDERR)
    return Added(lines.owner, lines.at_s, np.zeros_like(lines.owner), numbers)


_OF_EVENT: Final = {JOB: _of_jobs, RESULT: _of_results, LINE: _of_odd_lines}


def _of_lines(lines: Lines, streams: Sequence[Stream]) -> Added:
    of_stderr = np.array([stream.name == "stderr" for stream in streams])
    numbers = _numbers_of_lines(lines.line_bytes, of_stderr[lines.stream])
    return Added(lines.owner, lines.at_s, np.zeros_like(lines.owner), numbers)


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
    return Added(owner, at_s, np.zeros_like(owner), {"workflows": np.ones_like(owner)})
