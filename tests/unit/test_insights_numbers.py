"""From sums to numbers: scores, costs, orders, and what stays unset."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import histogram
from analytics.errors import InvalidField
from analytics.insights import answers
from analytics.insights.cost import Rates, cost_of
from analytics.insights.model import Measured, Results
from analytics.insights.ordering import parse_order
from analytics.insights.robust import least_scale_of_count, least_scale_of_duration, robust_score

RANKS = (50.0, 95.0)


def bins_of(*seconds):
    return tuple(histogram.bins(np.array(seconds)).tolist())


KNOWN = Measured(
    jobs=4,
    execution_seconds=10,
    jobs_completed=3,
    jobs_failed=1,
    shortest_seconds=1,
    longest_seconds=4,
    binned_jobs=4,
    percentile_bins=bins_of(2, 3),
)
WITH_STATUS = Results({("USER", "Aborted"): 1}, 4, 1, 4, bins_of(4, 4), bins_of(2, 2))


# --- robust scores ---


def test_the_score_is_the_modified_z_score_of_iglewicz_and_hoaglin():
    """Their M is 0.6745 (x - median) / MAD, here of ten values with median 2.45 and MAD 0.15."""
    found = robust_score(8.0, [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3], least_scale=1e-9)
    middle, mad = 2.45, 0.15
    assert (found.median, found.mad) == pytest.approx((middle, mad))
    assert found.score == pytest.approx(0.6745 * (8.0 - middle) / mad, rel=1e-4)


def test_one_wild_value_among_the_others_does_not_hide_another():
    """With mean and deviation the second one would have a score below 2."""
    assert robust_score(1_000, [10, 11, 9, 10, 12, 10, 1_000], 1.0).score > 100


@pytest.mark.parametrize(("value", "score"), [(5, 0), (6, 1), (2, -3)])
def test_against_values_that_are_all_equal_the_least_scale_decides(value, score):
    assert robust_score(value, [5] * 8, 1.0) == (5, 0, 1.0, score)


def test_the_least_scale_is_no_floor_of_a_larger_deviation():
    assert robust_score(30, [0, 10, 20], 1.0).scale == pytest.approx(14.826)


@pytest.mark.parametrize(("middle", "scale"), [(0, 1), (1, 1), (4, 2), (10_000, 100)])
def test_the_least_scale_of_counts_is_what_chance_does(middle, scale):
    assert least_scale_of_count(middle) == scale


@pytest.mark.parametrize(("middle", "scale"), [(0, 1), (50, 1), (100, 2), (86_400, 1_728)])
def test_the_least_scale_of_durations_is_a_second_or_two_percent(middle, scale):
    assert least_scale_of_duration(middle) == pytest.approx(scale)


# --- cost ---


def rates(**prices):
    names = ("per_execution_hour", "per_job", "per_million_log_lines", "per_log_gibibyte")
    return Rates("EUR", *(Decimal(prices.get(name, "0")) for name in names))


@pytest.mark.parametrize(
    ("measured", "prices", "total"),
    [
        (Measured(execution_seconds=3_600), {"per_execution_hour": "0.012"}, "0.012000000"),
        (Measured(jobs=3), {"per_job": "0.1"}, "0.300000000"),
        (Measured(log_lines=1), {"per_million_log_lines": "0.5"}, "5.00E-7"),
        (Measured(log_bytes=2**30), {"per_log_gibibyte": "0.03"}, "0.030000000"),
        (Measured(jobs=2**64 - 1), {"per_job": "99999999999999999999"}, str((2**64 - 1) * (10**20 - 1))),
        (Measured(jobs=5), {"per_job": "0.0000000001"}, "0"),
        (Measured(jobs=15), {"per_job": "0.0000000001"}, "2E-9"),
        (Measured(jobs=5), {"per_job": "1e-999999999999"}, "0"),
    ],
)
def test_costs_are_exact_and_rounded_half_to_even_to_nine_places(measured, prices, total):
    assert cost_of(measured, rates(**prices)).total == Decimal(total)


@given(st.integers(0, 2**64), st.decimals(0, 10**6, places=6), st.integers(0, 2**64))
def test_the_total_is_the_sum_of_its_parts(seconds, price, lines):
    found = cost_of(
        Measured(execution_seconds=seconds, jobs=7, log_lines=lines, log_bytes=lines),
        Rates("EUR", price, price, price, price),
    )
    assert Fraction(found.total) == sum(map(Fraction, (found.execution, found.jobs, found.logs)))


def test_costs_are_written_without_an_exponent():
    message = answers.cost_message(cost_of(Measured(), rates()), "EUR")
    assert (message.total, message.execution, message.currency_code) == ("0.000000000", "0.000000000", "EUR")


# --- answers ---


def test_what_nothing_can_be_computed_from_is_unset():
    found = answers.numbers_message(Measured(), RANKS, 0)
    assert not found.jobs.HasField("success_ratio")
    assert not found.logs.HasField("stderr_ratio")
    assert not found.logs.HasField("lines_per_job")
    assert not found.HasField("utilization")
    assert not any(found.durations.HasField(name) for name in ("average", "minimum", "maximum"))
    assert not found.durations.percentiles


def test_counts_of_nothing_are_zero_and_there():
    found = answers.numbers_message(Measured(), RANKS, 0)
    assert found.HasField("new_workflows")
    assert found.new_workflows == 0
    assert all(found.jobs.HasField(name) for name in ("finished", "completed", "failed"))


def test_of_a_time_that_is_still_to_come_no_utilization_is_known():
    assert not answers.numbers_message(KNOWN, RANKS, -900).HasField("utilization")


def test_percentiles_come_with_their_ranks_in_the_order_asked_for():
    found = answers.durations_message(KNOWN, RANKS).percentiles
    assert [(one.rank, one.value.seconds) for one in found] == [(50.0, 2), (95.0, 3)]


def test_a_percentile_is_never_beyond_the_shortest_or_longest_job():
    bins = bins_of(1_001, 1_001)
    assert histogram.value_s(bins[0]) != 1_001
    one = KNOWN._replace(shortest_seconds=1_001, longest_seconds=1_001, percentile_bins=bins)
    assert answers.percentiles_s(one) == [1_001, 1_001]


def test_sums_beyond_a_field_stay_at_its_maximum():
    most, beyond = 2**64 - 1, 2**64
    found = answers.numbers_message(Measured(*[beyond] * 12, percentile_bins=(1, 1)), RANKS, 1)
    counts = found.jobs.finished, found.jobs.failed, found.durations.count, found.durations.total_seconds
    assert (*counts, found.logs.lines, found.logs.stderr_bytes, found.new_workflows) == (most,) * 7


def test_durations_longer_than_a_message_holds_stay_at_its_maximum():
    found = answers.durations_message(KNOWN._replace(execution_seconds=10**15), RANKS)
    assert found.average.seconds == 315_576_000_000


FORMER = KNOWN._replace(binned_jobs=3)


def test_jobs_of_former_versions_leave_single_durations_unset():
    found = answers.durations_message(FORMER, RANKS)
    assert (found.count, found.total_seconds) == (4, 10)
    assert not found.HasField("minimum")
    assert not found.HasField("maximum")
    assert not found.percentiles


def test_jobs_of_former_versions_are_named_as_the_reason():
    durations, results = answers.unknown_of_former_jobs([FORMER, KNOWN])
    assert (durations.field, results.field) == ("numbers.durations.percentiles", "numbers.jobs.completed")
    for one in (durations, results):
        assert one.reason.startswith("1 of 8 finished jobs were counted by a former version")
    assert answers.unknown_of_former_jobs([KNOWN]) == []


def test_durations_by_result_are_those_of_the_jobs_that_failed_and_of_the_others():
    found = answers.by_result_message(KNOWN, WITH_STATUS, RANKS)
    assert (found.failed.count, found.failed.total_seconds) == (1, 4)
    assert (found.completed.count, found.completed.total_seconds) == (3, 6)
    assert [one.value.seconds for one in found.completed.percentiles] == [2, 2]


@pytest.mark.parametrize(
    ("measured", "results"),
    [(KNOWN, WITH_STATUS._replace(jobs_with_status=3)), (FORMER, WITH_STATUS), (Measured(), Results({}))],
    ids=["no status", "former version", "no jobs"],
)
def test_durations_by_result_are_not_guessed(measured, results):
    assert answers.by_result_message(measured, results, RANKS) is None


def test_failures_come_with_the_largest_count_first_and_equal_ones_by_name():
    found = answers.failure_counts(Results({("B", ""): 2, ("A", "y"): 2, ("A", "x"): 2, ("C", ""): 9}))
    assert [(one.failure_kind, one.error_code) for one in found] == [
        ("C", ""),
        ("A", "x"),
        ("A", "y"),
        ("B", ""),
    ]


def test_what_producers_do_not_send_is_named():
    assert {one.field for one in answers.NOT_SENT} == {"jobs.canceled", "jobs.trigger"}


# --- ordering ---


@pytest.mark.parametrize("text", ["", "jobs desc", "  jobs   desc ", " "])
def test_most_jobs_first_is_the_default_order(text):
    assert parse_order(text) == parse_order("jobs desc")


@pytest.mark.parametrize(("text", "descending"), [("p95", False), ("p95 asc", False), ("p95 desc", True)])
def test_a_number_alone_is_the_smallest_first(text, descending):
    assert parse_order(text).is_descending is descending


@pytest.mark.parametrize("text", ["p50", "p99.9", "p100", "p0.000001"])
def test_any_rank_is_an_order(text):
    assert "quantile" in parse_order(text).sums


@pytest.mark.parametrize(
    "text",
    [
        "job",
        "JOBS",
        "jobs down",
        "jobs desc desc",
        "jobs, log_lines",
        "p0",
        "p101",
        "p",
        "p-1",
        "pnan",
        "p5e1",
        "p95; DROP",
    ],
)
def test_what_is_no_order_is_refused(text):
    with pytest.raises(InvalidField) as caught:
        parse_order(text)
    assert caught.value.field == "order_by"


def test_a_wrong_name_gets_all_the_right_ones():
    with pytest.raises(InvalidField, match=r"success_ratio.*utilization.*minimum_duration.*p95"):
        parse_order("create_time")


def test_no_score_is_infinite():
    assert math.isfinite(robust_score(2**63, [0] * 4, 1.0).score)
