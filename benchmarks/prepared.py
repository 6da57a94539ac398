"""A ClickHouse as weeks of counting leave it, made once and copied for every run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from confluent_kafka.admin import AdminClient

from analytics.store.migrate import migrate
from analytics.store.pool import Connection, Pool
from benchmarks.tables import fill_keys, fill_runs, wait_until_merged
from processor.lineage_table import identify
from processor.topics import describe_topics
from sandbox.broker import LocalBroker
from sandbox.clickhouse import LocalClickHouse, local_settings

DATABASE: Final = "analytics"
_TIMEOUT_S: Final = 600.0

Before = Callable[[Connection, dict[str, list[UUID]]], None]
"""Fills the tables; the ids of partitions are by topic."""


def prepare(directory: Path, broker: LocalBroker, before: Before) -> Path:
    """Return the directory of a stopped ClickHouse, filled and merged, that counts the topics of this broker."""
    with LocalClickHouse(directory) as clickhouse, connected(clickhouse) as connection:
        before(connection, _partitions(clickhouse, broker))
        wait_until_merged(connection)
    return directory


def with_index(keys: int, lines_of_run: int) -> Before:
    """Return what puts so many keys into the index, and runs of lines that stand for as many lines."""

    def before(connection: Connection, partitions: dict[str, list[UUID]]) -> None:
        fill_keys(connection, keys, partitions["analytics"])
        fill_runs(connection, keys // lines_of_run, lines_of_run, partitions["job_logs"])

    return before


@contextmanager
def connected(clickhouse: LocalClickHouse) -> Iterator[Connection]:
    """Yield a connection to our tables, which are made if they are not there."""
    settings = local_settings(clickhouse.address, DATABASE)
    migrate(settings)
    connection = Connection(settings, timeout_s=_TIMEOUT_S)
    yield connection
    connection.close()


def _partitions(clickhouse: LocalClickHouse, broker: LocalBroker) -> dict[str, list[UUID]]:
    """Make the topics of the broker those that are counted, as the first processor does."""
    pool = Pool(local_settings(clickhouse.address, DATABASE), size=1, timeout_s=_TIMEOUT_S)
    found = identify(pool, describe_topics(AdminClient({"bootstrap.servers": broker.address})))
    pool.close()
    return {topic: [one.id for one in lineage.all_partitions()] for topic, lineage in found.items()}
