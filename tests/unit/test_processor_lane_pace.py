"""When the next batch of a partition begins."""

from tests.lane_world import LaneWorld, ScriptedWriter, applying, offsets, opened


def test_a_batch_begins_when_the_one_before_is_done():
    world, workers = applying(writer := ScriptedWriter(0))
    world.feed(2)
    world.step(3)
    assert len(workers.waiting) == 1
    workers.work()
    world.step()
    workers.work()
    assert offsets(writer.applied) == [(0, 2), (2, 3)]


def test_a_partition_is_not_applied_more_often_than_the_shortest_interval():
    world = opened(writer := ScriptedWriter(0))
    for first in (0, 1):
        world.feed(first)
        world.step(after_s=0.01)
    assert offsets(writer.tried) == [(0, 1)]


def rested_after(work_s: float, **options: int) -> tuple[LaneWorld, ScriptedWriter]:
    """A lane that was at work for so long just now, and has another batch."""
    world = opened(writer := ScriptedWriter(0), **options)
    world.feed(0)
    world.step()
    world.step(after_s=work_s)
    world.feed(1)
    return world, writer


def test_a_lane_rests_after_work_so_that_others_can_work():
    """Twice as long as it worked: with many lanes and few events the fixed costs of batches would take all cores."""
    world, writer = rested_after(0.04)
    world.step(after_s=0.07)
    assert offsets(writer.applied) == [(0, 1)]
    world.step(after_s=0.02)
    assert offsets(writer.applied) == [(0, 1), (1, 2)]


def test_a_lane_does_not_rest_for_long():
    world, writer = rested_after(5.0)
    world.step(after_s=0.101)
    assert offsets(writer.applied) == [(0, 1), (1, 2)]


def test_a_full_lane_does_not_rest():
    world, writer = rested_after(0.06, fits=0)
    world.step(after_s=0.001)
    assert offsets(writer.applied) == [(0, 1), (1, 2)]
