"""An owner stalls, its partitions move on by more inserts than ClickHouse remembers the tokens of, then it wakes up."""

import json

import pytest

from processor.ledger import ONE_BLOCK
from tests.eventually import eventually
from tests.examples import examples
from tests.faults.log import some_events
from tests.faults.test_crash_points import of_all_kinds

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

WINDOW = 4
LONGEST_INSERT_S = 3
LIMIT = {"FAULT_INSERT": json.dumps({"max_execution_time": LONGEST_INSERT_S})}
"""So that with a window so small no insert lives on until its token is forgotten. Any thread of a program that is
stopped may be in the middle of one."""


@pytest.fixture
def world(make_world):
    """Its ClickHouse remembers four tokens."""
    return make_world(window=WINDOW)


def stopped(world, point):
    """A processor that stops in its tracks at a point, for which it finds events."""
    world.publish(of_all_kinds(len(world.log.events) // 5, 60))
    zombie = world.start(crash=f"{point}=stop", **LIMIT)
    eventually(lambda: zombie.is_paused, within_s=60)
    return zombie


def move_on(world):
    """Another processor applies many batches, of every partition; a third of the events are repeats."""
    world.start()
    for turn in range(examples(5, soak=16)):
        world.publish(some_events(40 * turn, 60))
        world.await_applied(world.ends().total())


def wake(world, zombie):
    """Return when it has done what it was about to do; whatever threads have in hand ends before the program."""
    eventually(lambda: not young_inserts(world), within_s=30)
    zombie.resume()
    eventually(lambda: "partition_revoked" in zombie.log_text, within_s=60)
    zombie.stop()
    assert zombie.exit_code == 0, zombie.last_words()


def test_an_owner_that_was_stopped_with_nothing_in_hand(world):
    owner = world.start(crash="nothing", **LIMIT)
    world.publish(some_events(0, 60))
    world.await_applied(world.ends().total())
    owner.pause()
    move_on(world)
    wake(world, owner)
    world.require_exact()


def test_owners_that_were_stopped_at_every_step_of_a_batch(world):
    """Each takes over from the one before, and stops a step later."""
    points = "before-parking", "before-index", "after-index", "before-insert", "after-ack", "after-read-back"
    zombies = [stopped(world, point) for point in points]
    move_on(world)
    for zombie in zombies:
        wake(world, zombie)
    world.require_exact()


@pytest.mark.parametrize("point", ["half-sent", "end-unsent"])
def test_an_owner_that_was_stopped_in_the_middle_of_its_insert(world, point):
    """ClickHouse has compared the checkpoint already, and the token is forgotten: only the time limit is left."""
    zombie = stopped(world, point)
    eventually(lambda: young_inserts(world), within_s=LONGEST_INSERT_S)
    move_on(world)
    wake(world, zombie)
    world.require_exact()


def test_production_has_that_limit_too():
    """In which a server cannot make as many inserts as it remembers tokens of."""
    assert ONE_BLOCK["max_execution_time"] == 60


def young_inserts(world):
    sql = """
    SELECT elapsed FROM system.processes
    WHERE current_database = currentDatabase() AND startsWith(query, '\nINSERT INTO analytics') AND elapsed < %(limit)s
    """
    return world.query(sql, {"limit": LONGEST_INSERT_S + 1})


def test_an_owner_whose_threads_hang_for_longer_than_it_may_go_without_a_poll(world, tmp_path):
    """It sends heartbeats all the time."""
    stall = tmp_path / "stall"
    stall.touch()
    world.publish(of_all_kinds(0, 60))
    owner = world.start(
        crash="before-insert=stall handed-over=stall",
        FAULT_STALL=str(stall),
        FAULT_CONSUMER=json.dumps({"max.poll.interval.ms": 3_000}),
        **LIMIT,
    )
    eventually(lambda: "before-insert stall" in owner.log_text, within_s=60)
    move_on(world)
    assert "handed-over stall" in owner.log_text
    stall.unlink()
    wake(world, owner)
    world.require_exact()


def test_owners_that_were_stopped_before_and_while_their_topics_grew(world):
    """One has a batch of the former generation in hand, the others are about to make the new one."""
    zombies = [stopped(world, "before-insert")]
    world.add_partitions(3)
    zombies += [stopped(world, "before-freeze"), stopped(world, "before-generation")]
    move_on(world)
    for zombie in zombies:
        wake(world, zombie)
    world.require_exact()


def test_an_owner_in_the_middle_of_its_insert_when_its_topic_grew(world):
    """The partition is frozen after ClickHouse has compared the generation."""
    zombie = stopped(world, "half-sent")
    world.add_partitions(3)
    move_on(world)
    wake(world, zombie)
    world.require_exact()
