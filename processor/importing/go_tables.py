"""The tables of the Go service: the only module that talks to PostgreSQL. It only reads.

Times are stored there without a zone, in UTC.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg

from analytics.errors import Retryable
from processor.importing.errors import NotImportable
from processor.importing.rows import BALANCES, EVENTS, JOBS, LINES, Balance, PastJob, ProcessedKey, Row
from processor.importing.settings import ImportSettings

ANALYTICS_CONSUMER: Final = "analytics-processor"
LINES_CONSUMER: Final = "joblogs-processor:analytics"
"""Column `consumer` of table `processed_events`."""

_ROWS_AT_ONCE: Final = 10_000

_MS: Final = "(extract(epoch FROM {}) * 1000)::bigint"

# A job of the history is one whose JOBS event was counted: its EventKey is there, or is so old that it was cleaned up.
# A workflow whose history comes to more than its totals has none.
_HISTORY: Final = """
WITH counted AS
(
    SELECT j.id, j.user_id, j.workflow_id, j.completed_at, j.status::text = 'FAILED' AS has_failed,
           coalesce(j.failure_kind, '') AS failure_kind, coalesce(j.last_error_code, '') AS error_code,
           coalesce(greatest(0, trunc(extract(epoch FROM j.completed_at - j.started_at))), 0)::bigint AS seconds
    FROM jobs j
    WHERE %(history)s AND j.status::text IN ('COMPLETED', 'FAILED') AND j.completed_at IS NOT NULL
      AND (j.completed_at < (SELECT coalesce(min(created_at), 'infinity')
                             FROM processed_events WHERE consumer = %(analytics)s)
           OR EXISTS (SELECT 1 FROM processed_events p
                      WHERE p.consumer = %(analytics)s AND p.event_key = 'analytics:job:' || j.id || ':completed'))
),
history AS
(
    SELECT a.user_id, a.workflow_id, count(*) AS jobs, sum(c.seconds)::bigint AS seconds
    FROM counted c
    JOIN analytics a ON a.user_id = c.user_id AND a.workflow_id = c.workflow_id
    GROUP BY a.user_id, a.workflow_id, a.jobs_count, a.total_job_execution_duration
    HAVING count(*) <= a.jobs_count AND sum(c.seconds) <= a.total_job_execution_duration
)
"""

_BALANCES: Final = f"""{_HISTORY}
SELECT a.user_id::text, a.workflow_id::text, row_number() OVER (PARTITION BY a.workflow_id ORDER BY a.user_id) = 1,
       coalesce(a.kind, ''), a.jobs_count - coalesce(h.jobs, 0),
       a.total_job_execution_duration - coalesce(h.seconds, 0), a.logs_count, {_MS.format("a.updated_at")},
       {_MS.format("w.created_at")}, w.generation, {_MS.format("w.terminated_at")}
FROM analytics a
LEFT JOIN history h ON h.user_id = a.user_id AND h.workflow_id = a.workflow_id
LEFT JOIN workflows w ON w.id = a.workflow_id
WHERE a.workflow_id != '00000000-0000-0000-0000-000000000000' -- of malformed events; here it marks rows of users
ORDER BY a.user_id, a.workflow_id
"""

_KEYS: Final = f"""
SELECT event_key, {_MS.format("created_at")}
FROM processed_events
WHERE consumer = %(consumer)s AND event_key NOT LIKE 'analytics:workflow:%%'
ORDER BY event_key
"""

_JOBS: Final = f"""{_HISTORY}
SELECT c.id::text, c.user_id::text, c.workflow_id::text, c.seconds, {_MS.format("c.completed_at")}, c.has_failed,
       CASE WHEN c.has_failed THEN c.failure_kind ELSE '' END, CASE WHEN c.has_failed THEN c.error_code ELSE '' END
