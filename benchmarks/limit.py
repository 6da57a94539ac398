"""The limit that C sets: librdkafka alone reads the topics, and Python counts the records.

The consumer is a process of its own (`python -m benchmarks.limit`), so that its CPU and memory are its own.
"""

import os
import sys
from typing import Final

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.errors import BenchmarkFailed
from benchmarks.figures import Values
from benchmarks.measurement import Readings, values_of
from benchmarks.meter import Meter, Reading, peak_rss_mb
from benchmarks.setting import Setting
from sandbox.processes import ChildProcess

AT_ONCE: Final = 1_000
_WITHIN_S: Final = 300.0
_SILENT_S: Final = 20.0


class Drain(msgspec.Struct, frozen=True):
    """What the child is asked: to read `records` (by topic and partition) from offset 0."""

    bootstrap: str
    records: dict[str, dict[int, int]]
    broker: int


class Drained(msgspec.Struct, frozen=True):
    """What the child answers, in one line."""

    assigned: Reading
    finished: Reading
    peak_rss_mb: float


class Limit:
    """The contender that does nothing with the records."""

    key = "limit"

    def run(self, setting: Setting) -> Values:
        """Measure once. Raises BenchmarkFailed, NotReady."""
        filled = setting.filled
        asked = Drain(setting.broker.address, filled.records, setting.broker.pid)
        log = setting.new_directory() / "limit.log"
        command = [sys.executable, "-m", "benchmarks.limit", msgspec.json.encode(asked).decode()]
        child = ChildProcess("limit", command, log)
        try:
            if child.wait(_WITHIN_S) != 0:
                raise BenchmarkFailed(f"the consumer failed\n{child.last_words()}")
        finally:
            child.kill()
        drained = msgspec.json.decode(log.read_bytes().splitlines()[-1], type=Drained)
        readings = Readings(drained.assigned, drained.finished, drained.finished)
        return values_of(filled, readings, client_mb=drained.peak_rss_mb)


def drain(asked: Drain) -> Drained:
    """Read everything. Raises BenchmarkFailed when the topic goes silent before its end."""
    meter = Meter(clients=(os.getpid(),), brokers=(asked.broker,))
    consumer = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            "group.id": "limit",  # required, though nothing is committed and no group is joined
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for topic, number in _places(asked)])
    assigned = meter.read()
    left = sum(_places(asked).values())
    while left > 0:
        messages = consumer.consume(AT_ONCE, _SILENT_S)
        if not messages:
            raise BenchmarkFailed(f"nothing came for {_SILENT_S:g} s with {left:,} records to go")
        left -= len(messages)
    finished = meter.read()
    _require_the_end(consumer, asked)
    consumer.close()
    return Drained(assigned, finished, peak_rss_mb([os.getpid()]))


def _require_the_end(consumer: Consumer, asked: Drain) -> None:
    """Errors come as messages and were counted as records: the positions tell."""
    places = [TopicPartition(topic, number) for topic, number in _places(asked)]
    positions = {(one.topic, one.partition): one.offset for one in consumer.position(places)}
    if positions != _places(asked):
        raise BenchmarkFailed(f"read up to {positions} of {asked.records}")


def _places(asked: Drain) -> dict[tuple[str, int], int]:
    """Return how many records each partition has."""
    return {
        (topic, number): count
        for topic, partitions in asked.records.items()
        for number, count in partitions.items()
    }


if __name__ == "__main__":
    print(msgspec.json.encode(drain(msgspec.json.decode(sys.argv[1], type=Drain))).decode())
