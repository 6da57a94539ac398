"""The limit that C sets: librdkafka alone reads the topic, and Python counts the records.

The consumer is a process of its own (`python -m benchmarks.limit`), so that its CPU and memory are its own.
"""

import os
import sys
from typing import ClassVar, Final

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.errors import BenchmarkFailed
from benchmarks.measurement import Measurement, Role, measured
from benchmarks.meter import Meter, Reading, peak_rss_mb
from benchmarks.setting import Setting
from sandbox.processes import ChildProcess

AT_ONCE: Final = 1_000
_WITHIN_S: Final = 300.0
_SILENT_S: Final = 20.0


class Drain(msgspec.Struct, frozen=True):
    """What the child is asked: to read `records` (by partition) of a topic from offset 0."""

    bootstrap: str
    topic: str
    records: dict[int, int]
    broker: int


class Drained(msgspec.Struct, frozen=True):
    """What the child answers, in one line."""

    started: Reading
    assigned: Reading
    finished: Reading
    peak_rss_mb: float


class Limit:
    """The contender that does nothing with the records."""

    key = "limit"
    name = "librdkafka alone (C limit)"
    role: ClassVar[Role] = "limit"

    def run(self, setting: Setting) -> Measurement:
        """Measure once. Raises BenchmarkFailed, NotReady."""
        filled = setting.filled
        asked = Drain(setting.broker.address, filled.topic, filled.records, setting.broker.pid)
        log = setting.new_directory() / "limit.log"
        command = [sys.executable, "-m", "benchmarks.limit", msgspec.json.encode(asked).decode()]
        child = ChildProcess("limit", command, log)
        try:
            if child.wait(_WITHIN_S) != 0:
                raise BenchmarkFailed(f"the consumer failed\n{child.last_words()}")
        finally:
            child.kill()
        drained = msgspec.json.decode(log.read_bytes().splitlines()[-1], type=Drained)
        return measured(
            self,
            filled,
            (drained.started, drained.assigned, drained.finished),
            client_peak_rss_mb=drained.peak_rss_mb,
        )


def drain(asked: Drain) -> Drained:
    """Read everything. Raises BenchmarkFailed when the topic goes silent before its end."""
    meter = Meter(clients=(os.getpid(),), brokers=(asked.broker,))
    started = meter.read()
    consumer = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            "group.id": "limit",  # required, though nothing is committed and no group is joined
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition(asked.topic, number, 0) for number in asked.records])
    assigned = meter.read()
    left = sum(asked.records.values())
    while left > 0:
        messages = consumer.consume(AT_ONCE, _SILENT_S)
        if not messages:
            raise BenchmarkFailed(f"nothing came for {_SILENT_S:g} s with {left:,} records to go")
        left -= len(messages)
    finished = meter.read()
    _require_the_end(consumer, asked)
    consumer.close()
    return Drained(started, assigned, finished, peak_rss_mb([os.getpid()]))


def _require_the_end(consumer: Consumer, asked: Drain) -> None:
    """Errors come as messages and were counted as records: the positions tell."""
    places = [TopicPartition(asked.topic, number) for number in asked.records]
    positions = {one.partition: one.offset for one in consumer.position(places)}
    if positions != asked.records:
        raise BenchmarkFailed(f"read up to {positions} of {asked.topic}, which has {asked.records}")


if __name__ == "__main__":
    print(msgspec.json.encode(drain(msgspec.json.decode(sys.argv[1], type=Drain))).decode())
