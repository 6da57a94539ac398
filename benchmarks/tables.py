"""Tables as long use leaves them, made by ClickHouse itself from row numbers.

The assumed shape, event by event: every workflow runs the same number of jobs, spread evenly over some days; a job
takes up to ten minutes and writes some log lines of about 100 bytes, on one stream; one in ten fails. So the rows have
what real ones have (random ids whose first bits are a time, a bucket for nearly every job), and all that they say fits
together: totals are the sums of days, days of quarter hours.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from analytics import histogram
from analytics.store.pool import Connection
from benchmarks.errors import BenchmarkFailed

NEWEST_MS: Final = 1_772_323_200_000
"""2026-03-01T00:00:00Z: everything in the tables is older, and floods begin here."""

SPAN_DAYS: Final = 20
"""So old are the oldest index rows: what has to be kept for a horizon of 336 h and a retention of 168 h."""

_LONGEST_S: Final = 600  # of jobs
_AT_ONCE: Final = 1_000_000
_QUIET_S: Final = 1.0
_MERGED_WITHIN_S: Final = 300.0
FILLING: Final[Mapping[str, object]] = {
    "insert_deduplicate": 0,
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "max_insert_threads": 2,
    "max_execution_time": 600,
}


class Shape(NamedTuple):
    """So many users, each with so many workflows, and so on. `first_user` keeps the ids of two fillings apart."""

    users: int
    workflows_of_user: int
    jobs_of_workflow: int
    lines_of_job: int
    days: int = 10
    first_user: int = 0

    @property
    def workflows(self) -> int:
        """Of all users."""
        return self.users * self.workflows_of_user

    @property
    def jobs(self) -> int:
        """Of all workflows."""
        return self.workflows * self.jobs_of_workflow

    @property
    def lines(self) -> int:
        """Log lines of all jobs, on average."""
        return self.jobs * self.lines_of_job

    @property
    def events(self) -> int:
        """Jobs and log lines."""
        return self.jobs + self.lines


_UUID7: Final = """reinterpretAsUUID(bitOr(
        bitShiftLeft(toUInt128(bitOr(bitShiftLeft(toUInt64(2), 62), bitShiftRight(sipHash64({number}, {kind}), 2))), 64),
        toUInt128(bitOr(bitShiftLeft(toUInt64({time_ms}), 16), 0x7000 + bitAnd(sipHash64({kind}, {number}), 0xFFF)))
    ))"""
"""A UUIDv7 that is a pure function of a number; UUIDs are kept with the upper half first, integers with the lower."""

USER_ID: Final = _UUID7.format(
    number="user", kind="1", time_ms="%(newest_ms)s - 31536000000 + user * 7919 %% 31000000000"
)
WORKFLOW_ID: Final = _UUID7.format(
    number="workflow", kind="2", time_ms="%(newest_ms)s - 2592000000 + workflow * 7907 %% 1700000000"
)
"""SQL of the ids that belong to the numbers `user` and `workflow`; parameter `newest_ms`."""

_FOLDED: Final = f"""
INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, workflows, jobs, execution_seconds,
                       log_lines, log_bytes, shortest_seconds, longest_seconds, durations, jobs_completed, jobs_failed,
                       failures, stderr_lines, stderr_bytes)
SELECT bucket.1, user_id, scope, bucket.2, sum(is_first), count(), sum(seconds), sum(lines), sum(bytes),
       min(seconds), max(seconds), sumMap(map(toUInt16(%(bins)s[seconds + 1]), toInt64(1))),
       countIf(not has_failed), countIf(has_failed), sumMapIf(map('USER Aborted', toInt64(1)), has_failed),
       sumIf(lines, is_stderr), sumIf(bytes, is_stderr)
