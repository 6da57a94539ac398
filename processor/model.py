"""The nouns of the pipeline that are neither records nor columns."""

from typing import NamedTuple
from uuid import UUID, uuid5


class Partition(NamedTuple):
    """A Kafka partition of one incarnation of a topic. `id` marks its rows in every table."""

    topic: str
    number: int
    id: UUID

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class OffsetRange(NamedTuple):
    """Offsets `first` to `end`, without `end`: what one batch covers."""

    first: int
    end: int


class Checkpoint(NamedTuple):
    """How far a partition is applied: everything below `next_offset`. `generation` of its topic: see `lineage`."""

    next_offset: int
    leader_epoch: int = -1
    generation: int = 0


_NAMESPACE = UUID("6f0e4f7e-3b4a-5c58-9d0b-2f1f3c1c7a11")


def partition_id(cluster_id: str, topic_id: UUID, epoch: int, number: int) -> UUID:
    """Return the id of a partition: another cluster, topic or epoch gives another one, a consumer group does not."""
    return uuid5(_NAMESPACE, f"{cluster_id}/{topic_id}/{epoch}/{number}")


def import_partition(import_id: UUID) -> Partition:
    """Return the pseudo-partition of an import, whose offsets are row numbers."""
    return Partition(f"import/{import_id}", 0, uuid5(_NAMESPACE, f"import/{import_id}"))
