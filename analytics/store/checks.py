"""Start-up checks of the schema: refuse to run on tables that cannot keep the promise of exactly once.

The checks here read what the server says of its tables; `processor.selftest` proves the guarded insert itself.
"""

import re
from typing import Final, NamedTuple

from analytics.errors import StoreMisconfigured
from analytics.store.migrate import pending
from analytics.store.pool import Connection, StatementFailed

UNKNOWN_TABLE: Final = 60
UNKNOWN_DATABASE: Final = 81

_SELECT_TABLES: Final = """
SELECT name, engine, partition_key, sorting_key, create_table_query, dependencies_table
FROM system.tables
WHERE database = currentDatabase()
"""


class _Table(NamedTuple):
    name: str
    engine: str
    partition_key: str
    sorting_key: str
    create: str
    views: list[str]


_ENGINES: Final = {
    "analytics": "SummingMergeTree",
    "workflows": "AggregatingMergeTree",
    "event_keys": "MergeTree",
    "log_runs": "MergeTree",
    "lineage": "MergeTree",
    "gaps": "ReplacingMergeTree",
    "imports": "MergeTree",
    "import_rows": "MergeTree",
    "partition_shards": "MergeTree",
    "progress": "ReplacingMergeTree",
    "shard_identity": "MergeTree",
    "shards": "ReplacingMergeTree",
    "selftests": "ReplacingMergeTree",
}
_DECIDED: Final = ("lineage", "partition_shards", "shard_identity", "shards")  # by who inserts first
_DURABLE: Final = ("analytics", "workflows", "event_keys", "log_runs", "imports", "import_rows", *_DECIDED)
_DECIDED_WINDOW: Final = 1_000
_SORTING_KEY: Final = "resolution, user_id, workflow_id, bucket_start"


def check_schema(connection: Connection, *, min_deduplication_window: int = 1) -> None:
    """Raise StoreMisconfigured with every problem found and its remedy; return when there is none."""
    _check_migrated(connection)
    tables = {row[0]: _Table(*row) for row in connection.query(_SELECT_TABLES)}
    problems = [problem for name in _ENGINES for problem in _engine_problems(name, tables.get(name))]
    if ledger := tables.get("analytics"):
        problems += _ledger_problems(ledger, min_deduplication_window)
    for name in _DECIDED:
        if table := tables.get(name):
            problems += _window_problems(table, _DECIDED_WINDOW)
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


def _engine_problems(name: str, table: _Table | None) -> list[str]:
    if table is None:
        return [f"table {name} is missing: restore it from a backup"]
    problems = []
    if table.engine != _ENGINES[name]:
        problems.append(
            f"table {name} has engine {table.engine}, not {_ENGINES[name]}: restore it from a backup"
        )
    durable = all(_setting(table.create, key) == 1 for key in ("fsync_after_insert", "fsync_part_directory"))
    if name in _DURABLE and not durable:
        problems.append(f"ALTER TABLE {name} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1")
    return problems


def _ledger_problems(table: _Table, min_deduplication_window: int) -> list[str]:
    problems = []
    if table.partition_key:
        problems.append(
            "table analytics has a partition key, so a batch is not one part: restore it without PARTITION BY"
        )
    if table.sorting_key != _SORTING_KEY:
        problems.append(
            f"table analytics is sorted by ({table.sorting_key}), not by ({_SORTING_KEY}): restore it from a backup"
        )
    if table.views:
        problems.append(f"drop the materialized views on table analytics: {', '.join(table.views)}")
    return problems + _window_problems(table, min_deduplication_window)


def _window_problems(table: _Table, at_least: int) -> list[str]:
    """Where an insert is dropped by its token, tokens have to be remembered."""
    if _setting(table.create, "non_replicated_deduplication_window") >= at_least:
        return []
    return [f"ALTER TABLE {table.name} MODIFY SETTING non_replicated_deduplication_window = {at_least}"]


def _setting(create: str, name: str) -> int:
    found = re.search(rf"\b{name} = (\d+)", create)
    return int(found[1]) if found else 0
