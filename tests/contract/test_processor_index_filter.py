"""The filter before the index of event keys: whatever it holds, and after every restart, the answers are the same."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.events import Named
from processor.lineage import Evidence
from tests.contract.index_world import FLOW, LARGE, SMALL, World, decoded, event
from tests.processor_world import HORIZON_MS, NOW_MS, WORKFLOW, finished_job, some_id, some_partition

pytestmark = pytest.mark.integration


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


def test_keys_of_a_partition_that_comes_before_are_in_a_filter_that_cannot_hold_all_keys(stores):
    world = World(stores, filter_bytes=SMALL)
    world.write(*(event(number, offset=number) for number in range(40)))
    world.restart(some_partition(), others=(Evidence(world.partition.id, 40),))
    again = [event(number, offset=number) for number in range(50)]
    assert world.firsts(again, below=0) == [False] * 40 + [True] * 10


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