FROM counted c
JOIN history h ON h.user_id = c.user_id AND h.workflow_id = c.workflow_id
ORDER BY c.workflow_id, c.completed_at, c.id
"""

_TOTALS: Final = f"""{_HISTORY}
SELECT (SELECT count(DISTINCT user_id) FROM analytics), (SELECT count(DISTINCT workflow_id) FROM analytics),
       (SELECT coalesce(sum(jobs_count), 0) FROM analytics)::bigint,
       (SELECT coalesce(sum(total_job_execution_duration), 0) FROM analytics)::bigint,
       (SELECT coalesce(sum(logs_count), 0) FROM analytics)::bigint,
       (SELECT coalesce(sum(jobs), 0) FROM history)::bigint, (SELECT count(*) FROM analytics),
       (SELECT count(*) FROM processed_events
        WHERE consumer = %(analytics)s AND event_key NOT LIKE 'analytics:workflow:%%'),
       (SELECT count(*) FROM processed_events WHERE consumer = %(lines)s),
       {_MS.format("now()")}
"""


class GoTotals(NamedTuple):
    """What a snapshot holds, over all users. `past_jobs`: of the jobs, those that are imported with their time."""

    users: int
    workflows: int
    jobs: int
    seconds: int
    lines: int
    past_jobs: int
    balances: int
    event_keys: int
    line_keys: int
    taken_ms: int

    @property
    def rows(self) -> int:
        """How many rows will be copied."""
        return self.past_jobs + self.balances + self.event_keys + self.line_keys


class GoTables:
    """One snapshot: everything that is read here was true at one moment. `history`: whether `jobs` is wanted."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", *, history: bool) -> None:
        self._connection = connection
        self._parameters: Mapping[str, object] = {
            "history": history,
            "analytics": ANALYTICS_CONSUMER,
            "lines": LINES_CONSUMER,
        }

    def totals(self) -> GoTotals:
        """Return what there is."""
        (row,) = self._connection.execute(_TOTALS, self._parameters).fetchall()
        return GoTotals(*row)

    def rows(self, kind: str) -> Iterator[Row]:
        """Yield the rows of a kind, in an order that only depends on them."""
        if kind == BALANCES:
            yield from (Balance(*row) for row in self._read("balances", _BALANCES, self._parameters))
        elif kind == JOBS:
            yield from (PastJob(*row) for row in self._read("jobs", _JOBS, self._parameters))
        else:
            consumer = {EVENTS: ANALYTICS_CONSUMER, LINES: LINES_CONSUMER}[kind]
            keys = self._read("keys", _KEYS, {"consumer": consumer})
            yield from (ProcessedKey(*row) for row in keys)

    def _read(self, name: str, sql: str, parameters: Mapping[str, object]) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor(name) as cursor:  # a name: the server hands out a few rows at a time
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(sql, parameters)
            yield from cursor


@contextmanager
def go_tables(settings: ImportSettings, *, history: bool) -> Iterator[GoTables]:
    """Give access to one snapshot. Raises Retryable when PostgreSQL is away, NotImportable when it is not Chronoverse's."""
    with _errors(), psycopg.connect(**_where(settings), autocommit=False) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield GoTables(connection, history=history)


def _where(settings: ImportSettings) -> dict[str, Any]:
    where = {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "user": settings.postgres_user,
        "password": settings.postgres_password.get_secret_value(),
        "dbname": settings.postgres_db,
        "connect_timeout": max(2, round(settings.postgres_dial_timeout)),  # libpq takes no less
        "application_name": "chronoverse-processor import",
        "options": "-c TimeZone=UTC",
        "sslmode": "disable",
    }
    if settings.postgres_tls_enabled:
        where |= {"sslmode": "verify-full", "sslrootcert": str(settings.postgres_tls_ca_file)}
        if settings.postgres_tls_cert_file is not None:
            where |= {
                "sslcert": str(settings.postgres_tls_cert_file),
                "sslkey": str(settings.postgres_tls_key_file),
            }
    return where


@contextmanager
def _errors() -> Iterator[None]:
    """Turn what the driver raises into ours. Its messages hold no values of rows, and no password."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotImportable(
            f"this is no database of Chronoverse, or an older one: {_first_line(error)}. Check POSTGRES_DB, and run "
            "Chronoverse's own migrations up to number 8"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotImportable(f"POSTGRES_USER may not read: {_first_line(error)}") from None
    except psycopg.Error as error:
        raise Retryable(f"PostgreSQL does not answer: {_first_line(error)}") from None


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
