"""Records disappear from the log, or the log is another one: the numbers are those of the records that were there."""

import sys
from collections import Counter

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from sandbox.broker import create_topics
from sandbox.kafka import LocalKafka
from tests import forked
from tests.eventually import eventually
from tests.faults.log import jobs, place_of, some_events
from tests.faults.world import COUNTED, recreate_topics

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

ANOTHER_LOG = "is not the log that this database has counted"
LOST = "records were deleted"


def delete_records(world, topic, number, before=OFFSET_END):
    """As retention does: the log begins there from now on."""
    place = TopicPartition(topic, number, before)
    for future in world.admin.delete_records([place], request_timeout=10).values():
        future.result()


def places(world):
    """Where each event lies: topic, partition, offset."""
    lie_at = Counter()
    for event in world.log.events:
        number = place_of(event, world.partitions)
        yield event.topic, number, lie_at[event.topic, number]
        lie_at[event.topic, number] += 1


def length(world, topic, number):
    return sum(place[:2] == (topic, number) for place in places(world))


def forget(world, topic, number, offsets):
    """Nobody could count these: they are no part of the truth."""
    lost = {(topic, number, offset) for offset in offsets}
    events = zip(world.log.events, places(world), strict=True)
    world.log.events = [event for event, place in events if place not in lost]


def await_logged(worker, *words):
    """Return when a line of the log has all these words."""
    eventually(
        lambda: any(all(word in line for word in words) for line in worker.log_text.splitlines()), within_s=60
    )


# --- records that are gone ---


@pytest.fixture
def world(make_world, request):
    """With two partitions of `analytics` unless the test says otherwise."""
    return make_world(partitions=getattr(request, "param", 2))


def test_records_that_are_counted_are_deleted(world):
    """Up to the end of the log, under a processor that runs and under one that starts; then the log grows again."""
    worker = world.start()
    world.publish(some_events(0, 100))
    world.await_applied(world.ends().total())
    for first in (100, 200):
        for topic in COUNTED:
            for number in range(world.partitions[topic]):
                delete_records(world, topic, number)
        world.publish(some_events(first - 50, 100))
        world.await_applied(world.ends().total())
        worker.kill()
        worker.respawn()
    world.require_exact()


@pytest.fixture
def lost(world):
    """While no processor runs, records that are not counted yet are deleted from one partition; yields their offsets."""
    worker = world.start()
    world.publish(jobs(0, 100))
    world.await_applied(100)
    worker.stop()
    counted = length(world, "analytics", 0)
    world.publish(jobs(100, 200))
    delete_records(world, "analytics", 0, counted + 40)
    worker.respawn()
    await_logged(worker, "partition_halted", "partition=0 topic=analytics", LOST)
    return range(counted, counted + 40)


def test_a_partition_that_lost_records_halts_and_the_other_one_goes_on(world, lost):
    end = length(world, "analytics", 0)
    world.await_applied(lost.start + length(world, "analytics", 1))
    forget(world, "analytics", 0, range(lost.start, end))
    world.require_right_numbers()
    assert world.workers[0].runs


def test_after_skip_exactly_the_lost_records_are_missing(world, lost):
    world.workers[0].stop()
    command = [sys.executable, "-P", "-m", "processor", "skip", "analytics", "0"]
    done = forked.run(command, env=world.environment(), timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    world.publish(jobs(80, 100))  # some of them come again, and now they count
    world.workers[0].respawn()
    forget(world, "analytics", 0, lost)
    world.require_exact()


@pytest.fixture
def two_beginnings(world):
    """Two processors are about to begin a partition: the first one has read that its log begins at 0, the other at 40."""
    world.publish(jobs(0, 100))
    workers = []
    for before in (0, 40):
        delete_records(world, "analytics", 0, before)
        workers.append(world.start(crash="before-begin@analytics=stop"))
        eventually(lambda: workers[-1].is_paused, within_s=60)
    return workers


@pytest.mark.parametrize("world", [1], indirect=True)
def test_of_two_that_begin_the_later_question_wins(world, two_beginnings):
    """The earlier one finds that it has begun, and goes on from there like anybody else."""
    early, late = two_beginnings
    late.resume()
    world.await_applied(100)
    early.resume()
    world.publish(jobs(50, 100))
    forget(world, "analytics", 0, range(40))
    world.require_exact()
    assert opened_at(late)[0] == 40


@pytest.mark.parametrize("world", [1], indirect=True)
def test_of_two_that_begin_the_earlier_question_wins(world, two_beginnings):
    """Records are lost then between beginning and counting, so nobody passes over them in silence."""
    early, late = two_beginnings
    early.resume()
    eventually(lambda: opened_at(early)[:1] == [0], within_s=60)
    late.resume()
    eventually(lambda: any(LOST in worker.log_text for worker in two_beginnings), within_s=60)
    forget(world, "analytics", 0, range(100))
    world.require_right_numbers()


def opened_at(worker):
    """The offsets at which it opened the partition of topic `analytics`, in order."""
    lines = [line for line in worker.log_text.splitlines() if "partition_opened" in line]
    return [int(line.split("offset=")[1].split()[0]) for line in lines if "partition=analytics/0" in line]


def test_a_topic_that_drops_records_by_key_is_refused(world):
    entry = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, "job_logs", incremental_configs=[entry])
    world.admin.incremental_alter_configs([resource])[resource].result(10)
    worker = world.start()
    worker.await_end(65)
    assert "topic job_logs is compacted" in worker.log_text


# --- another log ---


@pytest.mark.parametrize(("count", "why"), [(20, LOST), (300, ANOTHER_LOG)], ids=["shorter", "longer"])
def test_a_topic_is_created_anew_under_a_processor(world, count, why):
    """The consumer goes on at the old offset without any error where the new log is long enough."""
    worker = world.start()
    world.publish(jobs(0, 200))
    world.await_applied(200)
    recreate_topics(world.admin, world.kafka.address, {"analytics": 2})
    world.log.publish(jobs(1_000, count), world.partitions)
    await_logged(
        worker, "partition_halted", "topic=analytics", why
    )  # before the watch over the topics ends it
    worker.await_end(65)
    assert ANOTHER_LOG in worker.log_text
    require_only(world, 200)


def test_a_topic_is_created_anew_while_no_processor_runs(world):
    worker = world.start()
    world.publish(jobs(0, 200))
    world.await_applied(200)
    worker.stop()
    recreate_topics(world.admin, world.kafka.address, {"analytics": 2})
    world.log.publish(jobs(1_000, 300), world.partitions)
    worker.respawn()
    worker.await_end(65)
    assert ANOTHER_LOG in worker.log_text
    require_only(world, 200)


def test_another_cluster_answers_at_the_same_address(make_world, own_kafka, tmp_path):
    """As after a restore into a fresh broker: under a processor, and under one that starts."""
    world = make_world(kafka=own_kafka)
    worker = world.start()
    world.publish(jobs(0, 200))
    world.await_applied(200)
    own_kafka.kill()
    with LocalKafka(tmp_path / "other-kafka", own_kafka.port) as other:
        create_topics(other.address)
        world.log.publish(jobs(1_000, 300), world.partitions)
        worker.await_end(65)
        assert ANOTHER_LOG in worker.log_text
        worker.respawn()
        worker.await_end(65)
        require_only(world, 200)


def require_only(world, count):
    """The first events are counted, and nothing of those behind them."""
    del world.log.events[count:]
    world.require_right_numbers()
    assert world.applied() == count
