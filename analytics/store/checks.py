"""Start-up checks of the schema: refuse to run on tables that cannot keep the promise of exactly once.

The checks here read what the server says of its tables; `processor.selftest` proves the guarded insert itself.
"""

import re

from analytics.errors import StoreMisconfigured
from analytics.store.migrate import pending
from analytics.store.pool import Connection, StatementFailed

UNKNOWN_TABLE = 60
UNKNOWN_DATABASE = 81

_SELECT_TABLES = """
SELECT name, engine, partition_key, sorting_key, create_table_query, dependencies_table
FROM system.tables
WHERE database = currentDatabase()
"""

_ENGINES = {
    "analytics": "SummingMergeTree",
    "workflows": "AggregatingMergeTree",
    "event_keys": "MergeTree",
    "log_runs": "MergeTree",
    "namespaces": "ReplacingMergeTree",
    "progress": "ReplacingMergeTree",
}
_DURABLE = ("analytics", "workflows", "event_keys", "log_runs", "namespaces")
_SORTING_KEY = "resolution, user_id, workflow_id, bucket_start"


def check_schema(connection: Connection, *, min_deduplication_window: int = 1) -> None:
    """Raise StoreMisconfigured with every problem found and its remedy; return when there is none."""
    _check_migrated(connection)
    tables = {row[0]: row[1:] for row in connection.query(_SELECT_TABLES)}
    problems = [problem for name in _ENGINES for problem in _engine_problems(name, tables.get(name))]
    if not problems:
        problems = _ledger_problems(*tables["analytics"][1:], min_deduplication_window)
    if problems:
        raise StoreMisconfigured("the tables cannot keep the numbers exact:\n  " + "\n  ".join(problems))


def _check_migrated(connection: Connection) -> None:
    remedy = "run `chronoverse-analytics migrate`"
    try:
        missing = pending(connection)
    except StatementFailed as error:
        if error.code in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            raise StoreMisconfigured(f"the database has no schema: {remedy}") from error
        raise
    if missing:
        raise StoreMisconfigured(f"migrations are missing ({', '.join(m.name for m in missing)}): {remedy}")


def _engine_problems(name: str, table: tuple[str, ...] | None) -> list[str]:
    if table is None:
        return [f"table {name} is missing: restore it from a backup"]
    engine, create = table[0], table[3]
    problems = []
    if engine != _ENGINES[name]:
        problems.append(f"table {name} has engine {engine}, not {_ENGINES[name]}: restore it from a backup")
    if name in _DURABLE and (_setting(create, "fsync_after_insert") != 1 or _setting(create, "fsync_part_directory") != 1):
        problems.append(f"ALTER TABLE {name} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1")
    return problems


def _ledger_problems(
    partition_key: str, sorting_key: str, create: str, dependencies: list[str], min_deduplication_window: int
) -> list[str]:
    problems = []
    if partition_key:
        problems.append("table analytics has a partition key, so a batch is not one part: restore it without PARTITION BY")
    if sorting_key != _SORTING_KEY:
        problems.append(f"table analytics is sorted by ({sorting_key}), not by ({_SORTING_KEY}): restore it from a backup")
    if dependencies:
        problems.append(f"drop the materialized views on table analytics: {', '.join(dependencies)}")
    if _setting(create, "non_replicated_deduplication_window") < min_deduplication_window:
        problems.append(
            f"ALTER TABLE analytics MODIFY SETTING non_replicated_deduplication_window = {min_deduplication_window}"
        )
    return problems


def _setting(create: str, name: str) -> int:
    found = re.search(rf"\b{name} = (\d+)", create)
    return int(found[1]) if found else 0
