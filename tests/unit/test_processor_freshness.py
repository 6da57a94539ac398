"""A time is promised only when everything published before it is counted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.freshness import AsOf

rounds = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=30)


def as_of(*aims, reached):
    one = AsOf()
    for end, asked_ms in aims:
        one.aim(end, asked_ms)
    one.reach(reached)
    return one.as_of_ms


def test_at_first_nothing_is_promised():
    assert AsOf().as_of_ms == 0


def test_an_end_that_is_not_reached_promises_nothing():
    assert as_of((10, 1000), reached=9) == 0


def test_an_end_that_is_reached_promises_the_time_at_which_it_was_asked_for():
    assert as_of((10, 1000), reached=10) == 1000


def test_of_all_ends_that_are_reached_the_last_one_counts():
    assert as_of((10, 1000), (12, 2000), (15, 3000), reached=14) == 2000


def test_an_idle_partition_is_as_fresh_as_the_last_question():
    assert as_of((10, 1000), (10, 2000), reached=10) == 2000


def test_what_was_promised_stays_while_nothing_moves():
    one = AsOf()
    one.aim(10, 1000)
    one.reach(10)
    one.aim(20, 2000)
    one.reach(10)
    assert one.as_of_ms == 1000


def test_a_lag_of_hours_is_noted_in_bounded_memory():
    """What is dropped makes the promise older, never wrong."""
    one = AsOf()
    for asked_ms in range(1, 100_001):
        one.aim(asked_ms, asked_ms)
    one.reach(50_000)
    assert 0 < one.as_of_ms <= 50_000


def test_after_a_long_lag_the_next_question_is_promised_again():
    one = AsOf()
    for asked_ms in range(1, 10_001):
        one.aim(asked_ms, asked_ms)
    one.reach(10_000)
    one.aim(10_001, 10_001)
    one.reach(10_001)
    assert one.as_of_ms == 10_001


@given(rounds)
@settings(max_examples=100, deadline=None)
def test_a_promise_never_runs_ahead_of_the_truth(steps):
    """Each round publishes some records, asks for the end, and applies some records."""
    one, published_ms, applied, clock_ms = AsOf(), [], 0, 0
    for published, more in steps:
        clock_ms += 1
        published_ms += [clock_ms] * published
        clock_ms += 1
        one.aim(len(published_ms), clock_ms)
        applied = min(len(published_ms), applied + more)
        one.reach(applied)
        assert all(published >= one.as_of_ms for published in published_ms[applied:])
