"""Dropping index rows that no record can need any more, by the log's own time.

A record repeats one that is at most the horizon older, and arrives at most Kafka's retention late. So a row that
is older than both together, seen from where its partition's log is now, is evidence for nothing. "Now" is the
median record time of the newest rows of a partition: a wall clock would drop the index of an old log that is
played, and a single record with a wrong timestamp must not decide. Weeks are dropped whole, and only those that
are too old for every partition that goes on: those of a log that another one has replaced have no say.
"""

from datetime import timedelta
from typing import Final

import structlog

from analytics.store.pool import Pool
from processor.event_index import NEVER, WEEK_MS

LATEST_ARRIVAL: Final = timedelta(hours=168 + 48)
"""Kafka's retention, and two days for clocks and outages of the producers."""

_LEND_WITHIN_S: Final = 60.0
_MS: Final = timedelta(milliseconds=1)

_NOW = """
SELECT min(now_ms)
FROM
(
    SELECT quantileExact(0.5)(time_ms) AS now_ms
    FROM (SELECT partition_id, {time_ms} AS time_ms FROM {table}
          WHERE garbage_week != 65535
            AND partition_id NOT IN (SELECT arrayJoin(inherited.partition_id) FROM lineage WHERE generation = 0)
          ORDER BY {offset} DESC LIMIT 1001 BY partition_id)
    GROUP BY partition_id
)
"""
_OLD = """
SELECT DISTINCT toUInt32(partition) FROM system.parts
WHERE database = currentDatabase() AND table = %(table)s AND active AND toUInt32(partition) < %(week)s
ORDER BY 1
"""
_TABLES: Final = {"event_keys": ("time_ms", "record_offset"), "log_runs": ("min_time_ms", "last_offset")}

_log = structlog.get_logger(__name__)


def drop_garbage(pool: Pool, horizon_ms: int) -> dict[str, list[int]]:
    """Drop what is too old; return the weeks by table. Several processors may do so at the same time."""
    dropped = {}
    for table in _TABLES:
        weeks = _old_weeks(pool, table, horizon_ms)
        for week in weeks:
            with pool.lend(_LEND_WITHIN_S) as connection:
                connection.query(f"ALTER TABLE {table} DROP PARTITION {week}")
        dropped[table] = weeks
        if weeks:
            _log.info("index_weeks_dropped", table=table, weeks=weeks)
    return dropped


def first_needed_week(pool: Pool, table: str, horizon_ms: int) -> int:
    """Return the first week of `event_keys` or `log_runs` that a record may need; 0 for an empty index."""
    time_ms, offset = _TABLES[table]
    with pool.lend(_LEND_WITHIN_S) as connection:
        ((now_ms,),) = connection.query(_NOW.format(table=table, time_ms=time_ms, offset=offset))
    return int(min(max(0, now_ms - horizon_ms - LATEST_ARRIVAL // _MS) // WEEK_MS, NEVER))


def _old_weeks(pool: Pool, table: str, horizon_ms: int) -> list[int]:
    week = first_needed_week(pool, table, horizon_ms)
    with pool.lend(_LEND_WITHIN_S) as connection:
        return [old for (old,) in connection.query(_OLD, {"table": table, "week": week})]
