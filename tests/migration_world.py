"""A migration under a test: records in Kafka, of which the Go service has read the first part, and an empty database."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from analytics.settings import Settings
from analytics.store.pool import Connection
from processor.importing.settings import ImportSettings
from sandbox.broker import LocalBroker
from sandbox.partitioner import partition_of
from sandbox.play import play_records
from sandbox.processes import ChildProcess
from sandbox.records import CorpusRecord
from tests import databases, forked
from tests.eventually import eventually
from tests.go_service import GoService
from tests.postgres import PASSWORD, USER, LocalPostgres

PARTITIONS = 2
GROUPS = {"analytics": "analytics-processor", "job_logs": "joblogs-processor"}
COUNTED = ("analytics", "workflows", "job_logs")

Place = tuple[str, int]


class Migration:
    """`go`: the Go service, in a fresh database of PostgreSQL.

    `deaths`: runs of the import that were killed, by point; `last`: the one that was not.
    """

    def __init__(
        self,
        settings: Settings,
        broker: LocalBroker,
        postgres: LocalPostgres,
        directory: Path,
        results: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.settings, self.broker, self._directory = settings, broker, directory
        self._postgres, self.postgres_db = postgres, f"chronoverse_{uuid4().hex[:12]}"
        with postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE {self.postgres_db}")
        self.tables: psycopg.Connection[Any] = postgres.connect(self.postgres_db)
        self.go = GoService(self.tables, results or {})
        self.log: defaultdict[Place, list[CorpusRecord]] = defaultdict(list)
        self.last: subprocess.CompletedProcess[str] | None = None
        self.deaths: dict[str, subprocess.CompletedProcess[str]] = {}
        databases.note_selftest(self.settings)

    def close(self) -> None:
        self.tables.close()

    # --- the Go service ---

    def publish(self, records: Sequence[CorpusRecord]) -> None:
        report = play_records(records, self.broker.address)
        assert report.ok, report
        for record in records:
            self.log[place_of(record)].append(record)

    def let_go_read(
        self, parts: Callable[[Place], int], *, uncommitted: Callable[[Place], int] = lambda _: 0
    ) -> None:
        """The Go programs read so many records of each partition, and die before they commit the last ones."""
        read: dict[Place, int] = {place: parts(place) for place in self.log if place[0] in GROUPS}
        for place, end in read.items():
            for record in self.log[place][:end]:
                self.go.take(record)
        self.go.clean_up()
        for topic in GROUPS:
            self.commit(
                topic, {place: end - uncommitted(place) for place, end in read.items() if place[0] == topic}
            )

    def commit(self, topic: str, offsets: dict[Place, int]) -> None:
        consumer = self._member(topic)
        consumer.commit(
            offsets=[TopicPartition(*place, offset) for place, offset in offsets.items()], asynchronous=False
        )
        consumer.close()

    def join(self, topic: str) -> Consumer:
        """A Go program that is at work."""
        consumer = self._member(topic)
        consumer.subscribe([topic])
        eventually(lambda: consumer.poll(0.1) or consumer.assignment(), within_s=20)
        return consumer

    def _member(self, topic: str) -> Consumer:
        return Consumer({
            "bootstrap.servers": self.broker.address,
            "group.id": GROUPS[topic],
            "enable.auto.commit": False,
            "session.timeout.ms": 2_000,
            "heartbeat.interval.ms": 500,
            "log_level": 0,
        })  # fmt: skip

    # --- ours ---

    def import_settings(self, **changes: Any) -> ImportSettings:
        """The settings of the command, to run it within the test."""
        host, port = self._postgres.address.split(":")
        given = self.settings.model_dump() | {
            "kafka_brokers": (self.broker.address,),
            "postgres_host": host,
            "postgres_port": int(port),
            "postgres_user": USER,
            "postgres_password": SecretStr(PASSWORD),
            "postgres_db": self.postgres_db,
        }
        return ImportSettings(**given | changes)

    def run(self, *command: str, dying_at: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command of the processor; it ends with any code. `dying_at`: a point of tests.dying_import."""
        module = ["tests.dying_import", dying_at] if dying_at else ["processor"]
        line = [sys.executable, "-m", *module, *command]
        return forked.run(line, env=os.environ | self._environment(), timeout=120)

    def count_the_rest(self) -> None:
        """A processor counts to the end of the log."""
        with self.processing():
            end = sum(len(self.log[place]) for place in self.log if place[0] in COUNTED)
            eventually(lambda: self.applied() >= end, within_s=120)

    @contextmanager
    def processing(self) -> Iterator[Path]:
        """A processor runs for a while; yields its log."""
        command = [sys.executable, "-m", "processor", "run"]
        log = self._directory / "processor.log"
        processor = ChildProcess("processor", command, log, environment=os.environ | self._environment())
        try:
            yield log
        finally:
            processor.stop()

    def applied(self) -> int:
        """Offsets that are in the numbers, of all partitions of Kafka."""
        (row,) = self.query(
            "SELECT sum(offset_delta) FROM analytics WHERE resolution = 'checkpoint' "
            "AND workflow_id NOT IN (SELECT arrayJoin(inherited.partition_id) FROM lineage)"
        )
        return int(row[0])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = Connection(self.settings, timeout_s=30)
        try:
            return connection.query(sql)
        finally:
            connection.close()

    def _environment(self) -> dict[str, str]:
        host, port = self._postgres.address.split(":")
        return {
            "CLICKHOUSE_HOSTS": self.settings.clickhouse_hosts[0],
            "CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
            "CLICKHOUSE_USERNAME": "default",
            "CLICKHOUSE_PASSWORD": "",
            "KAFKA_BROKERS": self.broker.address,
            "KAFKA_CONSUMER_GROUP": "ours",
            "KAFKA_SESSION_TIMEOUT": "2s",
            "KAFKA_HEARTBEAT_INTERVAL": "500ms",
            "METRICS_PORT": "0",
            "POSTGRES_HOST": host,
            "POSTGRES_PORT": port,
            "POSTGRES_USER": USER,
            "POSTGRES_PASSWORD": PASSWORD,
            "POSTGRES_DB": self.postgres_db,
        }


def place_of(record: CorpusRecord) -> Place:
    """Where a record is published."""
    return record.topic, partition_of(record.partition_key, PARTITIONS)
