"""What tests do with whole databases.

They drop what they leave behind: a server looks after each table again and again, and 80 databases take an eighth of a core.
"""

from collections.abc import Iterable
from typing import Any

from analytics.settings import Settings
from analytics.store.pool import Connection
from sandbox.clickhouse import LocalClickHouse, local_settings

_LEFT = """
SELECT name FROM system.databases
WHERE lower(name) NOT IN ('default', 'system', 'information_schema') AND NOT startsWith(name, 'kept_')
"""

_NOTE_SELFTEST = """
INSERT INTO selftests (server_version, schema_version, passed_at)
SELECT version(), max(version), now64(3) FROM schema_migrations
"""


def note_selftest(settings: Settings) -> None:
    """Tell processors that the guards of ClickHouse are proved: other tests do that, and it takes a second."""
    _ask(settings, _NOTE_SELFTEST)


def left_behind(server: LocalClickHouse) -> list[str]:
    """The databases of tests, but for those that are kept for other modules."""
    return [name for (name,) in _ask(_default(server), _LEFT)]


def drop(server: LocalClickHouse, databases: Iterable[str]) -> None:
    for name in databases:
        _ask(_default(server), f"DROP DATABASE IF EXISTS `{name}`")


def _default(server: LocalClickHouse) -> Settings:
    return local_settings(server.address, "default")


def _ask(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    connection = Connection(settings, timeout_s=30)
    try:
        return connection.query(sql)
    finally:
        connection.close()
