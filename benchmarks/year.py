"""A year of one large user, made by ClickHouse itself from row numbers: workflows that run one job an hour each.

The assumed jobs: each workflow has durations around a base of its own (5 seconds to 20 minutes, spread evenly by their
logarithm), nearly log-normally; 2 to 11 of a hundred jobs fail, in four ways; a job writes 1 to 16 log lines, and one
in four writes to stderr. A workflow's jobs end in the same quarter of every hour, those of all workflows in all four.
Kinds alternate, one workflow in ten was terminated, one in twenty deleted.
"""

from collections.abc import Mapping
from math import log
from typing import Final, NamedTuple

import numpy as np

from analytics.calendar import DAY_S
from analytics.histogram import RELATIVE_ERROR, bins
from analytics.store.pool import Connection
from benchmarks.errors import BenchmarkFailed
from benchmarks.tables import FILLING, NEWEST_MS, USER_ID, WORKFLOW_ID

KINDS: Final = ("CONTAINER", "HEARTBEAT")
END_S: Final = NEWEST_MS // 1000
"""A midnight of UTC; the year has just ended."""

_HOURS_OF_DAY: Final = 24
_AT_ONCE: Final = 8_000_000
_DAYS_AT_ONCE: Final = 31
_ROWS_OF_PART: Final = 4_000_000
_SETTINGS: Final[Mapping[str, object]] = {
    **FILLING,
    "optimize_on_insert": 0,  # every row has a key of its own, or is to be summed by a merge as later ones are
    "min_insert_block_size_rows": _ROWS_OF_PART,
    "min_insert_block_size_bytes": 0,
}


class Year(NamedTuple):
    """So many workflows of one user. Totals and day rows hold `days`, quarter hours only the last `quarter_days` of them."""

    workflows: int = 10_000
    days: int = 365
    quarter_days: int = 365

    @property
    def jobs(self) -> int:
        """Of all workflows."""
        return self.workflows * self.days * _HOURS_OF_DAY


_NIL: Final = "toUUID('00000000-0000-0000-0000-000000000000')"
_COLUMNS: Final = """resolution, user_id, workflow_id, bucket_start, workflows, jobs, execution_seconds,
    jobs_completed, jobs_failed, failures, shortest_seconds, longest_seconds, durations,
    log_lines, log_bytes, stderr_lines, stderr_bytes"""

_JOBS: Final = f"""
    SELECT
        0 AS user,
        intDiv(number, %(hours)s) AS workflow,
        {USER_ID} AS user_id,
        {WORKFLOW_ID} AS workflow_id,
        number %% %(hours)s + %(skipped_hours)s AS hour,
        toUInt32(%(first_s)s + hour * 3600 + sipHash64(workflow, 8) %% 4 * 900) AS ended_s,
        workflow * 8784 + hour AS job,
        sipHash64(job, 11) AS luck,
        sipHash64(job, 12) AS noise,
        log(5) + sipHash64(workflow, 9) / 18446744073709551616 * log(240) AS base,
        bitAnd(noise, 65535) + bitAnd(bitShiftRight(noise, 16), 65535) + bitAnd(bitShiftRight(noise, 32), 65535)
            + bitShiftRight(noise, 48) AS four,
        toUInt32(greatest(1, round(exp(base + 0.7 * (four / 65536 - 2))))) AS seconds,
        toUInt16(1 + ceil(log(seconds) / %(log_gamma)s)) AS bin,
        bitAnd(luck, 1023) < 20 + workflow %% 97 AS is_failed,
        if(is_failed, map(['USER Aborted', 'USER DeadlineExceeded', 'SYSTEM Unavailable', 'SYSTEM ']
            [bitAnd(bitShiftRight(luck, 10), 3) + 1], toUInt64(1)), map()) AS failure,
        1 + bitAnd(bitShiftRight(luck, 16), 15) AS lines,
        lines * 85 + bitAnd(bitShiftRight(luck, 24), 255) AS bytes,
        if(bitAnd(bitShiftRight(luck, 20), 3) = 0, intDiv(lines + 2, 3), 0) AS err_lines
    FROM numbers_mt(%(first)s * %(hours)s, %(workflows)s * %(hours)s)
"""
"""Durations: the sum of four even numbers is nearly normal, so that their logarithm is, with a deviation of 0.4."""

