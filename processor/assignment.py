"""Where the consumer reads: partitions come and go one by one, or the assignment is replaced as a whole.

librdkafka allows one of the two, depending on the strategy of the group. None of this happens in a callback but giving
up what is taken away: which partitions the group gives us and where they are read are two different things.
"""

from collections.abc import Iterable
from typing import Protocol

from confluent_kafka import Consumer, TopicPartition

from processor.settings import AssignmentStrategy

Place = tuple[str, int]  # topic, partition


class Assignment(Protocol):
    """What is read now, for the thread that polls. Pauses outlive a change: whoever adds a partition resumes it."""

    def accept(self, consumer: Consumer) -> None:
        """In the callback of an assignment: read nothing more than before."""

    def add(self, start: TopicPartition) -> None:
        """Read a partition that is not read, from an offset on."""

    def remove(self, place: Place) -> None:
        """Read a partition no more; nothing happens when it is not read."""

    def give_up(self, consumer: Consumer, places: Iterable[Place]) -> None:
        """In the callback of a revocation: read these no more."""


def assignment_for(consumer: Consumer, strategy: AssignmentStrategy) -> Assignment:
    """Return the way of this strategy."""
    return OneByOne(consumer) if strategy == "cooperative-sticky" else AsAWhole(consumer)


class OneByOne:
    """Of cooperative groups: a change leaves the other partitions alone."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._reading: set[Place] = set()

    def accept(self, consumer: Consumer) -> None:
        """See Assignment."""
        consumer.incremental_assign([])

    def add(self, start: TopicPartition) -> None:
        """See Assignment."""
        self._consumer.incremental_assign([start])
        self._reading.add((start.topic, start.partition))

    def remove(self, place: Place) -> None:
        """See Assignment."""
        if place in self._reading:
            self._reading.remove(place)
            self._consumer.incremental_unassign([TopicPartition(*place)])

    def give_up(self, consumer: Consumer, places: Iterable[Place]) -> None:
        """See Assignment."""
        reading = [place for place in places if place in self._reading]
        consumer.incremental_unassign([TopicPartition(*place) for place in reading])
        self._reading.difference_update(reading)


class AsAWhole:
    """Of eager groups: every change names all partitions, and the others go on at their positions."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._reading: dict[Place, TopicPartition] = {}  # → where it is read from, or is by now

    def accept(self, consumer: Consumer) -> None:
        """See Assignment."""
        consumer.assign([])

    def add(self, start: TopicPartition) -> None:
        """See Assignment."""
        self._note_positions()
        self._reading[start.topic, start.partition] = start
        self._consumer.assign(list(self._reading.values()))

    def remove(self, place: Place) -> None:
        """See Assignment."""
        if place in self._reading:
            self._note_positions()
            del self._reading[place]
            self._consumer.assign(list(self._reading.values()))

    def give_up(self, consumer: Consumer, places: Iterable[Place]) -> None:
        """See Assignment."""
        for place in places:  # all of them: an eager group waits until nothing is read
            self._reading.pop(place, None)
        consumer.unassign()

    def _note_positions(self) -> None:
        for at in self._consumer.position([TopicPartition(*place) for place in self._reading]):
            if at.offset >= 0:  # it has brought a record
                self._reading[at.topic, at.partition] = at
