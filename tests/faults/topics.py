"""Topics of the tests: deleted and made anew for every world, so that each has a log of its own."""

from collections.abc import Iterable
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from processor.topics import describe_topic
from sandbox.broker import TOPICS
from tests.eventually import eventually

_ANSWER_WITHIN_S = 20.0
_CONFIG = {
    "retention.ms": "-1",  # record times are the test's, not the clock's
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


def admin_client(bootstrap: str) -> AdminClient:
    """A client that is quiet when its broker is away."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 500})


def renew_topics(admin: AdminClient, partitions: int, names: Iterable[str] = TOPICS) -> dict[str, UUID]:
    """Make topics, in place of those of the same name if there are any; return their ids."""
    names = list(names)
    before = existing_ids(admin, names)
    if before:
        _settle(admin.delete_topics(list(before), request_timeout=_ANSWER_WITHIN_S))
    make_topics(admin, partitions, names)

    def all_new() -> dict[str, UUID]:
        found = existing_ids(admin, names)
        assert found.keys() == set(names)
        assert not found.items() & before.items()
        return found

    return eventually(all_new, within_s=_ANSWER_WITHIN_S)


def make_topics(admin: AdminClient, partitions: int, names: Iterable[str] = TOPICS) -> None:
    """Make topics that keep records of any time for ever."""
    topics = [NewTopic(name, num_partitions=partitions, replication_factor=1, config=_CONFIG) for name in names]
    _settle(admin.create_topics(topics, request_timeout=_ANSWER_WITHIN_S))


def delete_topics(admin: AdminClient, names: Iterable[str] = TOPICS) -> None:
    """Delete topics, and return when nobody finds them any more."""
    names = list(names)
    _settle(admin.delete_topics(names, request_timeout=_ANSWER_WITHIN_S))
    eventually(lambda: not existing_ids(admin, names), within_s=_ANSWER_WITHIN_S)


def existing_ids(admin: AdminClient, names: Iterable[str]) -> dict[str, UUID]:
    """The ids of those of the topics that exist."""
    found = {}
    for name in set(admin.list_topics(timeout=_ANSWER_WITHIN_S).topics) & set(names):
        try:
            admin.describe_topics(TopicCollection([name]), request_timeout=_ANSWER_WITHIN_S)[name].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
        else:
            found[name] = describe_topic(admin, "", name).topic_id
    return found


def _settle(futures) -> None:
    for future in futures.values():
        future.result()
