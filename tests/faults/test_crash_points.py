"""The processor is killed at every step of the life of a batch, and at random times; it starts again and is exact."""

import random
import time

import pytest

from tests.examples import examples
from tests.faults.log import Event, some_events, user, workflow
from tests.processor_world import step

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

STEPS_OF_AN_INSERT = ("before-insert", "half-sent", "after-ack", "after-read-back")


def of_all_kinds(first, count):
    """Jobs, workflows, lines, facts, a few malformed records; with repeats."""
    events = some_events(first, count)
    for number in range(first, first + count, 5):
        fact = step("BUILD", generation=number, ID=workflow(number % 7), UserID=user(number % 7 % 3))
        events.append(Event("workflows", fact, workflow(number % 7)))
    for topic in ("analytics", "workflows", "job_logs"):
        events.append(Event(topic, b"malformed", workflow(first % 7)))
    return events


def die_in_turn(world, *points):
    """A processor dies at each point, then it lives. Whatever starts finds new events, and repeats of former ones."""
    worker = world.worker()
    for turn, point in enumerate([*points, ""]):
        world.publish(of_all_kinds(30 * turn, 60))
        worker.crash = point
        worker.respawn()
        if point:
            worker.await_crash()


@pytest.mark.parametrize("topic", ["analytics", "workflows", "job_logs"])
def test_killed_around_the_insert(world, topic):
    die_in_turn(world, *(f"{point}@{topic}" for point in STEPS_OF_AN_INSERT))
    world.require_exact()


@pytest.mark.parametrize("topic", ["analytics", "workflows", "job_logs"])
def test_killed_around_the_index(make_world, topic):
    """The third kill is between the index of one partition's batch and the numbers of another's."""
    world = make_world(others=2)
    die_in_turn(world, f"before-index@{topic}", f"after-index@{topic}", f"after-index@{topic}:2")
    world.require_exact()


def test_killed_around_the_parking_of_malformed_records(world):
    die_in_turn(world, "before-parking", "while-parking", "after-parking")
    world.require_exact()


def test_killed_around_the_facts_of_workflows(world):
    die_in_turn(world, "before-facts", "after-facts")
    world.require_exact()


def test_killed_while_partitions_are_assigned_and_begun(world):
    """Some partitions are begun, and some are not, when it starts again."""
    die_in_turn(
        world,
        "in-assignment",
        "after-assignment",
        "before-opening:2",
        "before-begin:2",
        "after-begin:2",
        "after-opening:3",
    )
    world.require_exact()


def test_killed_while_a_topic_grows(world):
    """A processor that starts sees the new partitions at once."""
    die_in_turn(world)
    world.await_applied(world.ends().total())
    world.workers[0].stop()
    world.add_partitions(3)
    die_in_turn(world, "before-freeze", "after-freeze:2", "before-generation", "after-generation:2")
    world.require_exact()


@pytest.mark.parametrize("point", ["in-assignment", "before-begin:2", "after-ack"])
def test_an_unknown_error_ends_the_program_and_nothing_is_skipped_or_counted_twice(world, point):
    """In the callback of an assignment most of all: there the binding swallows errors, and assigns by itself."""
    worker = world.start(crash=f"{point}=raise")
    world.publish(of_all_kinds(0, 60))
    worker.await_end(1)
    world.publish(of_all_kinds(30, 60))
    worker.crash = ""
    worker.respawn()
    world.require_exact()


def test_killed_again_and_again_at_any_moment(world):
    """Two processors take each other's partitions over, again and again, while events flow."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    workers = [world.start(), world.start()]
    for _ in range(examples(8, soak=24)):
        until = time.monotonic() + chance.uniform(0, 4)
        while time.monotonic() < until:
            world.publish(some_events(chance.randrange(1000), 20))
            time.sleep(
                0.25
            )  # on a busy machine a batch of each partition takes as long: one is always under way
        victim = chance.choice(workers)
        victim.kill()
        victim.respawn()
    world.require_exact()
