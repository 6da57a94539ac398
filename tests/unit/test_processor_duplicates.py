"""The rule of duplicates against its definition, and the screening that comes before it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.duplicates import first_ones, may_repeat

HORIZON_MS = 10

logs = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=30)
values = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1)), max_size=40)


def counts_by_definition(log):
    """An event counts if no record of its identity before it in the log is at most the horizon older."""
    counts = []
    for place, (identity, time_ms) in enumerate(log):
        before_ms = [one_ms for one, one_ms in log[:place] if one == identity]
        counts.append(not any(time_ms - one_ms <= HORIZON_MS for one_ms in before_ms))
    return counts


@given(logs)
@settings(max_examples=150, deadline=None)
def test_the_events_that_count_are_those_of_the_definition(log):
    assert first_ones(log, {}, HORIZON_MS) == counts_by_definition(log)


@given(logs, st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_where_a_batch_ends_does_not_matter(log, cut):
    newest_ms = {}
    in_two = first_ones(log[:cut], newest_ms, HORIZON_MS) + first_ones(log[cut:], newest_ms, HORIZON_MS)
    assert in_two == first_ones(log, {}, HORIZON_MS)


@given(logs)
@settings(max_examples=60, deadline=None)
def test_the_newest_time_of_each_identity_is_kept(log):
    newest_ms = {}
    first_ones(log, newest_ms, HORIZON_MS)
    assert newest_ms == {one: max(ms for other, ms in log if other == one) for one, _ in log}


@pytest.mark.parametrize(
    ("later_ms", "counts"),
    [(-1000, False), (0, False), (HORIZON_MS, False), (HORIZON_MS + 1, True)],
)
def test_a_repeat_counts_only_beyond_the_horizon(later_ms, counts):
    assert first_ones([("a", 1000), ("a", 1000 + later_ms)], {}, HORIZON_MS) == [True, counts]


def test_a_repeat_carries_the_horizon_on():
    """What was not counted is evidence as well."""
    assert first_ones([("a", 0), ("a", 10), ("a", 20), ("a", 31)], {}, HORIZON_MS) == [
        True,
        False,
        False,
        True,
    ]


def test_a_record_from_the_past_does_not_take_the_horizon_back():
    assert first_ones([("a", 10), ("a", 0), ("a", 20)], {}, HORIZON_MS) == [True, False, False]


def test_what_came_before_the_batch_is_evidence():
    assert first_ones([("a", 5), ("b", 5)], {"a": 0}, HORIZON_MS) == [False, True]


@given(values)
@settings(max_examples=150, deadline=None)
def test_the_values_that_may_repeat_are_those_that_occur_twice(given_values):
    asked = may_repeat(np.array(given_values, np.uint64))
    assert asked.tolist() == [given_values.count(value) > 1 for value in given_values]
