"""Partitions are added to a topic while it is counted: keys move, and repeats of their events with them."""

import random
import time

import pytest

from processor.fence import freeze
from processor.ledger import Ledger
from processor.lineage_table import read_lineages
from tests.eventually import eventually
from tests.examples import examples
from tests.faults.log import job, jobs, lines, some_events, workflow_built
from tests.processor_world import pools

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SETTLE_WITHIN_S = 120.0


@pytest.fixture
def world(make_world):
    return make_world(others=2)


@pytest.fixture
def counted(world):
    """A hundred jobs and their lines are counted; then the topics grow. Yields after the processor has stopped."""
    world.start()
    world.publish(some_events(0, 100))
    world.await_applied(world.ends().total())
    world.workers[0].stop()
    return world


def restart(world, **environment):
    """A new processor knows all partitions at once; one that runs notices after half a minute."""
    return world.start(**environment)


def generations(world, topic="analytics"):
    return world.query(
        "SELECT partitions FROM lineage WHERE topic = %(topic)s ORDER BY generation", {"topic": topic}
    )


def test_a_processor_that_runs_goes_on_by_itself(world):
    """From 2 to 3, keys move between the old partitions as well."""
    world.start(crash="nothing", FAULT_CONSUMER='{"topic.metadata.refresh.interval.ms": 1000}')
    world.publish(some_events(0, 100))
    world.await_applied(world.ends().total())
    world.add_partitions(3)
    world.publish([*some_events(50, 100), *some_events(0, 20)])
    world.require_exact(within_s=SETTLE_WITHIN_S)
    assert generations(world) == [(2,), (3,)]


def test_repeats_that_moved_are_not_counted_again(counted):
    """From 2 to 7; other tests here grow to 3, 4 and 5."""
    counted.add_partitions(7)
    counted.publish([*some_events(50, 100), *some_events(0, 20)])
    restart(counted)
    counted.require_exact()


def test_producers_that_do_not_know_yet_repeat_what_others_have_moved_and_the_other_way_round(counted):
    counted.add_partitions(3)
    restart(counted, PROCESSOR_GROWTH_GRACE="5s")
    for first in (0, 100, 100, 50):
        counted.publish(some_events(first, 60))
        counted.publish_knowing(2, some_events(first, 60))
    counted.require_exact()


def test_a_growth_in_steps_of_which_each_producer_knows_another_one(counted):
    """The step between is seen by no processor."""
    counted.add_partitions(4)
    counted.publish(some_events(0, 150))
    counted.add_partitions(5)
    restart(counted, PROCESSOR_GROWTH_GRACE="4s")
    for partitions in (2, 4, 5):
        counted.publish_knowing(partitions, some_events(80, 120))
    counted.require_exact()
    assert generations(counted) == [(2,), (5,)]


def test_a_topic_that_grows_again_before_it_was_through_with_the_first_time(counted):
    counted.add_partitions(3)
    counted.publish(some_events(50, 100))
    first = restart(counted)
    eventually(lambda: (3,) in generations(counted), within_s=60)
    first.kill()
    counted.publish(some_events(0, 200))
    counted.add_partitions(5)
    counted.publish(some_events(100, 200))
    restart(counted)
    counted.require_exact()


def test_a_topic_that_a_killed_command_left_frozen_before_it_was_through_with_its_growth(counted):
    """Processors bring it into another generation by themselves, and the borders stay where they are."""
    counted.add_partitions(3)
    counted.publish(some_events(50, 100))
    first = restart(counted)
    eventually(lambda: (3,) in generations(counted), within_s=60)
    first.kill()
    with pools(counted.settings, size=2) as (plain, columns):
        freeze(Ledger(plain, columns), read_lineages(plain)["analytics"])
    counted.publish(some_events(0, 200))
    restart(counted)
    counted.require_exact()
    assert generations(counted) == [(2,), (3,), (3,)]


def test_workflows_and_lines_that_moved_are_known(counted):
    counted.add_partitions(4)
    counted.publish([workflow_built(number) for number in range(14)])
    for number in range(0, 40, 3):
        counted.publish(lines(number, 0, 6))
    restart(counted)
    counted.require_exact()


def test_only_the_topic_that_grew_waits(counted):
    counted.add_partitions(3, topics=["job_logs"])
    before = counted.applied()
    counted.publish(jobs(500, 50))
    restart(counted, PROCESSOR_GROWTH_GRACE="60s")
    counted.await_applied(before + 50, within_s=40)
    assert generations(counted, "job_logs") == [(2,)]


def test_processors_are_killed_again_and_again_while_topics_grow(counted):
    """Two of them, whose partitions wait for each other's."""
    chance = random.Random(11)
    workers = [restart(counted), restart(counted)]
    for partitions in (3, 4):
        counted.add_partitions(partitions)
        for _ in range(examples(3, soak=8)):
            counted.publish(some_events(chance.randrange(200), 50))
            counted.publish([job(chance.randrange(300)) for _ in range(20)])
            time.sleep(chance.uniform(0.2, 3))  # any moment will do
            victim = chance.choice(workers)
            victim.kill()
            victim.respawn()
    counted.require_exact(within_s=SETTLE_WITHIN_S)
