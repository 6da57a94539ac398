"""Partitions are added to a topic while it is counted: keys move, and repeats of their events with them."""

import pytest

from tests.faults.log import some_events

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize("count", [3, 4])
def test_repeats_that_moved_are_not_counted_again(world, count):
    """From 2 to 3, keys move between old partitions as well."""
    world.start()
    world.publish(some_events(0, 100))
    world.await_applied(world.ends().total())
    world.add_partitions(count)
    world.publish([*some_events(50, 100), *some_events(0, 20)])
    world.require_exact(within_s=120)
