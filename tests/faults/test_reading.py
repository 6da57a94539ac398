"""What the consumer does with its assignment on real Kafka, by either strategy."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from processor.model import Checkpoint
from processor.settings import ProcessorSettings
from processor.source import Place, Source
from tests.eventually import eventually
from tests.faults.log import jobs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FIRST, SECOND = ("analytics", 0), ("analytics", 1)
EACH = 300

Collect = Callable[[], dict[Place, list[int]]]


@pytest.fixture(params=["cooperative-sticky", "range"])
def source(world, request) -> Iterator[Source]:
    """A consumer that has both partitions of topic `analytics` and reads neither; each holds 300 records."""
    for number in (0, 1):
        world.publish(event._replace(partition=number) for event in jobs(0, EACH))
    settings = ProcessorSettings(
        kafka_brokers=(world.kafka.address,),
        kafka_consumer_group=f"reading-{uuid4().hex[:8]}",
        kafka_assignment_strategy=request.param,
    )
    source = Source(settings)
    gained: list[Place] = []

    def has_both() -> bool:
        gained.extend(source.poll(0.1).gained)
        return {FIRST, SECOND} <= set(gained)

    eventually(has_both, within_s=30)
    yield source
    source.close()


@pytest.fixture
def collect(source) -> Collect:
    """Polls once more, and returns the offsets of all records so far, in the order in which they came."""
    offsets: dict[Place, list[int]] = {FIRST: [], SECOND: []}

    def poll() -> dict[Place, list[int]]:
        for place, records in source.poll(0.1).records.items():
            offsets[place] += [record.offset() for record in records]
        return offsets

    return poll


def test_a_partition_begins_at_its_checkpoint(source, collect):
    source.read(FIRST, Checkpoint(100))
    eventually(lambda: collect()[FIRST] == [*range(100, EACH)])


def test_others_go_on_where_they_are(source, collect):
    """Also when a change of the assignment names all of it anew."""
    source.read(FIRST, Checkpoint(0))
    eventually(lambda: collect()[FIRST])
    source.read(SECOND, Checkpoint(200))
    eventually(lambda: collect()[SECOND] == [*range(200, EACH)])
    eventually(lambda: collect()[FIRST] == [*range(EACH)])


def test_one_that_waits_for_its_first_record_still_begins_at_its_checkpoint(source, collect):
    source.read(FIRST, Checkpoint(50))
    source.read(SECOND, Checkpoint(0))
    eventually(lambda: collect() == {FIRST: [*range(50, EACH)], SECOND: [*range(EACH)]})


def test_a_pause_ends_when_the_partition_is_read_anew(source, collect):
    """librdkafka remembers the pause of a partition that is not assigned any more."""
    source.read(FIRST, Checkpoint(0))
    source.pause(FIRST)
    source.leave(FIRST)
    source.read(FIRST, Checkpoint(0))
    eventually(lambda: collect()[FIRST] == [*range(EACH)])


def test_a_pause_holds_while_others_come(source, collect):
    source.read(FIRST, Checkpoint(0))
    source.pause(FIRST)
    source.read(SECOND, Checkpoint(0))
    eventually(lambda: collect()[SECOND] == [*range(EACH)])
    assert collect()[FIRST] == []
    source.resume(FIRST)
    eventually(lambda: collect()[FIRST] == [*range(EACH)])


def test_one_that_is_read_again_does_not_jump_to_where_it_was(source, collect):
    """The position of a former reading is no position of this one, whatever else changes."""
    source.read(FIRST, Checkpoint(0))
    eventually(lambda: collect()[FIRST] == [*range(EACH)])
    collect()[FIRST].clear()
    source.read(FIRST, Checkpoint(50))
    source.read(SECOND, Checkpoint(0))
    eventually(lambda: collect() == {FIRST: [*range(50, EACH)], SECOND: [*range(EACH)]})
