"""How the partitions of a topic came to be, and what follows for repeats when keys have moved between them. Pure.

Kafka spreads keys over the partitions that a topic has, so when partitions are added, keys move: to the new ones,
and between the old ones as well. Producers notice at different times, and of a growth in steps each may know
another step. So a growth has two borders in each partition: where it was *frozen* (all records before were published
before the growth; 0 in new partitions) and the *barrier* (all records from there on were published by producers that
know of it). Between them lie records of producers that knew any number of partitions.

The partitions are then counted in an order that has no circle, and each record is compared with everything that
comes before it in that order:

    records of partition p     compared with those before them in p, and with
    before frozen              nothing else
    frozen to barrier          other partitions before frozen; those with lower numbers than p before barrier
    from barrier on            other partitions before barrier

A repeat in another partition is found because the row of the first one is there: nobody goes on before the
partitions that are compared with have been applied as far as they are compared. A second growth begins when every
partition has reached the barrier of the first; otherwise two partitions could wait for each other.
"""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID


class Inherited(NamedTuple):
    """What a partition inherits into a generation. `frozen` and `barrier` are offsets; see the head of this file."""

    partition_id: UUID
    frozen: int
    barrier: int


class Generation(NamedTuple):
    """A topic from the time on when it had so many partitions; `inherited` by partition number.

    The first generation has no `inherited`, unless an operator adopted another log: then it has every partition
    that was counted before, none of which goes on.
    """

    partitions: int
    inherited: tuple[Inherited, ...] = ()

    def barrier(self, partition_id: UUID) -> int:
        """Return the barrier of a partition; 0 if it has none."""
        return next((one.barrier for one in self.inherited if one.partition_id == partition_id), 0)


class Evidence(NamedTuple):
    """Index rows of a partition, as far as they are below an offset."""

    partition_id: UUID
    below: int


class Segment(NamedTuple):
    """Consecutive records of a partition that are compared with the same other ones. `end`: None if it is open."""

    end: int | None
    evidence: tuple[Evidence, ...]


def segment_at(partition_id: UUID, generations: tuple[Generation, ...], offset: int) -> Segment:
    """Return the segment of a partition in which an offset lies."""
    ends: list[int] = []
    below: dict[UUID, int] = {}
    for generation in generations:
        ends += [border for border in _borders(partition_id, generation) if border > offset]
        for one in _evidence(partition_id, generation, offset):
            below[one.partition_id] = max(one.below, below.get(one.partition_id, 0))
    below.pop(partition_id, None)  # its own records are compared anyway
    evidence = (Evidence(*one) for one in below.items())
    return Segment(min(ends, default=None), tuple(one for one in evidence if one.below > 0))


def _borders(partition_id: UUID, generation: Generation) -> Iterator[int]:
    for one in generation.inherited:
        if one.partition_id == partition_id:
            yield from (one.frozen, one.barrier)


def _evidence(partition_id: UUID, generation: Generation, offset: int) -> Iterator[Evidence]:
    ids = [one.partition_id for one in generation.inherited]
    number = ids.index(partition_id) if partition_id in ids else None
    if number is None or offset >= generation.inherited[number].barrier:
        yield from (Evidence(one.partition_id, one.barrier) for one in generation.inherited)
    elif offset >= generation.inherited[number].frozen:
        for at, one in enumerate(generation.inherited):
            yield Evidence(one.partition_id, one.barrier if at < number else one.frozen)
