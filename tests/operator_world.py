"""Databases for tests of the operator's commands: counted without a broker, by the ordinary steps of a batch."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from analytics.settings import Settings
from analytics.store.pool import Connection, Pool
from processor.apply import PartitionWriter, Stores, StoresOf
from processor.audit.auditor import Auditor, open_stored, sketch
from processor.audit.finding import Report
from processor.checkpoints import CheckpointLedger, ShardedLedger
from processor.ledger import Ledger
from processor.lineage import Inherited
from processor.lineage_table import Lineage, identify, store_generation
from processor.measures import COUNTERS, MEASURES
from processor.settings import ProcessorSettings
from processor.shard_pools import ShardPools
from processor.shard_stores import ShardStores
from processor.topics import Topic
from tests.copied_database import copy_of
from tests.processor_world import (
    HORIZON_MS,
    NOW_MS,
    FakeRecord,
    as_value,
    finished_job,
    fresh_database,
    gathered_of,
    log_line,
    pools,
)

TOPICS = ("analytics", "workflows", "job_logs")
_ALL_NUMBERS = ", ".join(
    (
        *(f"{one.aggregate}({name})" for name, one in MEASURES.items()),
        *(f"sumMap({name})" for name in COUNTERS),
    )
)
CLUSTER = "lkc-1"
_NIL = "toUUID('00000000-0000-0000-0000-000000000000')"


def processor_settings(settings: Settings, **changes: Any) -> ProcessorSettings:
    """The processor's settings for a database; no broker answers unless it is given."""
    return ProcessorSettings(**{"kafka_brokers": ("127.0.0.1:9",)} | settings.model_dump() | changes)


class Counted:
    """A database and the logs that it has counted; each topic has two partitions, of which mostly the first is used.

    With `shards` it lies on several servers, of which `plain` and `columns` are the home shard.
    """

    def __init__(
        self,
        settings: Settings,
        plain: Pool,
        columns: Pool,
        *,
        shards: ShardPools | None = None,
        topics: dict[str, Topic] | None = None,
    ) -> None:
        self.settings, self.plain = processor_settings(settings), plain
        self.topics = topics or {name: Topic(name, CLUSTER, uuid4(), 2) for name in TOPICS}
        self.lineages: dict[str, Lineage] = identify(plain, self.topics)
        self.ledger: CheckpointLedger = Ledger(plain, columns) if shards is None else ShardedLedger(shards)
        stores = Stores(
            plain=plain,
            columns=columns,
            ledger=self.ledger,
            dead_letters=None,  # type: ignore[arg-type] # nothing malformed is counted here
            describe=lambda topic: self.topics[topic],
            horizon_ms=HORIZON_MS,
            filter_bytes=1 << 16,
        )
        self._stores: StoresOf = stores if shards is None else ShardStores(shards, stores)

    def count(self, topic: str, *events: Any, time_ms: int = NOW_MS, number: int = 0) -> None:
        """Apply one batch of events to a partition, behind those applied before."""
        partition = self.lineages[topic].partition(number)
        at = self.ledger.begin(partition, 0, self.lineages[topic].generation)
        records = [
            FakeRecord(as_value(event), at.next_offset + behind, time_ms)
            for behind, event in enumerate(events)
        ]
        PartitionWriter(partition, self.lineages[topic], at, self._stores).apply(gathered_of(topic, records))

    def count_some(self) -> None:
        """Jobs with and without EventKey, repeated ones, and log lines of all forms."""
        self.count("analytics", *(finished_job(number) for number in range(3, 9)), finished_job(EventKey=""))
        self.count("analytics", finished_job(3), finished_job(10), finished_job(EventKey=""))
        self.count(
            "job_logs", *(log_line(number) for number in (0, 1, 2, 3, 7, 8)), log_line(0, EventKey="odd")
        )
        self.count("job_logs", *(log_line(number) for number in (2, 3, 4, 9)), log_line(0, EventKey="odd"))

    def grow(self, topic: str, partitions: int) -> None:
        """Add partitions to a topic; whatever was counted is below the borders."""
        lineage = self.lineages[topic]
        frozen = [
            self.ledger.raise_generation(one, lineage.generation + 1) for one in lineage.all_partitions()
        ]
        ends = [0 if at is None else at.next_offset for at in frozen] + [0] * (
            partitions - lineage.partitions
        )
        inherited = [Inherited(lineage.partition(number).id, end, end) for number, end in enumerate(ends)]
        self.lineages[topic] = lineage.grown(partitions, inherited)
        self.topics[topic] = self.topics[topic]._replace(partitions=partitions)
        store_generation(self.plain, self.lineages[topic])

    def partition_id(self, topic: str) -> UUID:
        return self.lineages[topic].partition(0).id

    def query(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self.plain.lend(10) as connection:
            return connection.query(sql, parameters)

    def audit(self) -> Report:
        """What the whole audit finds, without asking Kafka."""
        with open_stored(self.settings, timeout_s=30) as stored:
            return Auditor(stored, self.settings, self.lineages, None).audit(lambda _: None)

    def sketch(self) -> Report:
        """What the processors find by themselves."""
        with open_stored(self.settings, timeout_s=30) as stored:
            return sketch(stored, self.settings)


@contextmanager
def counted_copy(address: str) -> Iterator[Counted]:
    """As `counted`, in a database of its own on the server at an address, where the events are counted only once."""
    settings, topics = _counted_on(address)
    copy = copy_of(settings)
    with pools(copy) as (plain, columns):
        yield Counted(copy, plain, columns, topics=dict(topics))


@cache
def _counted_on(address: str) -> tuple[Settings, dict[str, Topic]]:
    settings = fresh_database(address, "kept")
    with counted(settings) as world:
        return settings, world.topics


@contextmanager
def counted(settings: Settings) -> Iterator[Counted]:
    """A database in which some events are counted."""
    with pools(settings) as (plain, columns):
        world = Counted(settings, plain, columns)
        world.count_some()
        yield world


def add(world: Counted, resolution: str, column: str, number: int = 1, *, of_workflow: bool = False) -> None:
    """Break numbers: add to one bucket of somebody who has some; to a counter, one of something."""
    thing = {"failures": "'USER Aborted'"}.get(column, 7)
    value = f"map({thing}, %(number)s)" if column in COUNTERS else "%(number)s"
    world.query(
        f"INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, {column}) "
        f"SELECT resolution, user_id, workflow_id, bucket_start, {value} FROM analytics "
        f"WHERE resolution = %(resolution)s AND (workflow_id != {_NIL}) = %(of_workflow)s LIMIT 1",
        number=number,
        resolution=resolution,
        of_workflow=int(of_workflow),
    )


def dump(settings: Settings, database: str | None = None) -> list[tuple[Any, ...]]:
    """All numbers of a database, by resolution, user, workflow and bucket."""
    connection = Connection(settings, timeout_s=30, database=database)
    try:
        return connection.query(
            f"SELECT resolution, user_id, workflow_id, bucket_start, {_ALL_NUMBERS} FROM analytics "
            "WHERE resolution != 'checkpoint' GROUP BY ALL ORDER BY resolution, user_id, workflow_id, bucket_start"
        )
    finally:
        connection.close()


def told(capsys: Any, command: Callable[[], None]) -> Any:
    """What a command prints as JSON."""
    capsys.readouterr()
    command()
    return json.loads(capsys.readouterr().out)
