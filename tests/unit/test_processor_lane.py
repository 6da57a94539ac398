"""A lane opens at a checkpoint and gathers what lies behind it, from a source that may begin elsewhere."""

import pytest

from analytics.errors import StoreUnavailable
from processor.decode.events import Decoded, Owners
from processor.lane import Limits
from processor.ledger import CheckpointMoved
from processor.lineage_table import TopicGrew
from processor.model import Checkpoint
from processor.source import at_once
from tests.lane_world import LaneWorld, PatientExecutor, ScriptedWriter, offsets, opened
from tests.processor_world import USER, FakeRecord, as_value, finished_job, records, some_id

AWAY = StoreUnavailable("ClickHouse is away")


# --- opening ---


def test_a_lane_reads_from_the_checkpoint_of_its_writer():
    world = opened(ScriptedWriter(17))
    assert (world.source.started_at, world.lane.next_offset, world.lane.state) == ([17], 17, "reading")


def test_until_it_is_opened_it_takes_no_records():
    world = LaneWorld(ScriptedWriter(0))
    assert (world.feed(0), world.lane.next_offset, world.lane.is_busy) == (0, None, True)


def test_opening_is_tried_again():
    world = LaneWorld(AWAY, AWAY, ScriptedWriter(17))
    world.step(6)
    assert world.source.started_at == [17]


# --- feeding ---


def test_records_are_applied_from_the_checkpoint_on():
    writer = ScriptedWriter(5)
    world = opened(writer)
    world.feed(5, 3)
    world.step(2)
    assert (offsets(writer.applied), world.lane.next_offset) == ([(5, 8)], 8)


def test_records_below_the_checkpoint_are_dropped():
    writer = ScriptedWriter(5)
    world = opened(writer)
    world.feed(3, 4)
    world.step(2)
    assert (offsets(writer.applied), writer.applied[0].records) == ([(5, 7)], 2)


def test_records_that_are_all_below_the_checkpoint_change_nothing():
    world = opened(ScriptedWriter(5))
    world.feed(3, 2)
    assert not world.lane.is_busy


def test_records_that_come_twice_are_gathered_once():
    writer = ScriptedWriter(0)
    world = opened(writer)
    world.feed(0, 3)
    world.feed(1, 4)
    world.step(2)
    assert (offsets(writer.applied), writer.applied[0].records) == ([(0, 5)], 5)


def test_malformed_records_are_counted():
    lane = opened(ScriptedWriter(0)).lane
    assert lane.feed(records(b"x", finished_job(), None, first=0), 0.0) == 2


def test_a_batch_carries_the_leader_epoch_of_its_last_record():
    writer = ScriptedWriter(0)
    world = opened(writer)
    value = as_value(finished_job())
    world.lane.feed([FakeRecord(value, at, leader_epoch=epoch) for at, epoch in enumerate((3, 4))], 0.0)
    world.step(2)
    assert writer.checkpoint == Checkpoint(2, 4)


# --- gaps ---


def test_the_first_gap_after_a_start_is_read_again():
    world = opened(ScriptedWriter(5))
    world.feed(9, 2)
    assert (world.source.started_at, world.lane.is_busy) == ([5, 5], False)


def test_the_same_gap_is_trusted_when_it_is_found_again():
    writer = ScriptedWriter(5)
    world = opened(writer)
    world.feed(9, 2)
    world.feed(9, 2)
    world.step(2)
    assert (offsets(writer.applied), world.source.started_at) == ([(5, 11)], [5, 5])


def test_when_reading_again_brings_the_missing_records_they_count():
    writer = ScriptedWriter(5)
    world = opened(writer)
    world.feed(9, 2)
    world.feed(5, 6)
    world.step(2)
    assert writer.applied[0].records == 6


def test_a_gap_in_the_middle_of_a_run_is_in_the_log():
    writer = ScriptedWriter(5)
    world = opened(writer)
    world.feed(5)
    world.feed(9)
    world.step(2)
    assert (offsets(writer.applied), world.source.started_at) == ([(5, 10)], [5])


def test_a_gap_behind_a_batch_that_is_being_applied_is_in_the_log():
    world = LaneWorld(ScriptedWriter(5), workers=(workers := PatientExecutor()))
    world.step()
    workers.work()
    world.step()
    world.feed(5)
    world.step()
    world.feed(9)
    assert (world.source.started_at, world.lane.is_busy) == ([5], True)


