"""Parking of malformed records in the topic `analytics.dead_letter`, before the checkpoint passes them.

A parked record keeps key, value and headers; ours say where it came from and why it is here. It may be parked
again when its batch is applied again: its origin is the same then.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from analytics.errors import Retryable, TooManyMalformed
from processor import metrics
from processor.decode.events import Rejected
from processor.model import Partition

TOPIC: Final = "analytics.dead_letter"
HEADER_PREFIX: Final = "dead_letter."
_PARK_WITHIN_S: Final = 30.0
_WINDOW: Final = 10_000
_FEWEST: Final = 100
_LARGEST_SHARE: Final = 0.1


class ParkingFailed(Retryable):
    """The dead-letter topic did not take a record."""


class DeadLetters:
    """Parks records, of one batch at a time: a flush waits for everything that was sent. For all threads."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._lock = threading.Lock()

    def park(self, partition: Partition, topic_id: UUID, rejected: Sequence[Rejected]) -> None:
        """Return when the topic has all records. Raises ParkingFailed."""
        failures: list[KafkaError] = []
        too_large: list[Rejected] = []
        with self._lock:
            for one in rejected:
                self._send(partition, topic_id, one, failures, too_large)
            self._await(failures)
            for one in too_large:
                self._send(partition, topic_id, one, failures, None)
            self._await(failures)
        for one in rejected:
            metrics.DEAD_LETTERS.labels(partition.topic, one.reason).inc()

    def _send(
        self,
        partition: Partition,
        topic_id: UUID,
        one: Rejected,
        failures: list[KafkaError],
        too_large: list[Rejected] | None,
    ) -> None:
        """Send a record; without a list for those that are too large, send it without its value."""
        record = one.record
        headers: list[tuple[str, str | bytes | None]] = [
            *(record.headers() or []),
            *_origin(partition, topic_id, one),
        ]
        value = record.value()
        if too_large is None:
            headers.append((f"{HEADER_PREFIX}value_bytes", str(len(value or b"")).encode()))
            value = None

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                return
            if too_large is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                too_large.append(one)
            else:
                failures.append(error)

        try:
            self._producer.produce(
                TOPIC, value=value, key=record.key(), headers=headers, on_delivery=delivered
            )
        except BufferError:
            self._await(failures)
            self._producer.produce(
                TOPIC, value=value, key=record.key(), headers=headers, on_delivery=delivered
            )
        except KafkaException as error:
            delivered(error.args[0], None)  # type: ignore[arg-type] # it does not look at the message

    def _await(self, failures: list[KafkaError]) -> None:
        left = self._producer.flush(_PARK_WITHIN_S)
        if left or failures:
            why = failures[0].str() if failures else f"{left} records are not acknowledged yet"
            raise ParkingFailed(f"topic {TOPIC} does not take records: {why}")


class MalformedShare:
    """Counts malformed among the last 10,000 records or so; in bulk they mean that a deployment is wrong."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, int]] = deque()
        self._records = self._malformed = 0

    def note(self, records: int, malformed: int) -> None:
        """Raise TooManyMalformed when at least 100 and more than a tenth of the last 10,000 were malformed."""
        self._batches.append((records, malformed))
        self._records += records
        self._malformed += malformed
        while self._batches and self._records - self._batches[0][0] >= _WINDOW:
            old_records, old_malformed = self._batches.popleft()
            self._records -= old_records
            self._malformed -= old_malformed
        if self._malformed >= _FEWEST and self._malformed > _LARGEST_SHARE * self._records:
            raise TooManyMalformed(
                f"{self._malformed} of the last {self._records} records are malformed: that is a deployment error, "
                "not bad records. None of them is lost: mend the producer, or this program, and start it again"
            )


def _origin(partition: Partition, topic_id: UUID, one: Rejected) -> list[tuple[str, bytes]]:
    fields = {
        "reason": one.reason,
        "topic": partition.topic,
        "topic_id": str(topic_id),
        "partition": str(partition.number),
        "offset": str(one.record.offset()),
        "timestamp_ms": str(one.record.timestamp()[1]),
    }
    return [(HEADER_PREFIX + name, value.encode()) for name, value in fields.items()]
