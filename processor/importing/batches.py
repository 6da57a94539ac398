"""From copied rows to numbers, index rows and facts. Pure.

balances     totals, and the same as `opening`; the workflow is named for ever; what is known of it
event keys   rows of the index
line keys    rows of the index of lines
jobs         totals, days and quarter hours, as their events would have added them; the EventKeys of their results
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from processor.additions import Added, Additions, additions
from processor.decode.events import (
    COMPLETED,
    FAILED,
    JOB,
    LINE,
    NONE_YET,
    RESULT,
    WAS_COMPLETED,
    Facts,
    Failure,
    Keyed,
    Lines,
    Named,
    Owners,
    Stream,
)
from processor.decode.job_logs import place_of
from processor.decode.keys import Keys, hashed_key, job_keys, result_key
from processor.decode.workflows import failure_position
from processor.fold import DAY, OPENING, QUARTER, Rows, fold
from processor.ids import Int64s, parse_id
from processor.importing.rows import BALANCES, EVENTS, LINES, Balance, PastJob, ProcessedKey, Row

LONG_AGO_MS: Final = 1
"""The time of facts whose time nobody knows: any record is newer."""


@dataclass
class Batch:
    """What rows write: facts and rows of the indexes first, then the numbers."""

    rows: Rows | None = None
    keyed: Keyed | None = None
    lines: Lines | None = None
    streams: list[Stream] = field(default_factory=list)
    named: dict[int, Named] = field(default_factory=dict)  # by workflow id
    facts: dict[tuple[int, int], Facts] = field(default_factory=dict)  # by user id, workflow id


def batch_of(kind: str, rows: Sequence[Row], first: int) -> Batch:
    """Return what rows of one kind write; `first`: the number of the first one."""
    if kind == BALANCES:
        return _of_balances([row for row in rows if isinstance(row, Balance)], first)
    if kind == EVENTS:
        return _of_events([row for row in rows if isinstance(row, ProcessedKey)], first)
    if kind == LINES:
        return _of_lines([row for row in rows if isinstance(row, ProcessedKey)], first)
    return _of_jobs([row for row in rows if isinstance(row, PastJob)], first)


def _of_balances(rows: Sequence[Balance], first: int) -> Batch:
    owners, batch = Owners(), Batch()
    owner = np.array([owners.of(one.user, one.workflow) for one in rows])
    for number, one in enumerate(rows):
        user, workflow = parse_id(one.user), parse_id(one.workflow)
        batch.named.setdefault(workflow, Named(int(owner[number]), one.updated_ms, first + number))
        batch.facts[user, workflow] = _facts(one)
    numbers = {
        "workflows": np.array([int(one.is_first) for one in rows]),
        "jobs": np.array([one.jobs for one in rows]),
        "execution_seconds": np.array([one.seconds for one in rows]),
        "log_lines": np.array([one.lines for one in rows]),
    }
    none = np.zeros_like(owner)
    folded = fold(Additions([Added(owner, none, none, numbers)]), owners)
    batch.rows = None if folded is None else _without_time(folded)
    return batch


def _without_time(rows: Rows) -> Rows:
    """Return rows that were folded at the time 0: totals stay, what would be a day is the opening."""
    kept = rows.resolution != QUARTER
    resolution = np.where(rows.resolution == DAY, OPENING, rows.resolution)[kept]
    return Rows(
        resolution,
        rows.user_hi[kept],
        rows.user_lo[kept],
        rows.workflow_hi[kept],
        rows.workflow_lo[kept],
        rows.bucket_s[kept],
        {name: column[kept] for name, column in rows.numbers.items()},
        counters={},
    )


def _facts(row: Balance) -> Facts:
    """Return what is known of a workflow; the record of a newer fact wins, whenever it was published."""
    kind = (LONG_AGO_MS, 0, row.kind) if row.kind else (0, 0, "")
    if row.created_ms is None or row.generation is None:
        return Facts(row.updated_ms, kind, deleted_ms=LONG_AGO_MS)
    ended = NONE_YET if row.terminated_ms is None else (row.generation, row.terminated_ms)
    return Facts(row.created_ms, kind, build=(row.generation, row.created_ms), terminate=ended)


def _of_events(rows: Sequence[ProcessedKey], first: int) -> Batch:
    keys = job_keys([one.event_key for one in rows])
    return Batch(keyed=_index_rows(JOB, [one.time_ms for one in rows], _numbers(rows, first), keys))


def _of_lines(rows: Sequence[ProcessedKey], first: int) -> Batch:
    batch, positions = Batch(), dict[Stream, int]()
    stream, sequence, time_ms, offset = [], [], [], []
    irregular: list[tuple[ProcessedKey, int]] = []
    for number, one in enumerate(rows, first):
        place = place_of(one.event_key)
        if place is None:
            irregular.append((one, number))
            continue
        stream.append(positions.setdefault(place[0], len(positions)))
        sequence.append(place[1])
        time_ms.append(one.time_ms)
        offset.append(number)
    if stream:
        none = np.zeros(len(stream), np.int64)
        columns = (np.array(column, np.int64) for column in (time_ms, offset, stream, sequence))
        batch.lines, batch.streams = Lines(none, none, none, *columns), list(positions)
    if irregular:
        hi, lo = zip(*(hashed_key(one.event_key) for one, _ in irregular), strict=True)
        times, numbers = zip(*((one.time_ms, number) for one, number in irregular), strict=True)
        keys = Keys(np.array(hi, np.uint64), np.array(lo, np.uint64))
        batch.keyed = _index_rows(LINE, list(times), np.array(numbers), keys)
    return batch


def _of_jobs(rows: Sequence[PastJob], first: int) -> Batch:
    """Both events of a job belong to its end. Only the EventKey of its result goes into the index here."""
    owners, failures = Owners(), dict[Failure, int]()
    owner = np.array([owners.of(one.user, one.workflow) for one in rows])
    at_ms, number = [one.end_ms for one in rows], _numbers(rows, first)
    hi, lo = (np.array(half, np.uint64) for half in zip(*map(_result_key, rows), strict=True))
    index = _index_rows(RESULT, at_ms, number, Keys(hi, lo))
    ended = index._replace(owner=owner, at_s=index.time_ms // 1000)
    finished = ended._replace(
        event=np.full(len(rows), JOB),
        amount=np.array([one.seconds for one in rows]),
        detail=np.array([FAILED if one.has_failed else COMPLETED for one in rows]),
    )
    known = ended._replace(
        detail=np.array([_failure(one, failures) if one.has_failed else WAS_COMPLETED for one in rows])
    )
    added = additions([finished, known], (), (), failures=list(failures))
    return Batch(fold(added, owners), keyed=index)


def _result_key(job: PastJob) -> tuple[int, int]:
    return result_key(f"workflow:job:{job.job}:{'JOB_FAILED' if job.has_failed else 'JOB_COMPLETED'}")


def _failure(job: PastJob, failures: dict[Failure, int]) -> int:
    return failure_position(job.failure_kind, job.error_code, failures)


def _index_rows(event: int, time_ms: Sequence[int], offset: Int64s, keys: Keys) -> Keyed:
    none = np.zeros(len(offset), np.int64)
    times = np.array(time_ms, np.int64)
    return Keyed(
        none, none, none + event, none, none, times, offset, keys.hi, keys.lo, np.ones(len(offset), bool)
    )


def _numbers(rows: Sequence[Row], first: int) -> Int64s:
    return np.arange(first, first + len(rows))
