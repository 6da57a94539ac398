"""An operator goes on with another log: a topic that was created anew, with repeats of what was counted before."""

import pytest

from tests.eventually import eventually
from tests.faults.log import job, jobs, some_events
from tests.faults.operators import Operator
from tests.faults.world import COUNTED, recreate_topics

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def operator(world):
    return Operator(world)


@pytest.fixture
def world(make_world):
    """Everything is counted and the processor has stopped; then the topics are created anew, with three partitions."""
    world = make_world()
    world.publish([*some_events(0, 100), job(1, EventKey="")])
    worker = world.start()
    world.require_exact()
    await_noted(world)
    worker.stop()
    world.partitions |= dict.fromkeys(COUNTED, 3)
    recreate_topics(world.admin, world.kafka.address, dict.fromkeys(COUNTED, 3))
    return world


def require_adopted(world):
    """What was counted stays, what is new counts, and repeats across the two logs do not."""
    await_noted(world)
    world.require_right_numbers()


def await_noted(world):
    """Return when the processor has noted that everything in the topics is counted."""
    noted = [(world.ends().total(),) * 2]
    sums = "SELECT sum(next_offset), sum(end_offset) FROM progress FINAL"
    eventually(lambda: world.query(sums) == noted, within_s=60, pause_s=0.2)


def test_another_log_is_refused_until_it_is_adopted(world, operator):
    world.publish([*some_events(50, 100), job(1, EventKey="")])
    world.start().await_end(65)
    assert operator.run("adopt").returncode == 0
    world.start()
    require_adopted(world)


def test_a_dry_run_says_what_would_be_read_and_changes_nothing_nor_does_a_topic_that_is_not_counted(
    world, operator
):
    world.publish(jobs(0, 7))
    told = operator.run("adopt", "analitics")
    assert (told.returncode, "no such topic is counted: analitics" in told.stderr) == (65, True)
    told = operator.run("adopt", "--dry-run")
    (there,) = (line for line in told.stdout.splitlines() if line.startswith("analytics\tis there\t"))
    assert (told.returncode, there.endswith("\t0\t7")) == (0, True), told.stderr  # lost, to be read
    world.start().await_end(65)


def test_records_of_the_former_log_that_nobody_counted_are_not_lost_without_a_word(make_world):
    world = make_world()
    world.publish(jobs(0, 50))
    worker = world.start()
    world.require_exact()
    await_noted(world)
    worker.stop()
    world.query(
        "INSERT INTO progress SELECT * REPLACE (end_offset + 3 AS end_offset, now64(3) AS updated_at) FROM progress FINAL"
    )
    recreate_topics(world.admin, world.kafka.address, {"analytics": 2})
    refused = Operator(world).run("adopt")
    assert (refused.returncode, "6 records of analytics were not counted" in refused.stderr) == (65, True)
    assert Operator(world).run("adopt", "--lose-uncounted").returncode == 0
    world.publish(jobs(40, 20))
    world.start()
    world.await_applied(world.ends().total() + 50)
    world.require_right_numbers()


@pytest.mark.parametrize(
    "point", ["after-freeze", "after-freeze:3", "before-generation", "after-generation:2"]
)
def test_an_adoption_that_was_killed_is_made_again(world, operator, point):
    world.publish(some_events(50, 100))
    assert operator.run("adopt", crash=point).returncode == -9
    assert operator.run("adopt").returncode == 0
    world.start()
    require_adopted(world)


def test_without_another_log_there_is_nothing_to_adopt(make_world):
    world = make_world()
    world.publish(jobs(0, 5))
    world.start()
    world.require_exact()
    assert "Nothing to adopt" in Operator(world).run("adopt").stdout
