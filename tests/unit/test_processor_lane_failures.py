"""A lane when something fails, when it has to stop, and when it is full."""

import pytest
from prometheus_client import REGISTRY

from analytics.errors import LedgerBroken, LogMismatch, StoreUnavailable
from processor.lane import out_of_range
from processor.ledger import CheckpointMoved
from processor.model import Checkpoint
from tests.lane_world import LaneWorld, PatientExecutor, ScriptedWriter, applying, offsets, opened
from tests.processor_world import FakeRecord

AWAY = StoreUnavailable("ClickHouse is away")
MOVED = CheckpointMoved(Checkpoint(9))
BROKEN = LedgerBroken("the checkpoint contradicts itself")


def halted_partitions():
    return REGISTRY.get_sample_value("processor_halted_partitions")


# --- failures ---


def test_after_a_failure_the_same_batch_is_tried_again():
    writer = ScriptedWriter(0, AWAY)
    world = opened(writer)
    world.feed(0, 2)
    world.step(2)
    world.feed(2, 2)
    world.step()
    assert (writer.tried[0] is writer.tried[1], offsets(writer.applied)) == (True, [(0, 2)])


def test_what_arrives_in_the_meantime_becomes_the_next_batch():
    writer = ScriptedWriter(0, AWAY)
    world = opened(writer)
    world.feed(0, 2)
    world.step()
    world.feed(2, 2)
    world.step(2)
    world.step(2)
    assert offsets(writer.applied) == [(0, 2), (2, 4)]


def pauses(world, writer, failures):
    """How long the lane waits before each new attempt."""
    result = []
    for tries in range(1, failures + 1):
        assert len(writer.tried) == tries
        world.step(after_s=0.0)  # takes note of the failure
        waited_s = 0.0
        while len(writer.tried) == tries:
            world.step(after_s=0.05)
            waited_s += 0.05
        result.append(round(waited_s, 2))
    return result


def test_the_pauses_between_attempts_double_up_to_five_seconds():
    writer = ScriptedWriter(0, *[AWAY] * 8)
    world = opened(writer)
    world.feed(0)
    world.step()
    assert pauses(world, writer, 8) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], abs=0.051)


@pytest.mark.parametrize(("told_s", "pauses_s"), [(0.3, [0.3, 0.3, 0.4]), (600.0, [5.0, 5.0, 5.0])])
def test_who_is_told_when_to_come_back_comes_no_sooner_but_asks_every_five_seconds(told_s, pauses_s):
    held = StoreUnavailable("wait")
    held.retry_after_s = told_s
    writer = ScriptedWriter(0, *[held] * 3)
    world = opened(writer)
    world.feed(0)
    world.step()
    assert pauses(world, writer, 3) == pytest.approx(pauses_s, abs=0.051)


def test_from_the_second_pause_on_the_loop_need_not_hurry_for_it():
    world = opened(ScriptedWriter(0, AWAY, AWAY))
    world.feed(0)
    busy = []
    for _ in range(2):
        world.step(after_s=0.2)  # begins an attempt
        world.step(after_s=0.0)  # takes note of its failure
        busy.append(world.lane.is_busy)
    assert busy == [True, False]


def test_after_a_success_the_pauses_begin_anew():
    writer = ScriptedWriter(0, AWAY, AWAY, AWAY)
    world = opened(writer)
    world.feed(0)
    world.step(8)
    writer.tried, writer.failures = [], [AWAY, AWAY]
    world.feed(1)
    world.step()
    assert pauses(world, writer, 2) == pytest.approx([0.1, 0.2], abs=0.051)


def test_when_the_checkpoint_moved_the_lane_goes_on_at_the_new_one():
    world = opened(ScriptedWriter(0, MOVED), second := ScriptedWriter(9))
    world.feed(0, 2)
    world.step(2)
    world.step(2)
    world.feed(9)
    world.step(2)
    assert (world.source.started_at, offsets(second.applied)) == ([0, 9], [(9, 10)])


def test_when_the_checkpoint_moved_what_was_gathered_is_dropped():
    world = opened(ScriptedWriter(0, MOVED), second := ScriptedWriter(9))
    world.feed(0, 2)
    world.step()
    world.feed(2, 2)
    world.step(2)
    world.step(2)
    world.step(2)
    assert (second.tried, world.lane.is_busy) == ([], False)


def test_while_it_opens_again_nothing_is_read():
    world = opened(ScriptedWriter(0, CheckpointMoved(None)), AWAY, ScriptedWriter(0))
    world.feed(0)
    world.step(2)
    assert (world.source.is_read, world.feed(1), world.lane.next_offset) == (False, 0, None)


def test_a_failure_of_no_known_kind_ends_the_program():
    world = opened(ScriptedWriter(0, ZeroDivisionError()))
    world.feed(0)
    with pytest.raises(ZeroDivisionError):
        world.step(2)


# --- halting ---


