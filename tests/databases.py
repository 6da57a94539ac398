"""Databases that tests leave behind: a server looks after each table again and again, 80 take an eighth of a core."""

from collections.abc import Iterable
from typing import Any

from analytics.store.pool import Connection
from sandbox.clickhouse import LocalClickHouse, local_settings

_LEFT = """
SELECT name FROM system.databases
WHERE lower(name) NOT IN ('default', 'system', 'information_schema') AND NOT startsWith(name, 'kept_')
"""


def left_behind(server: LocalClickHouse) -> list[str]:
    """The databases of tests, but for those that are kept for other modules."""
    return [name for (name,) in _ask(server, _LEFT)]


def drop(server: LocalClickHouse, databases: Iterable[str]) -> None:
    for name in databases:
        _ask(server, f"DROP DATABASE IF EXISTS `{name}`")


def _ask(server: LocalClickHouse, sql: str) -> list[tuple[Any, ...]]:
    connection = Connection(local_settings(server.address, "default"), timeout_s=30)
    try:
        return connection.query(sql)
    finally:
        connection.close()
