"""Bins of durations. They are stored for ever: what is pinned here may never change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import histogram
from analytics.histogram import BINS, RELATIVE_ERROR, bins, value_s

DAY_S = 86_400
LONGEST_S = 366 * DAY_S

PINNED = {
    0: 0, 1: 1, 2: 36, 3: 56, 10: 117, 49: 196, 50: 197, 51: 198, 59: 205, 60: 206, 61: 207, 100: 232, 600: 321,
    3_600: 411, 86_400: 570, 604_800: 667, 31_536_000: 865, LONGEST_S: 865,
}  # fmt: skip
"""Seconds → bin."""


@pytest.fixture(scope="module")
def every_second():
    """All durations that a job may have."""
    return np.arange(LONGEST_S + 1)


@pytest.fixture(scope="module")
def values():
    return np.array([value_s(number) for number in range(BINS)])


def test_the_mapping_is_that_of_the_tables():
    assert dict(zip(PINNED, bins(np.array([*PINNED])).tolist(), strict=True)) == PINNED


@pytest.mark.parametrize(("number", "seconds"), [(0, 0.0), (1, 1.0), (36, 2.0), (196, 49.0)])
def test_the_values_of_small_bins_are_whole_seconds(number, seconds):
    assert value_s(number) == seconds


def test_the_value_of_a_large_bin_is_pinned():
    assert value_s(570) == pytest.approx(86_710.39226567236, rel=1e-12)


def test_no_bound_is_so_near_to_a_whole_second_that_rounding_could_decide():
    """Another machine computes powers with other last bits."""
    bounds = histogram._UPPER_BOUNDS[2:]
    bounds = bounds[bounds < LONGEST_S + 1]
    assert (np.abs(bounds - np.round(bounds)) > 1e-11 * bounds).all()


def test_a_bin_tells_every_duration_within_one_percent(every_second, values):
    error = np.abs(values[bins(every_second)] - every_second)
    assert (error <= RELATIVE_ERROR * every_second + 1e-9).all()


def test_a_bin_tells_durations_below_50_seconds_exactly(values):
    seconds = np.arange(50)
    assert values[bins(seconds)].tolist() == seconds.tolist()


def test_longer_durations_are_in_no_lower_bin(every_second):
    assert (np.diff(bins(every_second)) >= 0).all()


def test_the_values_of_bins_grow(values):
    assert (np.diff(values) > 0).all()


def test_the_longest_duration_has_a_bin():
    assert bins(np.array([LONGEST_S]))[0] < BINS < 1 << 14  # a bin travels in 14 bits


@given(st.lists(st.integers(0, LONGEST_S), max_size=60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_counts_of_any_two_parts_add_up_to_those_of_the_whole(seconds, cut):
    counts = [
        np.bincount(bins(np.array(part, np.int64)), minlength=BINS)
        for part in (seconds[:cut], seconds[cut:], seconds)
    ]
    assert (counts[0] + counts[1] == counts[2]).all()


@given(
    st.lists(st.integers(0, LONGEST_S), min_size=1, max_size=200), st.sampled_from([1, 50, 95, 99, 99.9, 100])
)
@settings(max_examples=100, deadline=None)
def test_a_percentile_of_the_bins_is_within_one_percent_of_the_exact_one(seconds, rank):
    """By nearest rank, of which the bins keep the order."""
    at = max(int(np.ceil(rank * len(seconds) / 100)), 1) - 1
    exact, of_bins = sorted(seconds)[at], sorted(bins(np.array(seconds)).tolist())[at]
    assert abs(value_s(of_bins) - exact) <= RELATIVE_ERROR * exact + 1e-9
