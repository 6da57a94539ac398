"""Where every partition is, as far as ClickHouse and Kafka tell."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from uuid import UUID

from analytics.store.pool import Connection
from processor.audit.ledger_rows import CheckpointRow, LedgerRows, Progress
from processor.audit.log_range import LogRange
from processor.lineage import segment_at
from processor.lineage_table import Lineage
from processor.model import Partition
from processor.source import Place
from processor.topics import Topic

_REPORTED_WITHIN_MS: Final = 10_000
_FRESH_MS: Final = 30_000

State = Literal[
    "not begun", "counting", "behind", "held", "not read", "out of range", "broken", "another log"
]
NEEDS_A_PERSON: Final = ("out of range", "broken", "another log")

_TABLES = """
SELECT table, count(), sum(rows), sum(bytes_on_disk)
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table
ORDER BY table
"""
_SCHEMA = """
SELECT (SELECT max(version) FROM schema_migrations),
       (SELECT toUInt64OrZero(extract(create_table_query, 'non_replicated_deduplication_window = (\\\\d+)'))
        FROM system.tables WHERE database = currentDatabase() AND name = 'analytics')
"""


class TableSize(NamedTuple):
    """Active parts of a table."""

    table: str
    parts: int
    rows: int
    bytes_on_disk: int


class Store(NamedTuple):
    """The database. `tokens`: how many inserts table `analytics` remembers."""

    schema_version: int
    tokens: int
    tables: list[TableSize]


class PartitionStatus(NamedTuple):
    """One partition. None: not known, because it was never begun, or ClickHouse or Kafka is away."""

    topic: str
    partition: int
    state: State | None
    next_offset: int | None
    low: int | None
    end: int | None
    lag: int | None
    as_of_ms: int | None
    reported_ms: int | None


class Facts(NamedTuple):
    """What is known of all partitions; `ledger` None: ClickHouse is away; `ranges` None: Kafka is."""

    lineages: Mapping[str, Lineage]
    ledger: LedgerRows | None
    progress: Mapping[UUID, Progress]
    found: Mapping[str, Topic]
    ranges: Mapping[Place, LogRange] | None


def read_store(connection: Connection) -> Store:
    """Return sizes and versions."""
    ((version, tokens),) = connection.query(_SCHEMA)
    return Store(version, tokens, [TableSize(*row) for row in connection.query(_TABLES)])


def statuses(facts: Facts, now_ms: int) -> list[PartitionStatus]:
    """Return the status of every partition that is counted or that the broker has, in order. Pure."""
    places = {(one.name, number) for one in facts.lineages.values() for number in range(one.partitions)}
    places |= {(one.name, number) for one in facts.found.values() for number in range(one.partitions)}
    return [_status(facts, *place, now_ms) for place in sorted(places)]


def _status(facts: Facts, topic: str, number: int, now_ms: int) -> PartitionStatus:
    lineage, held = facts.lineages.get(topic), (facts.ranges or {}).get((topic, number))
    partition = None if lineage is None else lineage.partition(number)
    row = None if partition is None or facts.ledger is None else facts.ledger.checkpoints.get(partition.id)
    progress = None if partition is None else facts.progress.get(partition.id)
    end = _end(held, progress)
    return PartitionStatus(
        topic,
        number,
        None if facts.ledger is None else _state(facts, partition, row, held, now_ms),
        None if row is None else row.reached,
        None if held is None else held.low,
        end,
        None if row is None or end is None else max(0, end - row.reached),
        progress.as_of_ms if progress and progress.as_of_ms else None,
        None if progress is None else progress.updated_ms,
    )


def _end(held: LogRange | None, progress: Progress | None) -> int | None:
    """Return the end of the log: as Kafka says, and at least as the processor saw it (tansu is wrong about ends)."""
    known = [held.end] if held else []
    known += [progress.end_offset] if progress and progress.end_offset >= 0 else []
    return max(known, default=None)


def _state(
    facts: Facts, partition: Partition | None, row: CheckpointRow | None, held: LogRange | None, now_ms: int
) -> State:
    if partition is not None and _is_another_log(facts, partition.topic):
        return "another log"
    if partition is None or row is None:
        return "not begun"
    if not row.is_sound:
        return "broken"
    if held is not None and not held.low <= row.reached <= held.end:
        return "out of range"
    if _is_held(facts, partition, row):
        return "held"
    progress = facts.progress.get(partition.id)
    if progress is None or now_ms - progress.updated_ms > _REPORTED_WITHIN_MS:
        return "not read"
    return "counting" if now_ms - progress.as_of_ms <= _FRESH_MS else "behind"


def _is_another_log(facts: Facts, topic: str) -> bool:
    known, found = facts.lineages[topic], facts.found.get(topic)
    return found is not None and (known.cluster_id, known.topic_id) != (found.cluster_id, found.topic_id)


def _is_held(facts: Facts, partition: Partition, row: CheckpointRow) -> bool:
    """Whether it waits, because its topic has grown: for producers to notice, or for partitions before it."""
    assert facts.ledger is not None
    lineage = facts.lineages[partition.topic]
    if row.generation != lineage.generation:
        return True
    applied = facts.ledger.checkpoints
    evidence = segment_at(partition.id, lineage.generations, row.reached).evidence
    return any(
        one.partition_id not in applied or applied[one.partition_id].total < one.below for one in evidence
    )
