"""Filling topics once, for every contender to read."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from benchmarks.errors import BenchmarkFailed
from benchmarks.load import Kind, Load, LoadRecord
from sandbox.partitioner import partition_of

PARTITIONS: Final = 2
_FLUSH_WITHIN_S: Final = 120.0
_PRODUCER: Final = {
    "enable.idempotence": True,  # neither lost nor doubled: the number of records is known by counting
    "compression.type": "lz4",
    "batch.size": 500_000,
    "linger.ms": 1_000,  # every batch is full, however slow the machine is: the same topic each time
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 131_072,
    "log_level": 3,
}


@dataclass(frozen=True)
class Filled:
    """Full topics. `load` holds what is true of them; `records` is by topic and partition, from offset 0 on."""

    load: Load
    records: dict[str, dict[int, int]]
    value_bytes: int
    duration_s: float

    @property
    def kind(self) -> Kind:
        """What the events are."""
        return self.load.kind

    @property
    def events(self) -> int:
        """How many there are, repeats included."""
        return sum(count for topic in self.records.values() for count in topic.values())


def fill(bootstrap: str, load: Load) -> Filled:
    """Give a whole load to empty topics of two partitions. Raises BenchmarkFailed."""
    producer = Producer(_PRODUCER | {"bootstrap.servers": bootstrap})
    counts: Counter[tuple[str, int]] = Counter()
    places: dict[bytes, int] = {}
    value_bytes, started_s = 0, time.monotonic()
    for record in load:
        place = places.get(record.key)
        if place is None:
            place = places[record.key] = partition_of(record.key.decode(), PARTITIONS)
        _produce(producer, record, place)
        counts[record.topic, place] += 1
        value_bytes += len(record.value)
    if left := producer.flush(_FLUSH_WITHIN_S):
        raise BenchmarkFailed(f"{left:,} records could not be given to {bootstrap}")
    records = {
        topic: {place: count for (of, place), count in sorted(counts.items()) if of == topic}
        for topic in load.topics
    }
    return Filled(load, records, value_bytes, time.monotonic() - started_s)


def _produce(producer: Producer, record: LoadRecord, place: int) -> None:
    topic, key, value, timestamp_ms = record
    while True:
        try:
            producer.produce(topic, value, key, place, timestamp=timestamp_ms)
        except BufferError:  # the queue is full
            producer.poll(0.05)
        else:
            return
