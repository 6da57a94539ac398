"""A process that publishes a load at a steady rate, or as fast as it can. Records are made before the clock starts."""

import gc
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final, NamedTuple

from confluent_kafka import Producer

from benchmarks.errors import BenchmarkFailed
from benchmarks.fill import PARTITIONS
from benchmarks.load import Kind, Load, LoadRecord
from sandbox.partitioner import partition_of

_TICK_S: Final = 0.01
_FLUSH_WITHIN_S: Final = 60.0
_OLDEST_MS: Final = 3_360_000
_PRODUCER: Final = {
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 500_000,
    "log_level": 3,
}


@dataclass(frozen=True)
class Feed:
    """What is published where. `per_s` None: as fast as it can."""

    bootstrap: str
    kind: Kind
    events: int
    seed: int
    per_s: float | None


class Fed(NamedTuple):
    """What was published, how long that took, and what is true of it."""

    records: int
    duration_s: float
    users: Sequence[str]
    by_workflow: dict[tuple[str, str], tuple[int, ...]]
    by_user: dict[str, tuple[int, ...]]


def serve(pipe: Pipe) -> None:
    """Feed until the pipe closes: `Feed` in, None out when the records are made, None in to start, `Fed` out."""
    while True:
        try:
            feed: Feed = pipe.recv()
        except EOFError:
            return
        # Lines say when they were written, which is just before they are published: the hour that began 56 minutes ago.
        start_ms = time.time_ns() // 1_000_000 - _OLDEST_MS
        load = Load(feed.kind, feed.events, duplicates=0.01, seed=feed.seed, start_ms=start_ms)
        records = list(load)
        places = {record.key: partition_of(record.key.decode(), PARTITIONS) for record in records}
        gc.collect()
        gc.freeze()
        pipe.send(None)
        pipe.recv()
        duration_s = _publish(feed, records, places)
        pipe.send(Fed(len(records), duration_s, load.users(), load.by_workflow(), load.by_user()))
        gc.unfreeze()


def _publish(feed: Feed, records: Sequence[LoadRecord], places: dict[bytes, int]) -> float:
    """Return the seconds until the broker had everything."""
    settings: dict[str, Any] = {**_PRODUCER, "bootstrap.servers": feed.bootstrap}
    producer, started_s, left = Producer(settings), time.monotonic(), iter(records)
    at_once = len(records) if feed.per_s is None else max(1, round(feed.per_s * _TICK_S))
    for tick in itertools.count(1):
        some = list(itertools.islice(left, at_once))
        if not some:
            break
        for record in some:
            _produce(producer, record, places[record.key])
        producer.poll(0)
        if feed.per_s is not None:
            time.sleep(max(0.0, started_s + tick * at_once / feed.per_s - time.monotonic()))
    if producer.flush(_FLUSH_WITHIN_S):
        raise BenchmarkFailed(f"not everything could be given to {feed.bootstrap}")
    return time.monotonic() - started_s


def _produce(producer: Producer, record: LoadRecord, place: int) -> None:
    while True:
        try:
            producer.produce(
                record.topic, record.value, record.key, place, timestamp=time.time_ns() // 1_000_000
            )
        except BufferError:  # the queue is full
            producer.poll(0.05)
        else:
            return
