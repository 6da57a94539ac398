"""Where the Go consumer groups stopped: the first offset of each partition that is not in the Go tables."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from processor.audit.log_range import LogRange, log_ranges
from processor.importing.errors import NotImportable
from processor.settings import ProcessorSettings
from processor.source import Place
from processor.topics import BrokerUnavailable, Topic

_ANSWER_WITHIN_S: Final = 10.0
_STOPPED: Final = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


class Start(NamedTuple):
    """Where a partition goes on, and what its log holds."""

    offset: int
    log: LogRange

    @property
    def left(self) -> int:
        """Records that the Go programs have not read, which the processor will."""
        return max(0, self.log.end - max(self.offset, self.log.low))

    @property
    def lost(self) -> int:
        """Offsets that nobody has read, and that the log does not hold any more."""
        return max(0, self.log.low - self.offset)


def starts(
    admin: AdminClient,
    settings: ProcessorSettings,
    topics: Mapping[str, Topic],
    groups: Mapping[str, str],
) -> dict[Place, Start]:
    """Return where each partition goes on; `groups`: the Go consumer group of a topic.

    A topic that no Go program counts goes on where its log begins. Raises NotImportable where a group has not read a
    partition that has records. Raises BrokerUnavailable.
    """
    committed: dict[Place, int] = {}
    for topic, group in groups.items():
        committed |= _committed(admin, group, topics[topic])
    places = [(one.name, number) for one in topics.values() for number in range(one.partitions)]
    logs = log_ranges(admin, settings, {place: committed.get(place, 0) for place in places})
    return {place: _start(place, groups.get(place[0]), committed.get(place), logs[place]) for place in places}


def at_work(admin: AdminClient, groups: Iterable[str]) -> list[str]:
    """Return the consumer groups that have members, or may have. Raises BrokerUnavailable."""
    names = list(groups)
    found = admin.describe_consumer_groups(names, request_timeout=_ANSWER_WITHIN_S)
    return [name for name in names if _answer(found[name]).state not in _STOPPED]


def _committed(admin: AdminClient, group: str, topic: Topic) -> dict[Place, int]:
    asked = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    request = [ConsumerGroupTopicPartitions(group, asked)]
    found = _answer(
        admin.list_consumer_group_offsets(request, request_timeout=_ANSWER_WITHIN_S)[group]
    ).topic_partitions
    return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}


def _start(place: Place, group: str | None, committed: int | None, log: LogRange) -> Start:
    topic, number = place
    if group is None:
        return Start(log.low, log)
    if committed is None:
        if log.end > 0:
            raise NotImportable(
                f"consumer group {group} has committed no offset of {topic}/{number}, which has records: is that the name "
                "of the Go program's group (its KAFKA_CONSUMER_GROUP)? Offsets of a group without members are forgotten "
                "after offsets.retention.minutes"
            )
        return Start(0, log)
    if committed > log.end:
        raise NotImportable(
            f"consumer group {group} has read {topic}/{number} up to {committed}, but its log ends at {log.end}: it is "
            "another log, or it was cut"
        )
    return Start(committed, log)


def _answer(future: Any) -> Any:
    try:
        return future.result()
    except KafkaException as error:
        raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
