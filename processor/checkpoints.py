"""Checkpoints of partitions wherever they are: on one server, or on several."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from processor.fold import Rows
from processor.ledger import Ledger
from processor.model import Checkpoint, Partition
from processor.shard_pools import ShardPools


class CheckpointLedger(Protocol):
    """What `Ledger` does for one server. Its methods are explained there."""

    def checkpoint(self, partition: Partition) -> Checkpoint | None:
        """See Ledger."""

    def checkpoints(self, partition_ids: Sequence[UUID]) -> dict[UUID, Checkpoint]:
        """See Ledger."""

    def begin(self, partition: Partition, low: int, generation: int) -> Checkpoint:
        """See Ledger."""

    def apply(
        self,
        partition: Partition,
        at: Checkpoint,
        end: int,
        rows: Rows | None,
        *,
        leader_epoch: int,
        ghosts: int,
    ) -> bool:
        """See Ledger."""

    def raise_generation(self, partition: Partition, generation: int) -> Checkpoint | None:
        """See Ledger."""


class ShardedLedger:
    """The checkpoints of all shards: each call goes to where the partition is."""

    def __init__(self, shards: ShardPools) -> None:
        self._shards = shards

    def checkpoint(self, partition: Partition) -> Checkpoint | None:
        """See Ledger."""
        return self._of(partition).checkpoint(partition)

    def checkpoints(self, partition_ids: Sequence[UUID]) -> dict[UUID, Checkpoint]:
        """See Ledger."""
        by_shard: defaultdict[int, list[UUID]] = defaultdict(list)
        for id_, number in self._shards.places(partition_ids).items():
            by_shard[number].append(id_)
        found: dict[UUID, Checkpoint] = {}
        for number, ids in by_shard.items():
            found |= self._shards.on(number).ledger.checkpoints(ids)
        return found

    def begin(self, partition: Partition, low: int, generation: int) -> Checkpoint:
        """See Ledger. Where the partition is to be is decided first."""
        return self._shards.place(partition).ledger.begin(partition, low, generation)

    def apply(
        self,
        partition: Partition,
        at: Checkpoint,
        end: int,
        rows: Rows | None,
        *,
        leader_epoch: int,
        ghosts: int,
    ) -> bool:
        """See Ledger."""
        ledger = self._of(partition)
        return ledger.apply(partition, at, end, rows, leader_epoch=leader_epoch, ghosts=ghosts)

    def raise_generation(self, partition: Partition, generation: int) -> Checkpoint | None:
        """See Ledger."""
        return self._of(partition).raise_generation(partition, generation)

    def _of(self, partition: Partition) -> Ledger:
        return self._shards.of(partition.id).ledger
