"""Playing corpus records into the topics: key, value, headers, timestamp and order within a key are kept."""

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from sandbox.errors import NotDelivered
from sandbox.partitioner import partition_of
from sandbox.records import Playable, Progress, read_corpus

_ANSWER_WITHIN_S: Final = 5.0
_DELIVER_WITHIN_S: Final = 60.0
_SHOWN_ERRORS: Final = 5
_TICK_S: Final = 0.05
"""What is due meanwhile is sent together: to wake up for every record costs more than to send it."""


@dataclass
class PlayReport:
    """What became of the records. `errors` are the first few reasons why some were not delivered."""

    delivered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every record was delivered."""
        return not self.failed

    def note(self, error: KafkaError | None, message: Message) -> None:
        """Count one delivery report."""
        topic = message.topic() or ""
        if error is None:
            self.delivered[topic] += 1
            return
        self.failed[topic] += 1
        if len(self.errors) < _SHOWN_ERRORS:
            self.errors.append(f"{topic}: {error.str()}")

    def __str__(self) -> str:
        counts = ", ".join(f"{topic} {count:,}" for topic, count in sorted(self.delivered.items()))
        text = f"played {self.delivered.total():,} records in {self.duration_s:.1f} s ({counts})"
        if self.failed:
            text += f"; {self.failed.total():,} were not delivered: " + "; ".join(self.errors)
        return text


def play(
    path: Path,
    bootstrap: str,
    *,
    rate: float | None = None,
    speed: float | None = None,
    progress: Progress | None = None,
) -> PlayReport:
    """Play a corpus file; see `play_records`. Raises UnreadableCorpus, NotDelivered.

    `progress` gets the position in the file in bytes.
    """
    return play_records(read_corpus(path, progress), bootstrap, rate=rate, speed=speed)


def play_records(
    records: Iterable[Playable], bootstrap: str, *, rate: float | None = None, speed: float | None = None
) -> PlayReport:
    """Play records into existing topics and return when every delivery is reported. Raises NotDelivered.

    `rate` is the most records a second; `speed` is how many seconds of record timestamps pass in a second.
    """
    partitions = _partitions(bootstrap)
    producer, report, pace = _producer(bootstrap), PlayReport(), _Pace(rate, speed)
    started = time.monotonic()
    try:
        for record in records:
            pace.wait(record.timestamp_ms, producer)
            _produce(producer, record, partitions, report)
    finally:
        producer.flush(_DELIVER_WITHIN_S + _ANSWER_WITHIN_S)
    report.duration_s = time.monotonic() - started
    return report


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,  # neither lost, nor doubled, nor out of order, whatever is sent again
            "linger.ms": 5,
            "delivery.timeout.ms": int(_DELIVER_WITHIN_S * 1000),
            "queue.buffering.max.kbytes": 65_536,
            "log_level": 3,
        }
    )


def _partitions(bootstrap: str) -> dict[str, int]:
    """Return the number of partitions of each topic that exists; asking by name could create one."""
    try:
        topics = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3}).list_topics(
            timeout=_ANSWER_WITHIN_S
        )
    except KafkaException as error:
        raise NotDelivered(f"no broker answers on {bootstrap}: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in topics.topics.items()}


def _produce(producer: Producer, record: Playable, partitions: dict[str, int], report: PlayReport) -> None:
    if record.topic not in partitions:
        raise NotDelivered(f"topic {record.topic} does not exist: create it, then play again")
    while True:
        try:
            producer.produce(
                record.topic,
                value=record.value_bytes,
                key=None if record.key is None else record.key.encode(),
                partition=partition_of(record.partition_key, partitions[record.topic]),
                timestamp=record.timestamp_ms,
                headers=list(record.headers) or None,
                on_delivery=report.note,
            )
            producer.poll(0)
        except BufferError:  # the queue is full
            producer.poll(0.1)
        else:
            return


class _Pace:
    """When the next record may be sent: never early, at most a tick late.

    Timestamps need not be in order: one in the past is due at once.
    """

    def __init__(self, rate: float | None, speed: float | None) -> None:
        self._rate, self._speed = rate, speed
        self._started = time.monotonic()
        self._sent = 0
        self._first_ms: int | None = None

    def wait(self, timestamp_ms: int, producer: Producer) -> None:
        due_s = self._sent / self._rate if self._rate else 0.0
        if self._first_ms is None:
            self._first_ms = timestamp_ms
        if self._speed:
            due_s = max(due_s, (timestamp_ms - self._first_ms) / 1000 / self._speed)
        self._sent += 1
        at = self._started + math.ceil(due_s / _TICK_S) * _TICK_S
        while (left_s := at - time.monotonic()) > 0:
            producer.poll(min(left_s, 0.5))  # serves the delivery reports meanwhile
