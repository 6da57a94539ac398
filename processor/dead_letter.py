"""Parking of malformed records in the topic `analytics.dead_letter`, before the checkpoint passes them.

A parked record keeps key, value and headers; ours say where it came from and why it is here. It may be parked
again when its batch is applied again: its origin is the same then.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from analytics.errors import Retryable, TooManyMalformed
from processor import metrics
from processor.decode.events import Rejected
from processor.model import Partition
from processor.settings import LARGEST_MALFORMED_SHARE

TOPIC: Final = "analytics.dead_letter"
HEADER_PREFIX: Final = "dead_letter."
_PARK_WITHIN_S: Final = 30.0
_WINDOW: Final = 10_000
_FEWEST: Final = 100

_Headers = list[tuple[str, bytes | None]]
_Delivered = Callable[[KafkaError | None, Message | None], None]


class ParkingFailed(Retryable):
    """The dead-letter topic did not take a record."""


class DeadLetters:
    """Parks records, of one batch at a time: a flush waits for everything that was sent. For all threads."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._lock = threading.Lock()

    def park(self, partition: Partition, topic_id: UUID, rejected: Sequence[Rejected]) -> None:
        """Return when the topic has all records, each as complete as it takes it. Raises ParkingFailed."""
        letters = [_Letter(one, _origin(partition, topic_id, one)) for one in rejected]
        with self._lock:
            letters = self._send(letters, _Letter.whole)
            for form in (_Letter.whole, _Letter.without_value, _Letter.origin_only):
                # One by one: small ones, too, are refused when they are sent together with a large one.
                letters = [one for one in letters if self._send([one], form)]
        if letters:
            raise ParkingFailed(f"topic {TOPIC} does not take records: not even their origin is small enough")
        for one in rejected:
            metrics.DEAD_LETTERS.labels(partition.topic, one.reason).inc()

    def _send(self, letters: "Sequence[_Letter]", form: "Callable[[_Letter], _Content]") -> "list[_Letter]":
        """Send records in some form; return those that are too large. Raises ParkingFailed for any other reason."""
        failures: list[KafkaError] = []
        too_large: list[_Letter] = []
        for letter in letters:

            def delivered(error: KafkaError | None, _: Message | None, letter: _Letter = letter) -> None:
                if error is None:
                    return
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    too_large.append(letter)
                else:
                    failures.append(error)

            self._produce(form(letter), delivered, failures)
        self._await(failures)
        return too_large

    def _produce(self, content: "_Content", delivered: _Delivered, failures: list[KafkaError]) -> None:
        try:
            self._producer.produce(TOPIC, **content._asdict(), on_delivery=delivered)
        except BufferError:
            self._await(failures)
            self._producer.produce(TOPIC, **content._asdict(), on_delivery=delivered)
        except KafkaException as error:
            delivered(error.args[0], None)

    def _await(self, failures: list[KafkaError]) -> None:
        left = self._producer.flush(_PARK_WITHIN_S)
        if left or failures:
            why = failures[0].str() if failures else f"{left} records are not acknowledged yet"
            raise ParkingFailed(f"topic {TOPIC} does not take records: {why}")


class _Content(NamedTuple):
    """What is parked of a record."""

    value: bytes | None
    key: bytes | None
    headers: _Headers


class _Letter(NamedTuple):
    """A malformed record with our headers, in the forms in which it can be parked."""

    rejected: Rejected
    origin: _Headers

    def whole(self) -> _Content:
        record = self.rejected.record
        return _Content(record.value(), record.key(), [*(record.headers() or []), *self.origin])

    def without_value(self) -> _Content:
        whole = self.whole()
        return whole._replace(value=None, headers=[*whole.headers, self._size])

    def origin_only(self) -> _Content:
        """Without key and headers, too: they may be what is large."""
        return _Content(None, None, [*self.origin, self._size])

    @property
    def _size(self) -> tuple[str, bytes]:
        return f"{HEADER_PREFIX}value_bytes", str(len(self.rejected.record.value() or b"")).encode()


class MalformedShare:
    """Counts malformed among the last 10,000 records or so; in bulk they mean that a deployment is wrong."""

    def __init__(self, largest: float = LARGEST_MALFORMED_SHARE) -> None:
        self._largest = largest
        self._batches: deque[tuple[int, int]] = deque()
        self._records = self._malformed = 0

    def note(self, records: int, malformed: int) -> None:
        """Raise TooManyMalformed when at least 100 and more than the largest share of the last 10,000 were malformed."""
        self._batches.append((records, malformed))
        self._records += records
        self._malformed += malformed
        while self._batches and self._records - self._batches[0][0] >= _WINDOW:
            old_records, old_malformed = self._batches.popleft()
            self._records -= old_records
            self._malformed -= old_malformed
        if self._malformed >= _FEWEST and self._malformed > self._largest * self._records:
            raise TooManyMalformed(
                f"{self._malformed} of the last {self._records} records are malformed: that is a deployment error, "
                "not bad records. None of them is lost: mend the producer, or this program, and start it again. If the "
                "records themselves are beyond mending, PROCESSOR_MAX_MALFORMED_SHARE=1 parks them all and goes on"
            )


def _origin(partition: Partition, topic_id: UUID, one: Rejected) -> _Headers:
    fields = {
        "reason": one.reason,
        "topic": partition.topic,
        "topic_id": str(topic_id),
        "partition": str(partition.number),
        "offset": str(one.record.offset()),
        "timestamp_ms": str(one.record.timestamp()[1]),
    }
    return [(HEADER_PREFIX + name, value.encode()) for name, value in fields.items()]