def test_what_a_person_must_look_at_halts_its_lane():
    world = opened(ScriptedWriter(0, BROKEN))
    world.feed(0)
    world.step(2)
    assert (world.lane.state, world.source.is_read, world.lane.is_busy) == ("halted", False, False)


def test_it_halts_no_other_lane():
    world, other = opened(ScriptedWriter(0, BROKEN)), opened(writer := ScriptedWriter(0))
    for one in (world, other):
        one.feed(0)
        one.step(2)
    assert (other.lane.state, offsets(writer.applied)) == ("reading", [(0, 1)])


def test_a_halted_lane_takes_no_records():
    world = opened(writer := ScriptedWriter(0))
    world.lane.halt("why not")
    assert (world.feed(0), world.lane.is_busy, writer.tried) == (0, False, [])


def test_a_lane_that_cannot_be_opened_for_good_halts():
    assert opened(BROKEN).lane.state == "halted"


def test_a_halted_lane_still_tells_how_far_it_is():
    world = opened(ScriptedWriter(17))
    world.lane.halt("why not")
    assert world.lane.next_offset == 17


def test_halted_partitions_are_metered_until_they_are_forgotten():
    before, world = halted_partitions(), opened(ScriptedWriter(0))
    world.lane.halt("why not")
    during = halted_partitions()
    world.lane.close()
    assert (during, halted_partitions()) == (before + 1, before)


def test_a_lane_that_was_halted_while_it_applied_stays_halted():
    world, workers = applying(ScriptedWriter(0, MOVED))
    world.lane.halt("its log was cut")
    workers.work()
    world.step()
    assert world.lane.state == "halted"


def test_a_lane_that_was_halted_while_it_opened_stays_halted():
    world = LaneWorld(ScriptedWriter(0), workers=(workers := PatientExecutor()))
    world.step()
    world.lane.halt("its log was cut")
    workers.work()
    world.step()
    assert (world.lane.state, world.source.is_read) == ("halted", False)


def test_a_lane_that_has_two_reasons_to_halt_is_metered_once():
    before = halted_partitions()
    world, workers = applying(ScriptedWriter(0, BROKEN))
    world.lane.halt("its log was cut")
    workers.work()
    world.step()
    world.lane.close()
    after = halted_partitions()
    world.lane.close()  # so that other tests find what they expect
    assert after == before


def test_the_reason_for_a_checkpoint_that_is_not_in_the_log_names_partition_and_offset():
    error = out_of_range(opened(ScriptedWriter(17)).lane, 17)
    assert isinstance(error, LogMismatch)
    assert "analytics/0 does not hold offset 17" in str(error)


# --- a full lane ---


@pytest.mark.parametrize(("count", "is_full"), [(5, False), (6, True)])
def test_a_lane_is_full_when_a_poll_more_could_bring_too_many_records(count, is_full):
    world = opened(ScriptedWriter(0), fits=5)
    world.feed(0, count)
    assert (world.lane.full_since is not None) is is_full


def test_a_lane_is_full_when_it_keeps_enough_bytes():
    """Malformed records are kept whole; of the others only columns."""
    world = opened(ScriptedWriter(0), kept_bytes=1000)
    world.feed(0, 10)
    assert world.lane.full_since is None
    world.lane.feed([FakeRecord(b"{" * 1000, 10)], world.now)
    assert world.lane.full_since is not None


def test_a_lane_remembers_since_when_it_is_full():
    world = opened(ScriptedWriter(0), fits=5)
    world.feed(0, 6)
    since, world.now = world.now, world.now + 1
    world.feed(6, 6)
    assert world.lane.full_since == since


def test_a_lane_that_is_held_fetches_no_more():
    world = opened(ScriptedWriter(0), fits=5)
    world.feed(0, 6)
    world.lane.hold()
    assert world.source.is_paused


def test_a_lane_that_was_held_goes_on_when_what_is_gathered_is_taken():
    world = opened(writer := ScriptedWriter(0), fits=5)
    world.feed(0, 6)
    world.lane.hold()
    world.step(2)
    assert (world.source.is_paused, world.lane.full_since, offsets(writer.applied)) == (False, None, [(0, 6)])


def test_a_lane_can_be_held_again():
    world = opened(ScriptedWriter(0), fits=5)
    for first in (0, 6):
        world.feed(first, 6)
        world.lane.hold()
        assert world.source.is_paused
        world.step(2)


def test_a_lane_stays_held_while_the_batch_before_is_not_done():
    world, _ = applying(ScriptedWriter(0))
    world.feed(2, 6)
    world.lane.hold()
    world.step(3)
    assert world.source.is_paused


def test_a_lane_that_opens_again_is_held_no_more():
    world, workers = applying(ScriptedWriter(0, MOVED))
    world.feed(2, 6)
    world.lane.hold()
    for _ in range(3):
        workers.work()
        world.step()
    assert (world.source.is_paused, world.lane.state, world.lane.full_since) == (False, "reading", None)


def test_a_halted_lane_is_not_held():
    world = opened(ScriptedWriter(0))
    world.lane.halt("why not")
    world.lane.hold()
    assert not world.source.is_paused
