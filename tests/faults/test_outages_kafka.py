"""Kafka is away, stalls or refuses: the processor says so, waits, and goes on where it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from sandbox.kafka import LocalKafka
from tests.eventually import eventually
from tests.faults.log import some_events
from tests.faults.outages import await_logged, streaming

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory) -> Iterator[LocalKafka]:
    """In place of the one that all tests share: it may be stopped, and runs again for the next test."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(autouse=True)
def _mended(kafka) -> None:
    if kafka.exit_code is not None:
        kafka.start()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_kafka_restarts(world, kafka, end):
    """Its only broker is the group's coordinator, too."""
    world.start()
    with streaming(world):
        getattr(kafka, end)()
        kafka.start()
    world.require_exact()


def test_kafka_stalls(world, kafka):
    """For shorter and for longer than the group waits for a sign of life."""
    world.start(KAFKA_SESSION_TIMEOUT="2s")
    with streaming(world):
        for stall_s in (1, 4):
            kafka.pause()
            sleep(stall_s)
            kafka.resume()
            world.await_applied(world.applied() + 200)
    world.require_exact()


def test_a_consumer_that_reaches_no_broker_is_replaced(world, tmp_path):
    """By the same process with a new one, once it is seen that another client of the process reaches one."""
    stranded = tmp_path / "stranded"
    stranded.touch()
    worker = world.start(crash="nothing", FAULT_LOOKS_S="0.2", FAULT_STRANDED=str(stranded))
    eventually(lambda: "running" in worker.log_text, within_s=60)
    stranded.unlink()
    pid = worker.pid
    world.publish(some_events(0, 100))
    eventually(lambda: "beginning_again" in worker.log_text, within_s=30)
    world.require_exact()
    assert worker.pid == pid


def test_a_consumer_that_waits_for_the_session_of_a_dead_member_is_left_alone(world):
    """It reaches a broker, and would have to wait for its former self, too, if it began anew."""
    settings = {"KAFKA_SESSION_TIMEOUT": "5s", "FAULT_LOOKS_S": "0.2"}
    dead = world.start(crash="nothing", **settings)
    world.publish(some_events(0, 100))
    world.await_applied(100)
    dead.kill()
    worker = world.start(crash="nothing", **settings)
    world.publish(some_events(100, 100))
    world.require_exact()
    assert "client_stranded" not in worker.log_text


def test_it_ends_soon_while_kafka_is_away(world, kafka):
    """Its consumer would wait for the answer to the last commit, as long as a session."""
    worker = world.start(KAFKA_SESSION_TIMEOUT="45s")
    world.publish(some_events(0, 100))
    world.await_applied(100)
    kafka.pause()
    try:
        worker.end()
        worker.await_end(0, within_s=20)
    finally:
        kafka.resume()
    assert "consumer_not_closed" in worker.log_text


def test_kafka_is_away_when_the_processor_starts(world, kafka):
    world.publish(some_events(0, 100))
    kafka.stop()
    worker = world.start()
    await_logged(worker, "not_ready", "broker does not answer")
    kafka.start()
    world.require_exact()


def test_commits_are_refused(world):
    """They are for monitors of lag; where to go on is in the checkpoint."""
    worker = world.start(LOG_LEVEL="debug")
    world.publish(some_events(0, 100))
    eventually(lambda: committed(world) == world.ends().total(), within_s=60)
    before = committed(world)
    with config(world, "__consumer_offsets", "max.message.bytes", "10"):
        eventually(lambda: refuses_commits(world))
        world.publish(some_events(100, 100))
        await_logged(worker, "commit_failed")
        world.require_exact()
    assert committed(world) == before
    worker.kill()
    worker.respawn()
    world.publish(some_events(50, 200))
    world.require_exact()


def test_the_group_is_forgotten_while_it_counts(world):
    """As when the topic of its offsets is lost: the members join again, and nothing begins at an old offset."""
    world.start()
    with streaming(world):
        for future in world.admin.delete_topics(["__consumer_offsets"], request_timeout=10).values():
            future.result()
    world.require_exact()


def refuses_commits(world):
    """Whether a commit of another group fails."""
    offsets = ConsumerGroupTopicPartitions(f"other-{world.group}", [TopicPartition("analytics", 0, 1)])
    (asked,) = world.admin.alter_consumer_group_offsets([offsets], request_timeout=10).values()
    try:
        return any(one.error is not None for one in asked.result().topic_partitions)
    except KafkaException:
        return True


def committed(world):
    """The sum of the offsets that the group has committed."""
    asked = world.admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(world.group)], request_timeout=10
    )
    return sum(max(0, one.offset) for one in asked[world.group].result().topic_partitions)


@contextmanager
def config(world, topic, name, value) -> Iterator[None]:
    """A topic has another configuration."""

    def alter(operation, value):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        world.admin.incremental_alter_configs([resource], request_timeout=10)[resource].result()

    alter(AlterConfigOpType.SET, value)
    try:
        yield
    finally:
        alter(AlterConfigOpType.DELETE, value)
