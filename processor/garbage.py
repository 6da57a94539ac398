"""Dropping index rows that no record can need any more, by the log's own time.

A record repeats one that is at most the horizon older, and arrives at most Kafka's retention late. So a row that
is older than both together, seen from where its partition's log is now, is evidence for nothing. "Now" is the
median record time of the newest rows of a partition: a wall clock would drop the index of an old log that is
played, and a single record with a wrong timestamp must not decide. Weeks are dropped whole, and only those that
are too old for every partition that goes on: those of a log that another one has replaced have no say. Partitions of
one shard may need rows of another one (their topic has grown), so all shards are asked.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from analytics.store.pool import Pool
from processor.event_index import NEVER, WEEK_MS

LATEST_ARRIVAL: Final = timedelta(hours=168 + 48)
"""Kafka's retention, and two days for clocks and outages of the producers."""

_LEND_WITHIN_S: Final = 60.0
_MS: Final = timedelta(milliseconds=1)

_FORMER = "SELECT DISTINCT arrayJoin(inherited.partition_id) FROM lineage WHERE generation = 0"
_NOW = """
SELECT min(now_ms), count()
FROM
(
    SELECT quantileExact(0.5)(time_ms) AS now_ms
    FROM (SELECT partition_id, {time_ms} AS time_ms FROM {table}
          WHERE garbage_week != 65535 AND partition_id NOT IN %(former)s
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


def drop_garbage(shards: Sequence[Pool], horizon_ms: int) -> dict[str, list[int]]:
    """Drop what is too old; return the weeks by table. `shards`: the home shard first. Several may do so at a time."""
    return {table: _drop(shards, table, horizon_ms) for table in _TABLES}


def _drop(shards: Sequence[Pool], table: str, horizon_ms: int) -> list[int]:
    first, dropped = first_needed_week(shards, table, horizon_ms), set[int]()
    for pool in shards:
        with pool.lend(_LEND_WITHIN_S) as connection:
            weeks = [old for (old,) in connection.query(_OLD, {"table": table, "week": first})]
            for week in weeks:
                connection.query(f"ALTER TABLE {table} DROP PARTITION {week}")
        dropped.update(weeks)
    if dropped:
        _log.info("index_weeks_dropped", table=table, weeks=sorted(dropped))
    return sorted(dropped)


def first_needed_week(shards: Sequence[Pool], table: str, horizon_ms: int) -> int:
    """Return the first week of `event_keys` or `log_runs` that a record may need; 0 for an empty index."""
    time_ms, offset = _TABLES[table]
    sql = _NOW.format(table=table, time_ms=time_ms, offset=offset)
    with shards[0].lend(_LEND_WITHIN_S) as connection:
        former = (UUID(int=0), *(id_ for (id_,) in connection.query(_FORMER)))
    nows = []
    for pool in shards:
        with pool.lend(_LEND_WITHIN_S) as connection:
            ((now_ms, partitions),) = connection.query(sql, {"former": former})
        nows += [now_ms] if partitions else []
    now_ms = min(nows, default=0)
    return int(min(max(0, now_ms - horizon_ms - LATEST_ARRIVAL // _MS) // WEEK_MS, NEVER))