def test_after_a_new_start_the_same_gap_is_doubted_again():
    world = opened(ScriptedWriter(5, CheckpointMoved(Checkpoint(5))), ScriptedWriter(5))
    world.feed(9)
    world.feed(9)
    world.step(4)
    world.feed(9)
    assert world.source.started_at == [5, 5, 5, 5]


# --- how much makes a batch ---


def test_while_many_more_are_waiting_a_batch_waits_for_them():
    writer = ScriptedWriter(0)
    world = opened(writer)
    world.source.end = 50_000
    world.feed(0, 3)
    world.step(after_s=1.9)
    world.feed(3, 2)
    assert writer.tried == []
    world.step(2, after_s=0.1)
    assert offsets(writer.applied) == [(0, 5)]


def test_a_batch_with_few_records_behind_it_does_not_wait():
    writer = ScriptedWriter(0)
    world = opened(writer)
    world.source.end = 10_000
    world.feed(0, 3)
    world.step(after_s=0.1)
    assert offsets(writer.applied) == [(0, 3)]


def test_a_full_batch_does_not_wait():
    writer = ScriptedWriter(0)
    world = opened(writer, fits=2)
    world.source.end = 50_000
    world.feed(0, 3)
    world.step(after_s=0.1)
    assert offsets(writer.applied) == [(0, 3)]


@pytest.mark.parametrize("most", [1_000, 4_000, 250_000])
def test_no_poll_brings_more_than_a_batch_may_have(most):
    limits = Limits(records=most, kept_bytes=1 << 30, min_interval_s=0)
    largest_that_goes_on = most - at_once(most)
    assert at_once(most) <= most
    assert not limits.reached_by(Decoded(0, 0, records=largest_that_goes_on))
    assert limits.reached_by(Decoded(0, 0, records=largest_that_goes_on + 1))


@pytest.mark.parametrize(("quarters", "is_enough"), [(1, False), (75, False), (76, True), (10_000, True)])
def test_a_batch_goes_on_while_it_is_few_rows(quarters, is_enough):
    """Of 1,000 workflows in so many quarters of an hour, or of 100,000 events, whichever is less."""
    owners = Owners()
    for number in range(1000):
        owners.of(USER, some_id(number))
    batch = Decoded(0, 0, owners=owners, quarters=set(range(quarters)), records=100_000)
    limits = Limits(records=250_000, kept_bytes=1 << 30, min_interval_s=0)
    assert limits.reached_by(batch) is is_enough


# --- the border of a segment ---


def bordered(until, *next_ones):
    """A lane whose first writer applies up to a border."""
    return opened(ScriptedWriter(0, until=until), *next_ones)


def ends(writer):
    return [(batch.first, batch.end) for batch in writer.applied]


def test_a_batch_ends_at_the_border_and_another_writer_goes_on_there():
    first, second = ScriptedWriter(0, until=3), ScriptedWriter(3)
    world = opened(first, second)
    world.feed(0, 5)
    world.step(4)
    assert (ends(first), world.source.started_at) == ([(0, 3)], [0, 3])
    world.feed(3, 2)
    world.step(2)
    assert ends(second) == [(3, 5)]


def test_records_behind_the_border_are_not_gathered_while_the_batch_before_it_is_applied():
    workers = PatientExecutor()
    first = ScriptedWriter(0, until=3)
    world = LaneWorld(first, ScriptedWriter(3), workers=workers)
    world.step()
    workers.work()
    world.step()
    world.feed(0, 3)
    world.step()  # begins to apply
    world.feed(3, 2)
    workers.work()
    world.step(2)
    assert (ends(first), world.lane.state) == ([(0, 3)], "opening")


def test_a_border_in_a_gap_of_the_log_is_reached_without_a_record():
    first = ScriptedWriter(0, until=3)
    world = opened(first, ScriptedWriter(3))
    world.feed(5, 1)  # a gap at the beginning is read again first
    world.feed(5, 1)
    world.step(4)
    assert (ends(first), world.source.started_at[-1]) == ([(0, 3)], 3)


def test_a_border_does_not_wait_for_more_records():
    first = ScriptedWriter(0, until=3)
    world = opened(first, ScriptedWriter(3))
    world.source.end = 1_000_000
    world.feed(0, 5)
    world.step(2, after_s=0.01)
    assert ends(first) == [(0, 3)]


def test_when_the_topic_grew_the_batch_is_dropped_and_the_partition_opened_again():
    first, second = ScriptedWriter(0, TopicGrew()), ScriptedWriter(0)
    world = opened(first, second)
    world.feed(0, 2)
    world.step(4)
    assert (ends(first), world.source.started_at) == ([], [0, 0])
