"""Filling a topic once, for every contender to read."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from benchmarks.errors import BenchmarkFailed
from sandbox.generate.flood import TOPICS, Flood, Kind
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
    """A full topic. `flood` holds what is true of it; `records` is by partition, from offset 0 on."""

    flood: Flood
    records: dict[int, int]
    value_bytes: int
    duration_s: float

    @property
    def kind(self) -> Kind:
        """What the events are."""
        return self.flood.kind

    @property
    def topic(self) -> str:
        """Where they are."""
        return TOPICS[self.flood.kind]

    @property
    def events(self) -> int:
        """How many there are, repeats included."""
        return self.flood.totals.records


def fill(bootstrap: str, flood: Flood) -> Filled:
    """Give a whole flood to an empty topic of two partitions. Raises BenchmarkFailed."""
    producer, topic = Producer(_PRODUCER | {"bootstrap.servers": bootstrap}), TOPICS[flood.kind]
    records: Counter[int] = Counter()
    places: dict[bytes, int] = {}
    value_bytes, started_s = 0, time.monotonic()
    for key, value, timestamp_ms in flood:
        place = places.get(key)
        if place is None:
            place = places[key] = partition_of(key.decode(), PARTITIONS)
        _produce(producer, topic, value, key, place, timestamp_ms)
        records[place] += 1
        value_bytes += len(value)
    if left := producer.flush(_FLUSH_WITHIN_S):
        raise BenchmarkFailed(f"{left:,} records could not be given to {topic} on {bootstrap}")
    return Filled(flood, dict(records), value_bytes, time.monotonic() - started_s)


def _produce(producer: Producer, topic: str, value: bytes, key: bytes, place: int, timestamp_ms: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, place, timestamp=timestamp_ms)
        except BufferError:  # the queue is full
            producer.poll(0.05)
        else:
            return
