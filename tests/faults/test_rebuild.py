"""A rebuild beside processors that are stuck, and of topics that have grown."""

import pytest

from tests.eventually import eventually
from tests.faults.log import jobs_in, some_events
from tests.faults.operators import Operator

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize("point", ["before-index", "after-index"])
def test_a_processor_that_was_stuck_since_before_a_switch_applies_nothing(make_world, point):
    """The index rows of its batch may be in the old tables, so its numbers must not come into the new ones."""
    world = make_world()
    world.publish(some_events(0, 60))
    worker = world.start()
    world.require_exact()
    worker.stop()
    operator = Operator(world)
    told = operator.run("rebuild")
    assert told.returncode == 0, told.stderr
    stuck = world.start(crash=f"{point}@analytics=stop")
    world.publish(jobs_in(0, 1_000, 20))
    eventually(lambda: stuck.is_paused, within_s=60)
    told = operator.run("rebuild", "--switch")
    assert told.returncode == 0, told.stderr
    stuck.resume()
    world.require_exact()
    world.publish(jobs_in(0, 1_000, 20))
    world.require_exact()
    told = operator.run("audit")
    assert told.returncode == 0, told.stdout


def test_a_topic_that_has_grown_is_rebuilt_as_it_was_counted(make_world):
    """Keys have moved, and repeats with them: the rebuild compares them in the same order."""
    world = make_world()
    world.publish(some_events(0, 80))
    worker = world.start()
    world.require_exact()
    world.add_partitions(3)
    world.publish([*some_events(40, 80), *some_events(0, 20)])
    world.require_exact()
    eventually(
        lambda: world.query("SELECT uniqExact(topic) FROM lineage WHERE partitions = 3") == [(3,)],
        within_s=60,
    )
    worker.stop()
    world.query("TRUNCATE TABLE event_keys")
    operator = Operator(world)
    for command in (("rebuild",), ("rebuild", "--switch"), ("audit",)):
        told = operator.run(*command)
        assert told.returncode == 0, told.stdout + told.stderr
    world.start()
    world.publish(some_events(0, 120))
    world.require_exact()