_QUARTERS: Final = f"""
INSERT INTO analytics ({_COLUMNS})
SELECT 'quarter', user_id, workflow_id, toDateTime(ended_s, 'UTC'), hour = 0, 1, seconds,
       NOT is_failed, is_failed, failure, seconds, seconds, map(bin, toUInt64(1)),
       lines, bytes, err_lines, err_lines * 85
FROM ({_JOBS})
"""
_DAYS: Final = f"""
INSERT INTO analytics ({_COLUMNS})
SELECT 'day', user_id, workflow_id, toDateTime(intDiv(ended_s, 86400) * 86400, 'UTC') AS day,
       sum(hour = 0), count(), sum(seconds), countIf(NOT is_failed), countIf(is_failed), sumMap(failure),
       min(seconds), max(seconds), sumMap(map(bin, toUInt64(1))),
       sum(lines), sum(bytes), sum(err_lines), sum(err_lines * 85)
FROM ({_JOBS})
GROUP BY user_id, workflow_id, day
"""
_SUMMED: Final = f"""
INSERT INTO analytics ({_COLUMNS})
SELECT {{resolution}} AS to, user_id, {{workflow}} AS whose, {{bucket}} AS start,
       sum(workflows), sum(jobs), sum(execution_seconds), sum(jobs_completed), sum(jobs_failed), sumMap(failures),
       min(shortest_seconds), max(longest_seconds), sumMap(durations),
       sum(log_lines), sum(log_bytes), sum(stderr_lines), sum(stderr_bytes)
FROM analytics
WHERE user_id = %(user_id)s AND workflow_id != {_NIL} AND {{rows}}
GROUP BY to, user_id, whose, start
"""
_TOTALS: Final = _SUMMED.format(
    resolution="'total'", workflow="workflow_id", bucket="toDateTime(0, 'UTC')", rows="resolution = 'day'"
)
_OF_USER: Final = _SUMMED.format(
    resolution="resolution",
    workflow=_NIL,
    bucket="bucket_start",
    rows="resolution IN ('total', 'day')",
)
_QUARTERS_OF_USER: Final = f"""
INSERT INTO analytics ({_COLUMNS})
SELECT 'quarter', %(user_id)s, {_NIL}, start, sum(is_first), sum(n), sum(seconds), sum(completed), sum(failed), sumMap(ways),
       min(shortest), max(longest), sumMap(map(bin, toUInt64(n))), sum(lines), sum(bytes), sum(err_lines), sum(err_bytes)
FROM
(
    SELECT bucket_start AS start, durations.keys[1] AS bin, sum(workflows) AS is_first, sum(jobs) AS n,
           sum(execution_seconds) AS seconds, sum(jobs_completed) AS completed, sum(jobs_failed) AS failed,
           sumMap(failures) AS ways, min(shortest_seconds) AS shortest, max(longest_seconds) AS longest,
           sum(log_lines) AS lines, sum(log_bytes) AS bytes, sum(stderr_lines) AS err_lines, sum(stderr_bytes) AS err_bytes
    FROM analytics
    WHERE resolution = 'quarter' AND user_id = %(user_id)s AND workflow_id != {_NIL}
      AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(end_s)s, 'UTC')
    GROUP BY start, bin
)
GROUP BY start
"""
"""The jobs of a bin are counted first: maps are summed slowly, and each row of a workflow holds one job."""

_WORKFLOWS: Final = f"""
INSERT INTO workflows (user_id, workflow_id, kind, build, terminate, deleted_ms, first_seen_ms)
SELECT
    {USER_ID},
    {WORKFLOW_ID},
    (%(first_s)s * 1000 + workflow, toInt64(workflow), if(workflow %% 2 = 0, 'CONTAINER', 'HEARTBEAT')),
    (toInt64(1), %(first_s)s * 1000 + workflow),
    (toInt64(if(workflow %% 10 = 3, 1, -1)), if(workflow %% 10 = 3, %(newest_ms)s - workflow * 1000000, 0)),
    if(workflow %% 20 = 7, %(newest_ms)s - workflow * 2000000, 0),
    %(first_s)s * 1000
FROM (SELECT number AS workflow, 0 AS user FROM numbers(%(workflows)s))
"""
_USER: Final = f"SELECT toString({USER_ID}) FROM (SELECT 0 AS user)"