FROM
(
    SELECT
        job,
        intDiv(job, %(jobs_of_workflow)s) AS workflow,
        intDiv(workflow, %(workflows_of_user)s) AS user,
        {USER_ID} AS user_id,
        {WORKFLOW_ID} AS workflow_id,
        job %% %(jobs_of_workflow)s = 0 AS is_first,
        sipHash64(job, 3) %% {_LONGEST_S} AS seconds,
        1 + sipHash64(job, 5) %% (2 * %(lines_of_job)s - 1) AS lines,
        lines * 85 + sipHash64(job, 6) %% (lines * 30) AS bytes,
        sipHash64(job, 7) %% 10 = 0 AS has_failed,
        sipHash64(job, 8) %% 10 < 3 AS is_stderr,
        toUInt32(intDiv(%(newest_ms)s, 86400000) - %(days)s + job %% %(jobs_of_workflow)s %% %(days)s) AS day,
        arrayJoin([
            (toInt8(1), toDateTime(0, 'UTC')),
            (toInt8(2), toDateTime(day * 86400, 'UTC')),
            (toInt8(3), toDateTime(day * 86400 + sipHash64(job, 4) %% 96 * 900, 'UTC'))
        ]) AS bucket,
        arrayJoin([workflow_id, toUUID('00000000-0000-0000-0000-000000000000')]) AS scope
    FROM (SELECT number AS job FROM numbers_mt(%(first_job)s, %(jobs)s))
)
GROUP BY bucket.1, user_id, scope, bucket.2
"""

_WORKFLOWS: Final = f"""
INSERT INTO workflows (user_id, workflow_id, kind, build, terminate, deleted_ms, first_seen_ms)
SELECT
    {USER_ID},
    {WORKFLOW_ID},
    (%(newest_ms)s - workflow %% 1000000, toInt64(workflow), 'HEARTBEAT'),
    (toInt64(1 + workflow %% 3), %(newest_ms)s - workflow %% 900000),
    (toInt64(-1), toInt64(0)),
    0,
    %(newest_ms)s - 2592000000 + workflow * 7907 %% 1700000000
FROM
(
    SELECT number AS workflow, intDiv(number, %(workflows_of_user)s) AS user
    FROM numbers_mt(%(first_workflow)s, %(workflows)s)
)
"""

_KEYS: Final = """
INSERT INTO event_keys (key_hi, key_lo, partition_id, record_offset, time_ms, garbage_week)
SELECT
    bitOr(bitShiftLeft(toUInt64(at_ms), 16), 0x1000 + bitAnd(sipHash64(1, number), 0xFFF)),
    bitOr(bitShiftLeft(toUInt64(2), 62), bitShiftRight(sipHash64(number, 1), 2)),
    [{partitions}][number %% {count} + 1],
    toInt64(intDiv(number, {count})) - %(keys)s,
    at_ms + sipHash64(number, 2) %% 60000 AS seen_ms,
    intDiv(seen_ms, 604800000)
FROM
(
    SELECT number, %(newest_ms)s - 60000 - intDiv((%(keys)s - number) * %(span_ms)s, %(keys)s) AS at_ms
    FROM numbers_mt(%(keys)s)
)
"""
"""Offsets are negative, because the log begins at 0: so the rows are evidence, as those of the batches before would be."""

_RUNS: Final = """
INSERT INTO log_runs (job_hi, job_lo, attempt, stream, first_seq, last_seq, partition_id, last_offset, min_time_ms,
                      line_times, garbage_week)
SELECT
    bitOr(bitShiftLeft(toUInt64(at_ms), 16), 0x7000 + bitAnd(sipHash64(1, number), 0xFFF)),
    bitOr(bitShiftLeft(toUInt64(2), 62), bitShiftRight(sipHash64(number, 1), 2)),
    1,
    if(sipHash64(number, 3) %% 10 < 3, 'stderr', 'stdout'),
    1,
    %(lines)s,
    [{partitions}][number %% {count} + 1],
    toInt64(intDiv(number, {count})) * %(lines)s - %(runs)s * %(lines)s,
    at_ms,
    arrayStringConcat(arrayMap(
        line -> reinterpretAsString(toUInt32(16777216 + line * 700 + sipHash64(number, line) %% 600)), range(%(lines)s)
    )),
    intDiv(at_ms, 604800000)
