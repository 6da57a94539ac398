"""Databases that begin as copies of another one on their server: parts are linked, nothing is counted again."""

from collections import Counter
from typing import Final
from uuid import uuid4

from analytics.settings import Settings
from analytics.store.migrate import DEDUPLICATION_WINDOW, migrate
from analytics.store.pool import Connection
from sandbox.clickhouse import local_settings

_TABLES: Final = "SELECT name FROM system.tables WHERE database = %(database)s ORDER BY name"

_HAS: Final = "SELECT count() FROM system.databases WHERE name = %(database)s"

_asked: Counter[str] = Counter()


def migrated(address: str, name: str, *, window: int = DEDUPLICATION_WINDOW) -> Settings:
    """Settings for a new database as `migrate` makes it. A server that is asked again copies an empty one that it keeps."""
    settings = local_settings(address, name)
    _asked[address] += 1
    if _asked[address] == 1:
        migrate(settings, deduplication_window=window)
        return settings
    empty = local_settings(address, f"kept_empty_{window}")
    if not _has(empty):
        migrate(empty, deduplication_window=window)
    return copy_of(empty, name)


def copy_of(original: Settings, name: str = "") -> Settings:
    """Settings for a new database with the tables of another one, and their rows. No token of an insert is known in it."""
    source, copy = original.clickhouse_database, name or f"test_{uuid4().hex[:12]}"
    connection = Connection(original, timeout_s=30, database="default")
    try:
        tables = connection.query(_TABLES, {"database": source})
        connection.query(f"CREATE DATABASE {copy}")
        for (table,) in tables:
            connection.query(f"CREATE TABLE {copy}.{table} CLONE AS {source}.{table}")
    finally:
        connection.close()
    return local_settings(original.clickhouse_hosts[0], copy)


def _has(settings: Settings) -> bool:
    connection = Connection(settings, timeout_s=30, database="default")
    try:
        return connection.query(_HAS, {"database": settings.clickhouse_database}) == [(1,)]
    finally:
        connection.close()
