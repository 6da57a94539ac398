"""A topic as producers and consumers see it, and the definition of what counts in it."""

from collections import Counter
from typing import NamedTuple

from processor.duplicates import first_ones
from processor.lineage import Generation

HORIZON = 100
"""In the unit of `Record.time`."""


class Record(NamedTuple):
    key: int
    time: int


class Broker:
    """A topic. `known`: the numbers of partitions that a producer may believe in, the newest last."""

    def __init__(self, partitions: int) -> None:
        self.logs: list[list[Record]] = [[] for _ in range(partitions)]
        self.known = [partitions]

    def produce(self, record: Record, growths_missed: int = 0) -> None:
        partitions = self.known[max(0, len(self.known) - 1 - growths_missed)]
        self.logs[record.key % partitions].append(record)

    def grow(self, by: int) -> None:
        self.logs += [[] for _ in range(by)]
        self.known.append(len(self.logs))

    def let_producers_notice(self, partitions: int) -> None:
        self.known = [one for one in self.known if one >= partitions]

    def partitions(self) -> int:
        return len(self.logs)

    def ends(self) -> list[int]:
        return [len(log) for log in self.logs]


def expected(logs: list[list[Record]], generations: tuple[Generation, ...]) -> Counter[int]:
    """Return how often each key counts: its first record does, and every one beyond the horizon."""
    places = [(partition, at) for partition, log in enumerate(logs) for at in range(len(log))]
    places.sort(key=lambda place: _rank(generations, *place))
    records = [logs[partition][at] for partition, at in places]
    counts = first_ones(records, {}, HORIZON)
    return Counter(one.key for one, does in zip(records, counts, strict=True) if does)


def _rank(generations: tuple[Generation, ...], partition: int, offset: int) -> tuple[int, ...]:
    """Return where a record stands in the order in which a topic is counted that has grown."""
    for number, one in enumerate(generation.inherited for generation in generations):
        if partition < len(one) and offset < one[partition].frozen:
            return number, 0, 0, offset
        if partition < len(one) and offset < one[partition].barrier:
            return number, 1, partition, offset
    return len(generations), 0, 0, offset
