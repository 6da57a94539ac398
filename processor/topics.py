"""What the broker says of the topics: which log they are, how many partitions they have, where the log begins and ends."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import (
    ConfigResource,  # `admin` has both, but hides them from type checkers
)
from confluent_kafka.admin._listoffsets import OffsetSpec

from analytics.errors import LogMismatch, Retryable
from processor.decode.gather import TOPICS

_ANSWER_WITHIN_S: Final = 10.0
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class BrokerUnavailable(Retryable):
    """No broker answers, or it does not have the topics yet."""


class Topic(NamedTuple):
    """A topic as the broker has it now."""

    name: str
    cluster_id: str
    topic_id: UUID
    partitions: int


def describe_topics(admin: AdminClient) -> dict[str, Topic]:
    """Return what the broker has. Raises BrokerUnavailable, and LogMismatch for a compacted topic."""
    try:
        cluster = admin.list_topics(timeout=_ANSWER_WITHIN_S)
        missing = [name for name in TOPICS if name not in cluster.topics]
        if missing:  # asking for them by name could create them
            raise BrokerUnavailable(f"topics that do not exist (yet): {', '.join(missing)}")
        described = admin.describe_topics(TopicCollection(list(TOPICS)), request_timeout=_ANSWER_WITHIN_S)
        found = {name: future.result() for name, future in described.items()}
        _refuse_compacted(admin)
    except KafkaException as error:
        raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
    return {
        name: Topic(name, str(cluster.cluster_id), _uuid(one.topic_id), len(one.partitions))
        for name, one in found.items()
    }


def describe_topic(admin: AdminClient, cluster_id: str, name: str) -> Topic:
    """Return what the broker has of one topic, by one short request (0.4 ms). Raises BrokerUnavailable."""
    try:
        described = admin.describe_topics(TopicCollection([name]), request_timeout=_ANSWER_WITHIN_S)
        one = described[name].result()
    except KafkaException as error:
        raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
    return Topic(name, cluster_id, _uuid(one.topic_id), len(one.partitions))


def low_watermark(admin: AdminClient, topic: str, number: int) -> int:
    """Return the lowest offset that the log still holds. Raises BrokerUnavailable."""
    return _offsets(admin, {(topic, number): _EARLIEST})[topic, number]


def end_offsets(admin: AdminClient, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the offsets behind the newest records. Raises BrokerUnavailable."""
    return _offsets(admin, dict.fromkeys(partitions, _LATEST))


def leader_epoch(admin: AdminClient, topic: str, number: int) -> int:
    """Return the epoch in which the log is written now; -1 where the broker has none. Raises BrokerUnavailable."""
    epoch = _list_offsets(admin, {(topic, number): _LATEST})[topic, number].leader_epoch
    return -1 if epoch is None else int(epoch)


def _refuse_compacted(admin: AdminClient) -> None:
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in TOPICS]
    for resource, future in admin.describe_configs(resources, request_timeout=_ANSWER_WITHIN_S).items():
        policy = future.result().get("cleanup.policy")
        if policy is not None and "compact" in (policy.value or ""):
            raise LogMismatch(
                f"topic {resource.name} is compacted: events that somebody may not have counted yet disappear "
                "from it. Set its cleanup.policy to delete"
            )


def _offsets(admin: AdminClient, asked: Mapping[tuple[str, int], OffsetSpec]) -> dict[tuple[str, int], int]:
    return {place: int(found.offset) for place, found in _list_offsets(admin, asked).items()}


def _list_offsets(
    admin: AdminClient, asked: Mapping[tuple[str, int], OffsetSpec]
) -> dict[tuple[str, int], Any]:
    request = {TopicPartition(topic, number): spec for (topic, number), spec in asked.items()}
    try:
        answers = admin.list_offsets(request, request_timeout=_ANSWER_WITHIN_S)
        return {(one.topic, one.partition): future.result() for one, future in answers.items()}
    except KafkaException as error:
        raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error


def _uuid(topic_id: Any) -> UUID:  # confluent_kafka.Uuid, whose stubs lack its methods
    mask = 2**64 - 1
    upper, lower = topic_id.get_most_significant_bits() & mask, topic_id.get_least_significant_bits() & mask
    return UUID(int=upper << 64 | lower)
