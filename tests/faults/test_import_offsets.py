"""What the import asks Apache Kafka: where the Go consumer groups stopped, and whether they have."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from processor.importing.offsets import at_work, starts
from processor.topics import describe_topics
from tests.eventually import eventually
from tests.faults.log import some_events
from tests.operator_world import processor_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

TOPIC, GROUP = "analytics", "the-go-program"


@pytest.fixture
def group(world):
    """The Go program has read and committed up to offset 5 of the partition 0, and nothing of the other one."""
    world.publish(some_events(0, 60))
    consumer = Consumer({
        "bootstrap.servers": world.kafka.address,
        "group.id": f"{GROUP}-{world.group}",
        "enable.auto.commit": False,
        "session.timeout.ms": 2_000,
        "heartbeat.interval.ms": 500,
    })  # fmt: skip
    commit(consumer, 0, 5)
    commit(consumer, 1, 0)
    yield consumer
    consumer.close()


def commit(consumer, number, offset):
    consumer.commit(offsets=[TopicPartition(TOPIC, number, offset)], asynchronous=False)


def asked(world):
    settings = processor_settings(world.settings, kafka_brokers=(world.kafka.address,))
    return starts(world.admin, settings, describe_topics(world.admin), {TOPIC: f"{GROUP}-{world.group}"})


def test_partitions_go_on_at_the_committed_offsets_and_others_where_their_logs_begin(world, group):
    found = asked(world)
    assert [found[TOPIC, number].offset for number in (0, 1)] == [5, 0]
    assert found[TOPIC, 0].left == found[TOPIC, 0].log.end - 5 > 0
    assert found["workflows", 0].offset == 0


def test_records_that_nobody_has_read_and_kafka_has_deleted_are_told(world, group):
    (future,) = world.admin.delete_records([TopicPartition(TOPIC, 0, 8)]).values()
    future.result(10)
    assert asked(world)[TOPIC, 0].lost == 3


def test_a_group_is_at_work_until_its_members_have_left(world, group):
    name = f"{GROUP}-{world.group}"
    assert at_work(world.admin, [name, "nobody"]) == []
    group.subscribe([TOPIC])
    eventually(lambda: group.poll(0.1) and group.assignment(), within_s=30)
    assert at_work(world.admin, [name, "nobody"]) == [name]
    group.unsubscribe()
    eventually(lambda: at_work(world.admin, [name]) == [], within_s=30)
