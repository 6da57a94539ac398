"""Reading the dead-letter topic: which records are parked there, each known by where it came from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, cast
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.dead_letter import HEADER_PREFIX, TOPIC
from processor.decode.gather import TOPICS
from processor.kafka import consumer_config
from processor.settings import ProcessorSettings
from processor.topics import BrokerUnavailable

_AT_ONCE: Final = 500
_SILENT_S: Final = 20.0

Headers = list[tuple[str, bytes | None]]


class Origin(NamedTuple):
    """Where a record lay when it was found to be malformed."""

    topic: str
    topic_id: UUID
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def exactly(self) -> str:
        """The origin in words that no other topic of the same name shares."""
        return f"{self.topic_id}/{self.partition}@{self.offset}"


class ParkedRecord(NamedTuple):
    """One record of the dead-letter topic. `dropped_bytes`: the size of a value that was too large to be parked."""

    origin: Origin
    reason: str
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers  # those that it had before
    dropped_bytes: int | None
    place: tuple[int, int]  # partition and offset in the dead-letter topic


@dataclass
class Parked:
    """What is known of a malformed record, however often it was parked. `place`: its best copy."""

    origin: Origin
    reason: str
    time_ms: int
    value_bytes: int
    is_dropped: bool
    place: tuple[int, int]
    deliveries: int = 1

    @classmethod
    def of(cls, record: ParkedRecord) -> Self:
        """Return what one copy tells."""
        dropped = record.dropped_bytes
        size = len(record.value or b"") if dropped is None else dropped
        return cls(record.origin, record.reason, record.time_ms, size, dropped is not None, record.place)


def fold(records: Iterable[ParkedRecord]) -> dict[Origin, Parked]:
    """Return one entry an origin, in the order of the log; a copy with its value is better than one without. Pure."""
    folded: dict[Origin, Parked] = {}
    for record in records:
        before, copy = folded.get(record.origin), Parked.of(record)
        if before is not None:
            copy.deliveries += before.deliveries
            if copy.is_dropped or not before.is_dropped:
                before.deliveries, copy = copy.deliveries, before
        folded[record.origin] = copy
    return dict(sorted(folded.items(), key=lambda item: (item[0].topic, item[0].partition, item[0].offset)))


def as_parked(message: Message) -> ParkedRecord | None:
    """Return a record of the dead-letter topic; None for one that no processor has parked."""
    ours: dict[str, bytes] = {}
    headers: Headers = []
    for name, value in cast("Headers", message.headers() or []):
        if name.startswith(HEADER_PREFIX):
            ours[name.removeprefix(HEADER_PREFIX)] = value or b""
        else:
            headers.append((name, value))
    try:
        origin = Origin(
            ours["topic"].decode(),
            UUID(ours["topic_id"].decode()),
            int(ours["partition"]),
            int(ours["offset"]),
        )
        dropped = int(ours["value_bytes"]) if "value_bytes" in ours and message.value() is None else None
        reason, time_ms = ours["reason"].decode(), int(ours["timestamp_ms"])
    except (KeyError, ValueError):
        return None
    if origin.topic not in TOPICS:
        return None
    place = message.partition() or 0, message.offset() or 0
    return ParkedRecord(origin, reason, time_ms, message.key(), message.value(), headers, dropped, place)


class ParkedReader:
    """Reads the whole dead-letter topic, as often as it is asked to. Raises BrokerUnavailable."""

    def __init__(self, settings: ProcessorSettings) -> None:
        config = consumer_config(settings) | {"enable.partition.eof": True, "log_level": 0}
        self._consumer = Consumer(config)  # it joins no group: partitions are assigned by hand
        self.strangers = 0

    def read(self, note: Callable[[int], None] = lambda _: None) -> Iterator[ParkedRecord]:
        """Yield every record; `note` is told how many messages were read. Repeats are not folded."""
        self.strangers, count, reading = 0, 0, set(self._partitions())
        self._consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in reading])
        while reading:
            first = self._consumer.poll(_SILENT_S)
            if first is None:
                raise BrokerUnavailable(f"topic {TOPIC}: the broker sends nothing")
            for message in (first, *self._consumer.consume(_AT_ONCE - 1, 0)):
                if (error := message.error()) is not None:
                    _require_end(error)
                    reading.discard(message.partition() or 0)
                    continue
                count += 1
                if (record := as_parked(message)) is None:
                    self.strangers += 1
                else:
                    yield record
            note(count)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _partitions(self) -> list[int]:
        try:
            topics = self._consumer.list_topics(timeout=_SILENT_S).topics
        except KafkaException as error:
            raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
        return list(topics[TOPIC].partitions) if TOPIC in topics else []


def _require_end(error: KafkaError) -> None:
    if error.code() != KafkaError._PARTITION_EOF:
        raise BrokerUnavailable(f"topic {TOPIC}: {error.str()}")
