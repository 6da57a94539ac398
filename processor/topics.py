"""Which log is read: the identity of every topic, kept in the database, so that no other log is mistaken for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import (
    ConfigResource,  # `admin` has both, but hides them from type checkers
)
from confluent_kafka.admin._listoffsets import OffsetSpec

from analytics.errors import LogMismatch, Retryable
from analytics.store.pool import Pool
from processor.decode.gather import TOPICS
from processor.model import Partition, partition_id

_ANSWER_WITHIN_S: Final = 10.0
_LEND_WITHIN_S: Final = 60.0
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

_SELECT = """
SELECT topic, argMax(cluster_id, epoch), argMax(topic_id, epoch), max(epoch), argMax(partitions, epoch)
FROM namespaces
GROUP BY topic
"""
_INSERT = "INSERT INTO namespaces (topic, cluster_id, topic_id, epoch, partitions, created_at) VALUES"


class BrokerUnavailable(Retryable):
    """No broker answers, or it does not have the topics yet."""


class Topic(NamedTuple):
    """One incarnation of a topic. `epoch` is raised when an operator adopts another log."""

    name: str
    cluster_id: str
    topic_id: UUID
    partitions: int
    epoch: int = 0

    def partition(self, number: int) -> Partition:
        """Return a partition of the topic."""
        return Partition(self.name, number, partition_id(self.cluster_id, self.topic_id, self.epoch, number))


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


def low_watermark(admin: AdminClient, topic: str, number: int) -> int:
    """Return the lowest offset that the log still holds. Raises BrokerUnavailable."""
    return _offsets(admin, {(topic, number): _EARLIEST})[topic, number]


def end_offsets(admin: AdminClient, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the offsets behind the newest records. Raises BrokerUnavailable."""
    return _offsets(admin, dict.fromkeys(partitions, _LATEST))


def identify(pool: Pool, found: Mapping[str, Topic]) -> dict[str, Topic]:
    """Return the topics as the database knows them; what is new to it is stored first. Raises LogMismatch.

    Partitions added to a topic since are not among the stored ones: the caller must not read them.
    """
    stored = _stored(pool)
    new = [topic for name, topic in found.items() if name not in stored]
    if new:
        now = datetime.now(UTC)
        columns = [[one[at] for one in new] for at in (0, 1, 2)]
        with pool.lend(_LEND_WITHIN_S) as connection:
            rest = [[one.epoch for one in new], [one.partitions for one in new], [now] * len(new)]
            connection.insert(_INSERT, [*columns, *rest], settings={"async_insert": 0})
        stored = _stored(pool)  # another processor may have been faster
    for name, topic in found.items():
        require_same(stored[name], topic)
    return stored


def require_same(known: Topic, found: Topic) -> None:
    """Raise LogMismatch when the log is another one than the one that is counted."""
    if (known.cluster_id, known.topic_id) != (found.cluster_id, found.topic_id):
        raise LogMismatch(
            f"topic {known.name} is not the log that this database has counted: that was topic id "
            f"{known.topic_id} on cluster {known.cluster_id}, this is {found.topic_id} on {found.cluster_id}. "
            "Counting it would add to numbers of another log: set KAFKA_BROKERS to the former cluster, or "
            "CLICKHOUSE_DATABASE to a new database"
        )


def _stored(pool: Pool) -> dict[str, Topic]:
    with pool.lend(_LEND_WITHIN_S) as connection:
        rows = connection.query(_SELECT)
    return {
        name: Topic(name, cluster_id, topic_id, partitions, epoch)
        for name, cluster_id, topic_id, epoch, partitions in rows
    }


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
    request = {TopicPartition(topic, number): spec for (topic, number), spec in asked.items()}
    try:
        answers = admin.list_offsets(request, request_timeout=_ANSWER_WITHIN_S)
        return {(one.topic, one.partition): future.result().offset for one, future in answers.items()}
    except KafkaException as error:
        raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error


def _uuid(topic_id: Any) -> UUID:  # confluent_kafka.Uuid, whose stubs lack its methods
    mask = 2**64 - 1
    upper, lower = topic_id.get_most_significant_bits() & mask, topic_id.get_least_significant_bits() & mask
    return UUID(int=upper << 64 | lower)
