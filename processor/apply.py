"""One batch, from decoded events to a checkpoint read back: the protocol of docs/exactly-once.md on one screen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from analytics.store.pool import Pool
from processor import metrics
from processor.additions import additions
from processor.checkpoints import CheckpointLedger
from processor.dead_letter import DeadLetters
from processor.decode.events import Decoded, Keyed, Lines
from processor.event_index import EventIndex
from processor.fold import Rows, fold
from processor.index_rows import Elsewhere, IndexRows
from processor.line_index import LineIndex
from processor.lineage import Evidence, segment_at
from processor.lineage_table import Lineage, require_same, require_unchanged
from processor.model import Checkpoint, Partition
from processor.steps import step
from processor.topics import Topic
from processor.workflow_facts import write_facts


class StoresOf(Protocol):
    """Tells where the batches of a partition go."""

    def of(self, partition_id: UUID) -> "Stores":
        """Return the stores of the shard that a partition is on. Raises Retryable, and Stop."""


@dataclass(frozen=True)
class Stores:
    """Where batches go: shared by all partitions of one shard, and by all threads. `ledger`: of all shards."""

    plain: Pool
    columns: Pool
    ledger: CheckpointLedger
    dead_letters: DeadLetters
    describe: Callable[[str], Topic]
    """Asks the broker what a topic is now. Raises BrokerUnavailable."""
    horizon_ms: int
    filter_bytes: int

    def of(self, partition_id: UUID) -> "Stores":  # noqa: ARG002 -- here, one server has them all
        """See StoresOf."""
        return self


def index_rows(partition_id: UUID, evidence: Iterable[Evidence], stores: StoresOf) -> IndexRows:
    """Return which index rows are evidence for a partition, and where they are."""
    own = stores.of(partition_id)
    beside: list[Evidence] = []
    elsewhere: dict[int, tuple[Stores, list[Evidence]]] = {}
    for one in evidence:
        where = stores.of(one.partition_id)
        if where.plain is own.plain:
            beside.append(one)
        else:
            elsewhere.setdefault(id(where.plain), (where, []))[1].append(one)
    others = [Elsewhere(where.plain, where.columns, tuple(rows)) for where, rows in elsewhere.values()]
    return IndexRows(partition_id, tuple(beside), others)


class _Firsts(NamedTuple):
    keyed: list[Keyed]
    lines: list[Lines]
    named: list[int]


class PartitionWriter:
    """Applies the batches of one segment of a partition from one checkpoint on, one after the other.

    After CheckpointMoved and TopicGrew it is of no use any more: a new one begins at the checkpoint.
    """

    def __init__(
        self, partition: Partition, lineage: Lineage, checkpoint: Checkpoint, stores: StoresOf
    ) -> None:
        self.partition, self.checkpoint = partition, checkpoint
        self.segment = segment_at(partition.id, lineage.generations, checkpoint.next_offset)
        self._lineage, self._stores = lineage, (own := stores.of(partition.id))
        rows = index_rows(partition.id, self.segment.evidence, stores)
        self._events = EventIndex(
            rows, own.plain, own.columns, horizon_ms=own.horizon_ms, filter_bytes=own.filter_bytes
        )
        self._lines = LineIndex(rows, own.plain, horizon_ms=own.horizon_ms)
        self._ghosts = 0

    def apply(self, batch: Decoded) -> None:
        """Count every first-seen event of the batch, which begins at the checkpoint, and move the checkpoint.

        Raises Retryable: nothing was counted, or it is not known; the same call again is right.
        Raises CheckpointMoved or TopicGrew: the batch must be dropped. Raises Stop: a person must look.
        """
        assert batch.first == self.checkpoint.next_offset, "batches follow each other without a gap"
        assert self.segment.end is None or batch.end <= self.segment.end, "a batch lies in one segment"
        topic = self.partition.topic
        with step(topic, "check"):
            self._require_same_log(batch.first)
        if batch.rejected:
            with step(topic, "park"):
                self._stores.dead_letters.park(self.partition, self._lineage.topic_id, batch.rejected)
        with step(topic, "facts"):
            write_facts(self._stores.plain, batch.facts)
        with step(topic, "repeats"):
            firsts = self._drop_repeats(batch)  # the index is durable when this returns
        with step(topic, "fold"):
            rows = self._fold(batch, firsts)
        with step(topic, "insert"):
            self._move(batch, rows)
        self._events.applied(batch.named)
        self._meter(batch, firsts)

    def _require_same_log(self, first: int) -> None:
        """Ask the broker, now that the batch is fetched, whether its topic is as it is counted; see `require_unchanged`.

        Below the barrier of a growth it does not matter how many partitions a producer knew of.
        """
        found = self._stores.describe(self.partition.topic)
        if first < self._lineage.generations[-1].barrier(self.partition.id):
            require_same(self._lineage, found)
        else:
            require_unchanged(self._lineage, found)

    def _drop_repeats(self, batch: Decoded) -> _Firsts:
        """Return what counts, and write every event of the batch into the index."""
        below = batch.first
        # In place of their parts: a large batch would be in memory twice.
        batch.keyed, batch.lines = Keyed.joined(batch.keyed), Lines.joined(batch.lines)
        named = self._events.first_named(batch.named, below)
        events = batch.keyed[0] if batch.keyed else None
        keyed = [] if events is None else [events.where(self._events.first_events(events, below))]
        self._events.write(events, {one: batch.named[one] for one in named})
        lines: list[Lines] = []
        for all_lines in batch.lines:
            lines = [all_lines.where(self._lines.first_lines(all_lines, batch.streams, below))]
            self._lines.write(all_lines, batch.streams)
        return _Firsts(keyed, lines, named)

    def _fold(self, batch: Decoded, firsts: _Firsts) -> Rows | None:
        named = [batch.named[one] for one in firsts.named]
        failures = list(batch.failures)
        added = additions(firsts.keyed, firsts.lines, named, streams=batch.streams, failures=failures)
        return fold(added, batch.owners)

    def _move(self, batch: Decoded, rows: Rows | None) -> None:
        at, ledger, epoch = self.checkpoint, self._stores.ledger, batch.leader_epoch
        while not ledger.apply(self.partition, at, batch.end, rows, leader_epoch=epoch, ghosts=self._ghosts):
            self._ghosts += 1
            metrics.GHOST_TOKENS.inc()
        self._ghosts = 0
        self.checkpoint = at._replace(next_offset=batch.end, leader_epoch=epoch)

    def _meter(self, batch: Decoded, firsts: _Firsts) -> None:
        topic = self.partition.topic
        metrics.RECORDS.labels(topic).inc(batch.records)
        metrics.BATCH_RECORDS.labels(topic).observe(batch.records)
        metrics.BATCH_BYTES.labels(topic).observe(batch.value_bytes)
        metrics.GAPS.labels(topic).inc(batch.end - batch.first - batch.records)
        repeats = _rows(batch.keyed) + _rows(batch.lines) - _rows(firsts.keyed) - _rows(firsts.lines)
        metrics.REPEATS.labels(topic).inc(repeats)
        for why, count in batch.skipped.items():
            metrics.SKIPPED.labels(topic, why).inc(count)


def _rows(parts: Sequence[Keyed] | Sequence[Lines]) -> int:
    return sum(len(part.owner) for part in parts)
