"""Opening a partition: where to go on, under which generation of its topic, and when. See `lineage`.

When a topic has grown, whoever opens one of its partitions first freezes all partitions of the former generation
(then nothing that was fetched before can be applied any more), waits until every producer must know of the new
partitions, reads the ends of all of them, and stores the new generation. Many may do so at the same time: freezing
is a guarded insert, and the first one who stores the generation decides it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import structlog
from confluent_kafka.admin import AdminClient

from analytics.errors import Retryable
from processor.apply import PartitionWriter, Stores, StoresOf
from processor.lineage import Inherited
from processor.lineage_table import Lineage, TopicGrew, read_lineages, require_unchanged, store_generation
from processor.model import Checkpoint, Partition
from processor.topics import Topic, end_offsets, low_watermark

_log = structlog.get_logger(__name__)


class Held(Retryable):
    """A partition has to wait, because its topic has grown: for others, which takes them a batch or more."""

    retry_after_s = 0.5


class Opener:
    """Opens partitions. `grace_s`: how long producers may go on to use the former number of partitions.

    `stores`: of the home shard; `stores_of` each partition, unless all of them are there.
    """

    def __init__(
        self,
        admin: AdminClient,
        stores: Stores,
        *,
        grace_s: float,
        stores_of: StoresOf | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._admin, self._stores, self._stores_of = admin, stores, stores_of or stores
        self._grace_s, self._clock = grace_s, clock
        self._seen: dict[tuple[str, int, int, int], float] = {}  # when a growth was seen first
        self._fenced: set[tuple[str, int, int, int]] = set()  # growths whose partitions we have found frozen
        # Others that a partition waits for: asked for with its own checkpoint.
        self._awaited: dict[UUID, list[UUID]] = {}

    def open(self, topic: str, number: int) -> PartitionWriter:
        """Read, or begin, the checkpoint of a partition. Raises Held and other Retryables, and Stop. For any thread."""
        lineage = read_lineages(self._stores.plain)[topic]
        found = self._stores.describe(topic)
        if self._must_grow(lineage, found, number):
            return self._open_grown(lineage, found.partitions, number)
        partition = lineage.partition(number)
        others = self._awaited.get(partition.id, [])
        applied = self._stores.ledger.checkpoints([partition.id, *others])
        checkpoint = applied.get(partition.id) or self._begin(partition, lineage)
        if checkpoint.generation != lineage.generation:
            # The topic has grown since its lineage was read, or this broker does not know yet, or an operator's
            # command was killed: one more generation of the same size is right in each case.
            return self._open_grown(lineage, found.partitions, number)
        writer = PartitionWriter(partition, lineage, checkpoint, self._stores_of)
        self._require_evidence(writer, applied)
        _log.info("partition_opened", partition=str(partition), offset=checkpoint.next_offset)
        return writer

    def _must_grow(self, lineage: Lineage, found: Topic, number: int) -> bool:
        """Whether the topic needs another generation before this partition is opened. Raises Held, and Stop."""
        try:
            require_unchanged(lineage, found)
        except TopicGrew:
            unsettled = self._unsettled(lineage)
            if unsettled and lineage.partition(number).id not in unsettled:
                raise Held(
                    f"topic {lineage.name} has grown again before it was through with the last time"
                ) from None
            return not unsettled
        if number >= lineage.partitions:
            raise Held(f"a broker does not know yet that {lineage.name} has a partition {number}")
        return False

    def _unsettled(self, lineage: Lineage) -> set[UUID]:
        """Return the partitions that have not reached the barrier of the last growth."""
        return self._behind({one.partition_id: one.barrier for one in lineage.generations[-1].inherited})

    def _behind(
        self, offsets: Mapping[UUID, int], known: Mapping[UUID, Checkpoint] | None = None
    ) -> set[UUID]:
        """Return the partitions that are not applied up to these offsets yet. `known`: what need not be asked for."""
        needed = {id_: offset for id_, offset in offsets.items() if offset > 0}
        applied = dict(known or {})
        if asked := needed.keys() - applied.keys():
            applied |= self._stores.ledger.checkpoints(list(asked))
        return {
            id_ for id_, offset in needed.items() if id_ not in applied or applied[id_].next_offset < offset
        }

    def _open_grown(self, lineage: Lineage, partitions: int, number: int) -> PartitionWriter:
        self._grow(lineage, partitions)
        return self.open(lineage.name, number)

    def _begin(self, partition: Partition, lineage: Lineage) -> Checkpoint:
        """Begin a partition that has no checkpoint. Raises Held while an import is under way.

        The import begins the partitions as well, elsewhere than where their logs begin.
        """
        former = {one.partition_id: one.barrier for one in lineage.generations[0].inherited}
        if lineage.generation == 0 and self._behind(former):
            raise Held(
                f"{partition} waits for `chronoverse-processor import`: run it again if it was stopped"
            )
        low = low_watermark(self._admin, partition.topic, partition.number)
        return self._stores.ledger.begin(partition, low, lineage.generation)

    def _require_evidence(self, writer: PartitionWriter, applied: Mapping[UUID, Checkpoint]) -> None:
        """Raise Held until all records that come before those of this segment are applied. `applied`: as far as known."""
        evidence = dict(writer.segment.evidence)
        behind = self._behind(evidence, applied)
        self._awaited[writer.partition.id] = list(evidence) if behind else []
        if behind:
            raise Held(
                f"{writer.partition} waits until {len(behind)} partitions are applied up to where they grew"
            )

    def _grow(self, lineage: Lineage, partitions: int) -> None:
        """Bring a topic into its next generation. Raises Held until that can be."""
        key = (lineage.name, lineage.epoch, lineage.generation, partitions)
        seen_at = self._seen.setdefault(key, self._clock())
        if key not in self._fenced:
            self._freeze(lineage)
            self._fenced.add(key)
        wait_s = seen_at + self._grace_s - self._clock()
        if wait_s > 0:
            held = Held(f"{_why(lineage, partitions)} {wait_s:.0f} s more")
            held.retry_after_s = wait_s
            raise held
        # Asked again: what is stored for good follows from what is there now.
        grown = lineage.grown(partitions, self._inherited(lineage, partitions, self._freeze(lineage)))
        store_generation(self._stores.plain, grown)
        _log.info("topic_grown", topic=lineage.name, before=lineage.partitions, now=partitions)

    def _inherited(
        self, lineage: Lineage, partitions: int, frozen: Sequence[Checkpoint]
    ) -> Sequence[Inherited]:
        """Return the borders of all partitions, of which those that there were are frozen here."""
        if partitions == lineage.partitions:  # no key has moved
            return lineage.generations[-1].inherited
        ends = end_offsets(self._admin, [(lineage.name, number) for number in range(partitions)])
        starts = [one.next_offset for one in frozen] + [0] * (partitions - lineage.partitions)
        return [
            Inherited(lineage.partition(number).id, start, max(start, ends[lineage.name, number]))
            for number, start in enumerate(starts)
        ]

    def _freeze(self, lineage: Lineage) -> list[Checkpoint]:
        """Return where all partitions are frozen, by us or by somebody else; one that was never begun is begun first."""
        ledger, next_one = self._stores.ledger, lineage.generation + 1
        partitions = lineage.all_partitions()
        found = ledger.checkpoints([one.id for one in partitions])
        frozen = []
        for one in partitions:
            at = found.get(one.id) or self._begin(one, lineage)
            frozen.append(at if at.generation >= next_one else ledger.raise_generation(one, next_one) or at)
        return frozen


def _why(lineage: Lineage, partitions: int) -> str:
    if partitions == lineage.partitions:
        return f"topic {lineage.name} is frozen, and whoever did that (an operator?) is waited for"
    return f"topic {lineage.name} has {partitions} partitions, {lineage.partitions} before: producers may notice for"