FROM
(
    SELECT number, %(newest_ms)s - 60000 - intDiv((%(runs)s - number) * %(span_ms)s, %(runs)s) AS at_ms
    FROM numbers_mt(%(runs)s)
)
"""

"""16777216 is in each line's time, because a zero in the last of its four bytes would be cut off."""

_PROGRESS: Final = """
INSERT INTO progress (topic, partition, partition_id, partition_count, next_offset, end_offset, as_of_ms, updated_at)
SELECT ['analytics', 'workflows', 'job_logs'][intDiv(number, 2) + 1], number % 2, generateUUIDv4(number), 2, 0, 0,
       toUnixTimestamp64Milli(now64(3)), now64(3)
FROM numbers(6)
"""
_MERGING: Final = """
SELECT count() FROM system.merges WHERE database = currentDatabase() AND table != 'progress'
"""
_PARTS: Final = """
SELECT table, sum(bytes_on_disk), sum(rows), count()
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
"""


class Stored(NamedTuple):
    """What a table holds on disk."""

    bytes_on_disk: int
    rows: int
    parts: int


def fill_totals(connection: Connection, shape: Shape) -> None:
    """Add what the jobs and lines of a shape come to: totals, days, quarter hours, and table `workflows`."""
    bins = histogram.bins(np.arange(_LONGEST_S)).tolist()
    parameters = shape._asdict() | {"newest_ms": NEWEST_MS, "bins": bins}
    first_workflow = shape.first_user * shape.workflows_of_user
    end = (first_workflow + shape.workflows) * shape.jobs_of_workflow
    for first_job in range(first_workflow * shape.jobs_of_workflow, end, _AT_ONCE):
        chunk = {"first_job": first_job, "jobs": min(_AT_ONCE, end - first_job)}
        connection.query(_FOLDED, parameters | chunk, settings=FILLING)
    where = {"first_workflow": first_workflow, "workflows": shape.workflows}
    connection.query(_WORKFLOWS, parameters | where, settings=FILLING)


def fill_keys(connection: Connection, keys: int, partitions: Sequence[UUID]) -> None:
    """Add index rows of so many finished jobs, as evidence for these partitions."""
    _fill_index(connection, _KEYS, {"keys": keys}, partitions)


def fill_runs(connection: Connection, runs: int, lines: int, partitions: Sequence[UUID]) -> None:
    """Add index rows of so many runs of so many log lines each, as evidence for these partitions."""
    _fill_index(connection, _RUNS, {"runs": runs, "lines": lines}, partitions)


def fill_progress(connection: Connection) -> None:
    """Say that two partitions of every topic are counted up to now, so that answers have their freshness."""
    connection.query(_PROGRESS)


def _fill_index(
    connection: Connection, sql: str, numbers: Mapping[str, int], partitions: Sequence[UUID]
) -> None:
    places = ", ".join(f"toUUID('{one}')" for one in partitions)
    parameters = {"newest_ms": NEWEST_MS, "span_ms": SPAN_DAYS * 86_400_000, **numbers}
    text = sql.format(partitions=places, count=len(partitions))
    connection.query(text, parameters, settings=FILLING)


def wait_until_merged(connection: Connection, within_s: float = _MERGED_WITHIN_S) -> None:
    """Return when no merge has run for a second. Raises BenchmarkFailed."""
    deadline, quiet_since_s = time.monotonic() + within_s, time.monotonic()
    while time.monotonic() - quiet_since_s < _QUIET_S:
        if merging(connection):
            quiet_since_s = time.monotonic()
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"ClickHouse still merges after {within_s:g} s")
        time.sleep(0.1)


def merging(connection: Connection) -> int:
    """Return how many merges run; those of `progress`, which is written every second, do not count."""
    ((merges,),) = connection.query(_MERGING)
    return int(merges)


def stored(connection: Connection) -> dict[str, Stored]:
    """Return what every table holds."""
    return {table: Stored(*numbers) for table, *numbers in connection.query(_PARTS)}
