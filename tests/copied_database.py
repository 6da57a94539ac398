"""Databases that begin as copies of another one on their server: parts are linked, nothing is counted again."""

from typing import Final
from uuid import uuid4

from analytics.settings import Settings
from analytics.store.pool import Connection
from sandbox.clickhouse import local_settings

_TABLES: Final = "SELECT name FROM system.tables WHERE database = %(database)s ORDER BY name"


def copy_of(original: Settings) -> Settings:
    """Settings for a new database with the tables of another one, and their rows. No token of an insert is known in it."""
    source, copy = original.clickhouse_database, f"test_{uuid4().hex[:12]}"
    connection = Connection(original, timeout_s=30, database="default")
    try:
        tables = connection.query(_TABLES, {"database": source})
        connection.query(f"CREATE DATABASE {copy}")
        for (table,) in tables:
            connection.query(f"CREATE TABLE {copy}.{table} CLONE AS {source}.{table}")
    finally:
        connection.close()
    return local_settings(original.clickhouse_hosts[0], copy)
