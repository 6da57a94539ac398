"""The index of event keys on a real ClickHouse: below the checkpoint it knows everything, above it nothing."""

from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.events import Keyed, Named
from processor.event_index import NEVER, WEEK_MS, EventIndex
from processor.index_rows import IndexRows
from processor.lineage import Evidence
from tests.processor_world import (
    HORIZON_MS,
    NOW_MS,
    WORKFLOW,
    FakeRecord,
    as_value,
    finished_job,
    gathered_of,
    some_id,
    some_partition,
)

pytestmark = pytest.mark.integration

LARGE, SMALL = 1 << 20, 64
"""Bytes of a filter: one that holds every key of these tests, and one that is full after 32 keys and loads 8."""
FLOW = UUID(WORKFLOW).int


def event(number, offset, time_ms=NOW_MS):
    """A job's end: its number, the place of its record, and the time of it."""
    return number, offset, time_ms


def decoded(*jobs):
    """Events as they come out of a decoder, given as (event, offset, time), but in the order of the log."""
    records = [FakeRecord(as_value(job), offset, time_ms) for job, offset, time_ms in jobs]
    columns = Keyed.concatenate(gathered_of("analytics", records).keyed)
    return columns.where(np.argsort(columns.offset))


def keyed(events):
    """The same, given as `event`; a number of None is an event without a key."""
    keys = [{"EventKey": ""} if number is None else {"number": number} for number, _, _ in events]
    return decoded(*((finished_job(**key), *place) for key, (_, *place) in zip(keys, events, strict=True)))


class World:
    """The index of a partition of the test's own; `restart` forgets what is in memory."""

    def __init__(self, stores, filter_bytes=LARGE):
        self.stores, self.filter_bytes, self.partition = stores, filter_bytes, some_partition()
        self.restart()

    def restart(self, partition=None, others=()):
        rows = IndexRows((partition or self.partition).id, others)
        self.index = EventIndex(rows, *self.stores, horizon_ms=HORIZON_MS, filter_bytes=self.filter_bytes)

    def firsts(self, events, below):
        return self.index.first_events(keyed(events), below).tolist()

    def write(self, *events):
        self.index.write(keyed(events), {})

    def apply(self, *events):
        """One batch, from its first offset on; which of its events count."""
        counts = self.firsts(events, events[0][1])
        self.write(*events)
        return counts

    def names(self, below, *workflows):
        return self.index.first_named({one: Named(0, NOW_MS, below) for one in workflows}, below)

    def rows(self, columns):
        with self.stores[0].lend(10) as connection:
            return connection.query(
                f"SELECT {columns} FROM event_keys WHERE partition_id = %(id)s ORDER BY record_offset",
                {"id": self.partition.id},
            )


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


def test_they_are_in_the_filter_too_when_it_cannot_hold_all_keys(stores):
    world = World(stores, filter_bytes=SMALL)
    world.write(*(event(number, offset=number) for number in range(40)))
    world.restart(some_partition(), others=(Evidence(world.partition.id, 40),))
    again = [event(number, offset=number) for number in range(50)]
    assert world.firsts(again, below=0) == [False] * 40 + [True] * 10


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


# --- the filter after a restart ---


def many(count, first=0):
    return [event(number, number) for number in range(first, first + count)]


@pytest.mark.parametrize("count", [7, 8, 9, 100])
def test_after_a_restart_the_same_events_are_repeats(stores, count):
    """The small filter loads the newest eight keys; of older ones it asks."""
    world = World(stores, SMALL)
    world.apply(*many(count))
    world.restart()
    repeated = [event(number, count + number) for number in range(count)]
    assert world.firsts(repeated, below=count) == [False] * count


@pytest.mark.parametrize("count", [7, 8, 9, 100])
def test_and_fresh_ones_are_fresh_older_or_newer(stores, count):
    world = World(stores, SMALL)
    world.apply(*many(count, first=500))
    world.restart()
    fresh = [event(number, 1000 + number) for number in (100, 499, 600, 700)]
    assert world.firsts(fresh, below=1000) == [True] * 4


def test_a_filter_that_is_full_is_loaded_anew_and_forgets_nothing(stores):
    world = World(stores, SMALL)
    for number in range(0, 120, 10):
        world.apply(*many(10, first=number))
    assert world.apply(*(event(number, 120 + number) for number in range(120))) == [False] * 120


def test_keys_of_one_millisecond_may_be_more_than_are_loaded(stores):
    """Of the oldest millisecond that is loaded some keys may be missing."""
    world = World(stores, SMALL)
    event_keys = [f"analytics:job:{some_id(1)[:-4]}{number:04x}:completed" for number in range(30)]
    events = decoded(*((finished_job(EventKey=key), at, NOW_MS) for at, key in enumerate(event_keys)))
    world.index.write(events, {})
    world.restart()
    assert not world.index.first_events(events, 30).any()


@pytest.mark.parametrize("page", [1, 7, 120, 121])
@pytest.mark.parametrize("filter_bytes", [LARGE, SMALL])
def test_a_filter_is_loaded_a_page_at_a_time(stores, monkeypatch, page, filter_bytes):
    """With a page of one key the page after it is the same one: then the rest stays unknown, and is looked up."""
    monkeypatch.setattr("processor.event_index._PAGE", page)
    world = World(stores, filter_bytes)
    world.write(*many(120))
    world.restart()
    assert world.apply(*(event(number, 120 + number) for number in range(120))) == [False] * 120


def test_a_job_with_the_event_key_of_a_workflow_gets_the_same_answer_from_every_filter(stores):
    odd = finished_job(EventKey=f"analytics:workflow:{WORKFLOW}")
    events, answers = decoded((odd, 200, NOW_MS)), []
    for filter_bytes in (LARGE, SMALL):
        world = World(stores, filter_bytes)
        world.apply(*(event(10_000 + at, 1 + at) for at in range(100)))
        world.index.write(None, {FLOW: Named(0, NOW_MS, 0)})
        world.restart()
        answers.append(world.index.first_events(events, 200).tolist())
    assert answers[0] == answers[1]


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


# --- a model ---

some_numbers = st.one_of(st.none(), st.integers(0, 6), st.integers(0, 60))
some_times = st.sampled_from([0, 0, 1, HORIZON_MS, HORIZON_MS + 1, 2 * HORIZON_MS, -5])
some_cuts = st.sets(st.integers(1, 59), max_size=5)
model_logs = st.lists(st.tuples(some_numbers, some_times), min_size=1, max_size=60)


def counted_by_definition(log):
    """Which events of a whole log count."""
    newest_ms, counts = {}, []
    for number, time_ms in log:
        before_ms = None if number is None else newest_ms.get(number)
        counts.append(before_ms is None or time_ms - before_ms > HORIZON_MS)
        newest_ms[number] = time_ms if before_ms is None else max(before_ms, time_ms)
    return counts


@given(model_logs, some_cuts, st.sets(st.integers(0, 4)), st.sampled_from([LARGE, SMALL]))
@settings(max_examples=15, deadline=None)
def test_whatever_the_batches_and_restarts_the_same_events_count(stores, log, cuts, restarts, filter_bytes):
    world, counts = World(stores, filter_bytes), []
    events = [event(number, offset, NOW_MS + time_ms) for offset, (number, time_ms) in enumerate(log)]
    ends = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    for at, (start, end) in enumerate(pairwise(ends)):
        if at in restarts:
            world.restart()
        counts += world.apply(*events[start:end])
    assert counts == counted_by_definition(log)
