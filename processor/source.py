"""The Kafka consumer. It hands out records; where to begin and what was counted is decided elsewhere.

Nothing happens inside the callbacks of a rebalance but taking notes: the binding assigns partitions by itself,
from offsets that are not ours, when a callback raises. A partition is read only after `read()`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.assignment import Place as Place
from processor.assignment import assignment_for
from processor.decode.events import RecordLike
from processor.decode.gather import TOPICS
from processor.kafka import consumer_config
from processor.model import Checkpoint
from processor.settings import ProcessorSettings
from processor.stranded import reaches_a_broker

AT_ONCE: Final = 4_000
"""The most records of one poll, which are decoded together: with fewer, the calls of numpy cost more than the work."""

_log = structlog.get_logger(__name__)


def at_once(batch_records: int) -> int:
    """Return the most records of one poll where a batch may have so many."""
    return min(AT_ONCE, batch_records)


@dataclass
class Polled:
    """What one poll brought. `lost` partitions are to be forgotten before `gained` ones are begun."""

    records: dict[Place, list[RecordLike]] = field(default_factory=lambda: defaultdict(list))
    lost: list[Place] = field(default_factory=list)
    gained: list[Place] = field(default_factory=list)
    out_of_range: dict[Place, int] = field(default_factory=dict)  # → the offset that is not in the log


class Source:
    """Records of the partitions that this member of the consumer group reads. For one thread.

    `reaches_a_broker`: as the last statistics say, for any thread.
    """

    def __init__(self, settings: ProcessorSettings) -> None:
        self.reaches_a_broker = True
        self._consumer = Consumer(
            consumer_config(settings) | {"on_commit": _note_commit, "stats_cb": self._note_statistics}
        )
        self._at_once = at_once(settings.processor_max_batch_records)
        self._assignment = assignment_for(self._consumer, settings.kafka_assignment_strategy)
        self._polled = Polled()
        self._failure: BaseException | None = None
        self._consumer.subscribe(
            list(TOPICS), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def poll(self, wait_s: float) -> Polled:
        """Return what has arrived; wait for something to arrive at most `wait_s`."""
        message = self._consumer.poll(wait_s)
        messages = [] if message is None else [message, *self._consumer.consume(self._at_once - 1, 0)]
        if self._failure is not None:
            raise self._failure
        if any(map(Message.error, messages)):
            for one in messages:
                if one.error() is not None:
                    self._note(one)
            messages = [one for one in messages if one.error() is None]
        for place, run in _runs(messages):
            self._polled.records[place] += run
        polled, self._polled = self._polled, Polled()
        return polled

    def read(self, place: Place, checkpoint: Checkpoint) -> None:
        """Begin, or begin again, to read a partition at a checkpoint."""
        self.leave(place)
        start = TopicPartition(*place, checkpoint.next_offset)
        if checkpoint.leader_epoch >= 0:  # the broker then notices that the log was cut
            start = TopicPartition(*place, checkpoint.next_offset, leader_epoch=checkpoint.leader_epoch)
        self._assignment.add(start)
        self.resume(place)  # the consumer remembers a pause of a partition beyond its assignment

    def leave(self, place: Place) -> None:
        """Read a partition no more; nothing happens when it is not read."""
        self._assignment.remove(place)

    def pause(self, place: Place) -> None:
        """Fetch no more of a partition for now."""
        self._consumer.pause([TopicPartition(*place)])

    def resume(self, place: Place) -> None:
        """Go on with a partition that was paused."""
        self._consumer.resume([TopicPartition(*place)])

    def known_end(self, place: Place) -> int:
        """Return the end of a partition as the last fetch saw it; -1 when it saw none yet."""
        try:
            return int(self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1])
        except KafkaException:
            return -1

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Tell the group how far it is. Only monitors of lag read that, so a failure does not matter."""
        try:
            self._consumer.commit(
                offsets=[TopicPartition(*place, offset) for place, offset in offsets.items()],
                asynchronous=True,
            )
        except KafkaException as error:
            _note_commit(error.args[0], [])

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _note_statistics(self, statistics: str) -> None:
        self.reaches_a_broker = reaches_a_broker(statistics)

    def _note(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        topic, number = message.topic(), message.partition()
        if error.code() == KafkaError._AUTO_OFFSET_RESET and topic is not None and number is not None:
            self._polled.out_of_range[topic, number] = message.offset() or 0
        elif error.fatal():
            raise KafkaException(error)
        else:
            _log.warning("kafka_error", error=error.str(), topic=topic, partition=number)

    def _on_assign(self, consumer: Consumer, partitions: Iterable[TopicPartition]) -> None:
        try:
            self._polled.gained += [(one.topic, one.partition) for one in partitions]
            self._assignment.accept(consumer)  # ours come with read()
        except BaseException as error:  # noqa: BLE001 -- see the head of this file: raised by poll()
            self._failure = error

    def _on_revoke(self, consumer: Consumer, partitions: Iterable[TopicPartition]) -> None:
        try:
            places = [(one.topic, one.partition) for one in partitions]
            self._assignment.give_up(consumer, places)
            self._polled.lost += places
            self._polled.gained = [place for place in self._polled.gained if place not in places]
            for place in places:
                self._polled.records.pop(place, None)
        except BaseException as error:  # noqa: BLE001 -- see the head of this file: raised by poll()
            self._failure = error


def _runs(messages: list[Message]) -> Iterator[tuple[Place, list[RecordLike]]]:
    """Yield consecutive records of the same partition together."""
    topics, partitions = list(map(Message.topic, messages)), list(map(Message.partition, messages))
    places: Iterable[object] = partitions
    if topics.count(topics[0] if topics else None) != len(topics):  # else pairs would be made in vain
        places = zip(topics, partitions, strict=True)
    start = 0
    for _, same in groupby(places):
        end = start + len(list(same))
        yield (topics[start], partitions[start]), messages[start:end]  # type: ignore[misc] # its stubs say optional
        start = end


def _note_commit(error: KafkaError | None, _: list[TopicPartition]) -> None:
    if error is not None:
        _log.debug("commit_failed", error=error.str())