def user_of_year(connection: Connection) -> str:
    """Return the id of the user whose year it is."""
    ((user_id,),) = connection.query(_USER, {"newest_ms": NEWEST_MS})
    return str(user_id)


def fill_year(connection: Connection, year: Year) -> None:
    """Add a year: quarter hours and days of jobs, all else as their sums, and table `workflows`. Raises BenchmarkFailed."""
    hours, quarter_hours = year.days * _HOURS_OF_DAY, year.quarter_days * _HOURS_OF_DAY
    parameters: dict[str, object] = {
        "newest_ms": NEWEST_MS,
        "first_s": END_S - year.days * DAY_S,
        "log_gamma": log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)),
        "user_id": user_of_year(connection),
    }
    for first, workflows in chunks(year.workflows, max(1, _AT_ONCE // hours)):
        chunk = parameters | {"first": first, "workflows": workflows}
        of_days = chunk | {"hours": hours, "skipped_hours": 0}
        of_quarters = chunk | {"hours": quarter_hours, "skipped_hours": hours - quarter_hours}
        connection.query(_DAYS, of_days, settings=_SETTINGS)
        connection.query(_QUARTERS, of_quarters, settings=_SETTINGS)
    for sums in (_TOTALS, _OF_USER):
        connection.query(sums, parameters, settings=_SETTINGS)
    for first, days in chunks(year.quarter_days, _DAYS_AT_ONCE):
        start_s = END_S - (year.quarter_days - first) * DAY_S
        of_days = parameters | {"start_s": start_s, "end_s": start_s + days * DAY_S}
        connection.query(_QUARTERS_OF_USER, of_days, settings=_SETTINGS)
    connection.query(_WORKFLOWS, parameters | {"workflows": year.workflows}, settings=_SETTINGS)
    require_sums(connection, year)


def chunks(count: int, size: int) -> list[tuple[int, int]]:
    """Return where each chunk begins, and how many are in it."""
    return [(first, min(size, count - first)) for first in range(0, count, size)]


_SAMPLED: Final = f"""
SELECT resolution, workflow_id = {_NIL}, sum(jobs), sum(execution_seconds), sum(jobs_completed), sum(jobs_failed),
       sumMap(failures), min(shortest_seconds), max(longest_seconds), sumMap(durations), sum(log_lines), sum(stderr_bytes)
FROM analytics
WHERE resolution IN ('day', 'quarter') AND user_id = %(user_id)s
  AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(start_s)s + 86400, 'UTC')
GROUP BY 1, 2
"""
_BINS: Final = f"""
SELECT execution_seconds, durations.keys[1]
FROM analytics
WHERE resolution = 'quarter' AND user_id = %(user_id)s AND workflow_id != {_NIL}
  AND bucket_start >= toDateTime(%(start_s)s, 'UTC') AND bucket_start < toDateTime(%(start_s)s + 3600, 'UTC')
"""


def require_sums(connection: Connection, year: Year) -> None:
    """Compare rows of the user and of days with the jobs of some days. Raises BenchmarkFailed."""
    user_id = user_of_year(connection)
    for days_ago in (1, year.quarter_days // 2, year.quarter_days):
        parameters = {"user_id": user_id, "start_s": END_S - days_ago * DAY_S}
        found = {(kind, scope): sums for kind, scope, *sums in connection.query(_SAMPLED, parameters)}
        jobs = year.workflows * _HOURS_OF_DAY
        if len(found) != 4 or any(one != found["quarter", 0] or one[0] != jobs for one in found.values()):
            raise BenchmarkFailed(f"rows of the year do not add up, {days_ago} days before its end")
        seconds, numbers = zip(*connection.query(_BINS, parameters), strict=True)
        if bins(np.array(seconds)).tolist() != list(numbers):
            raise BenchmarkFailed("durations of the year are not in the bins of analytics.histogram")
