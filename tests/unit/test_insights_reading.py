"""Which rows hold a range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar import DAY_S, QUARTER_S, Span
from analytics.insights.model import Range
from analytics.insights.reading import ALL_TIME, condition_of, rows_of, split_condition

NOTHING = "resolution = 'day' AND 0"
quarters = st.integers(0, 12 * 96).map(lambda number: 20_000 * DAY_S + number * QUARTER_S)


@st.composite
def spans(draw):
    first, behind = sorted(draw(st.lists(quarters, min_size=2, max_size=2, unique=True)))
    return Span(first, behind)


def starts(some, length_s):
    """Where the rows of these spans begin."""
    return [at_s for one in some for at_s in range(one.start_s, one.end_s, length_s)]


@given(spans(), st.lists(quarters, max_size=6))
def test_every_quarter_of_an_hour_is_in_exactly_one_row(span, boundaries):
    found = rows_of(span, boundaries)
    of_days = [at_s for day in starts(found.days, DAY_S) for at_s in range(day, day + DAY_S, QUARTER_S)]
    assert sorted(of_days + starts(found.quarters, QUARTER_S)) == list(range(*span, QUARTER_S))


@given(spans(), st.lists(quarters, max_size=6))
def test_no_row_lies_on_both_sides_of_a_boundary(span, boundaries):
    for day_s in starts(rows_of(span, boundaries).days, DAY_S):
        assert not any(day_s < at_s < day_s + DAY_S for at_s in boundaries)


@given(spans(), st.lists(quarters, max_size=6))
def test_whole_utc_days_without_a_boundary_inside_are_day_rows(span, boundaries):
    whole = [
        day_s
        for day_s in range(-(-span.start_s // DAY_S) * DAY_S, span.end_s - DAY_S + 1, DAY_S)
        if not any(day_s < at_s < day_s + DAY_S for at_s in boundaries)
    ]
    assert starts(rows_of(span, boundaries).days, DAY_S) == whole


def test_midnights_of_utc_as_boundaries_split_no_day():
    span = Span(0, 3 * DAY_S)
    assert rows_of(span, [DAY_S, 2 * DAY_S]) == ((span,), ())


def test_all_time_is_the_total_whatever_the_times_of_events_are():
    assert condition_of(Range(Span(0, DAY_S), is_all_time=True)) == ALL_TIME


def test_a_range_is_read_from_its_rows():
    span = Span(0, 2 * DAY_S)
    assert condition_of(Range(span, is_all_time=False)) == rows_of(span).condition


@pytest.mark.parametrize("span", [Span(0, DAY_S), Span(5 * DAY_S, 6 * DAY_S), Span(DAY_S, DAY_S)])
def test_buckets_beyond_the_data_read_no_row(span):
    assert split_condition(span, Span(DAY_S, 5 * DAY_S), ()) == NOTHING


def test_a_long_series_is_not_read_beyond_the_data():
    """A century costs no more than the days that there are."""
    found = split_condition(Span(0, 2**32 - 900), Span(DAY_S, 2 * DAY_S), [0, 3600, 3 * DAY_S])
    assert found == (
        "((resolution = 'day' AND bucket_start >= toDateTime(86400, 'UTC') AND bucket_start < toDateTime(172800, 'UTC')))"
    )


def test_a_series_of_very_many_stretches_is_read_by_quarters():
    """The text of a condition has its limit, in the server."""
    weeks = [at_s * 7 * DAY_S + 3_600 for at_s in range(1, 1_200)]
    span = Span(DAY_S, 1_200 * 7 * DAY_S)
    found = split_condition(span, span, weeks)
    assert found.count("bucket_start >=") == 1
    assert "'quarter'" in found
