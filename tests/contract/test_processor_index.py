"""The index of event keys on a real ClickHouse: below the checkpoint it knows everything, above it nothing."""

import pytest

from processor.decode.events import Keyed, Named
from processor.event_index import NEVER, WEEK_MS
from processor.lineage import Evidence
from tests.contract.index_world import FLOW, World, event, keyed
from tests.processor_world import HORIZON_MS, NOW_MS, some_partition

pytestmark = pytest.mark.integration


@pytest.fixture
def world(stores):
    return World(stores)


# --- evidence ---


def test_a_row_below_the_checkpoint_is_evidence(world):
    world.write(event(1, offset=4))
    assert world.firsts([event(1, offset=5)], below=5) == [False]


def test_rows_at_the_checkpoint_and_above_are_none(world):
    """They are those of this very batch, or of one that another processor could not apply."""
    world.write(event(1, offset=5), event(2, offset=6))
    assert world.firsts([event(1, offset=5), event(2, offset=6)], below=5) == [True, True]


def test_only_the_rows_below_the_checkpoint_are_looked_at(world):
    world.write(event(1, offset=4, time_ms=NOW_MS), event(1, offset=9, time_ms=NOW_MS + HORIZON_MS))
    assert world.firsts([event(1, offset=5, time_ms=NOW_MS + HORIZON_MS + 1)], below=5) == [True]


def test_rows_of_another_partition_are_none(world):
    world.write(event(1, offset=4))
    world.restart(some_partition())
    twice = [event(1, offset=5), event(1, offset=6)]  # so that it is looked up, whatever the filter says
    assert world.firsts(twice, below=5) == [True, False]


def test_rows_of_a_partition_that_comes_before_are_evidence_up_to_where_it_does(world):
    """Their keys have moved here, because the topic has grown."""
    world.write(event(1, offset=4), event(2, offset=7))
    world.restart(some_partition(), others=(Evidence(world.partition.id, 7),))
    assert world.firsts([event(1, offset=0), event(2, offset=1)], below=0) == [False, True]


def test_a_workflow_that_such_a_partition_has_named_is_not_named_again(world):
    world.index.write(None, {FLOW: Named(0, NOW_MS, 4)})
    world.restart(some_partition(), others=(Evidence(world.partition.id, 7),))
    assert world.names(0, FLOW) == []


def test_a_batch_that_is_tried_again_gives_the_same_answer(world):
    """Its rows are there already, and its keys are in the filter."""
    assert [world.apply(event(1, 0), event(2, 1), event(1, 2)) for _ in range(3)] == [[True, True, False]] * 3


# --- repeats ---


def test_within_a_batch_the_first_one_counts(world):
    assert world.apply(event(1, 0), event(1, 1), event(2, 2), event(1, 3)) == [True, False, True, False]


def test_events_are_judged_in_the_order_of_the_log_whatever_order_the_columns_have(world):
    events = keyed([event(1, 0), event(1, 1)])
    turned = Keyed(*(column[::-1] for column in events))
    assert world.index.first_events(turned, 0).tolist() == [False, True]


def test_across_batches_the_first_one_counts(world):
    assert [world.apply(event(1, 0)), world.apply(event(1, 1), event(2, 2)), world.apply(event(2, 3))] == [
        [True], [False, True], [False],
    ]  # fmt: skip


def test_events_without_a_key_always_count(world):
    assert world.apply(event(None, 0), event(None, 1)) == [True, True]
    assert world.apply(event(None, 2)) == [True]


@pytest.mark.parametrize(
    ("later_ms", "counts"),
    [(HORIZON_MS, False), (HORIZON_MS + 1, True), (0, False), (-1, False), (-2 * HORIZON_MS, False)],
)
def test_a_repeat_counts_again_beyond_the_horizon_only(world, later_ms, counts):
    world.apply(event(1, 0))
    world.restart()
    assert world.apply(event(1, 1, NOW_MS + later_ms)) == [counts]


def test_a_repeat_that_did_not_count_carries_the_horizon_on(world):
    world.apply(event(1, 0), event(1, 1, NOW_MS + HORIZON_MS))
    assert world.apply(event(1, 2, NOW_MS + 2 * HORIZON_MS)) == [False]


# --- rows ---


def test_every_event_with_a_key_has_a_row_repeats_as_well(world):
    world.apply(event(1, 0), event(None, 1), event(1, 2))
    week = NOW_MS // WEEK_MS
    assert world.rows("record_offset, time_ms, garbage_week") == [(0, NOW_MS, week), (2, NOW_MS, week)]


def test_nothing_to_write_is_nothing_written(world):
    world.index.write(None, {})
    world.write(event(None, 0))
    assert world.rows("key_hi") == []


# --- workflows ---


def test_a_workflow_counts_once_over_restarts(world):
    assert world.names(0, FLOW) == [FLOW]
    world.index.write(None, {FLOW: Named(0, NOW_MS, 0)})
    world.index.applied([FLOW])
    before = world.names(1, FLOW)
    world.restart()
    assert (before, world.names(1, FLOW)) == ([], [])


def test_the_batch_that_named_it_names_it_again_when_it_is_tried_again(world):
    world.index.write(None, {FLOW: Named(0, NOW_MS, 5)})
    assert [world.names(5, FLOW) for _ in range(2)] == [[FLOW], [FLOW]]


def test_a_workflow_counts_once_however_much_later_it_is_named_again(world):
    world.index.write(None, {FLOW: Named(0, NOW_MS - 100 * HORIZON_MS, 0)})
    assert world.names(1, FLOW) == []


def test_of_several_workflows_those_that_are_new_are_returned_in_their_order(world):
    world.index.write(None, {3: Named(0, NOW_MS, 0)})
    assert world.names(1, 5, 3, 4) == [5, 4]


def test_the_row_of_a_workflow_is_never_dropped(world):
    world.index.write(None, {FLOW: Named(0, NOW_MS, 7)})
    assert world.rows("record_offset, time_ms, garbage_week") == [(7, NOW_MS, NEVER)]
