"""What the commands that ask about ranges ask the service."""

from datetime import UTC, datetime

import click
import pytest

from analytics import insights_pb2 as pb
from analytics.cli.options import Terms
from analytics.cli.questions import rates_of
from tests import insight_answers as answers
from tests.grpc_world import USER

FLOWS = answers.FLOWS


def test_a_summary_is_of_the_tokens_user_and_all_time(asked):
    assert asked("summary") == pb.GetAnalyticsSummaryRequest(
        user_id=str(USER), percentile_ranks=[50, 95, 99], time_zone="Europe/London"
    )


def test_dates_are_those_of_the_zone(asked):
    found = asked("summary", "--from", "2026-10", "--to", "2026-10")
    assert found.range == answers.october()
    found = asked("summary", "--from", "2026-10-25", "--to", "2026-10-25", "--zone", "Asia/Kathmandu")
    assert found.range == answers.time_range(
        datetime(2026, 10, 24, 18, 15, tzinfo=UTC), datetime(2026, 10, 25, 18, 15, tzinfo=UTC)
    )


def test_a_summary_takes_filters_ranks_and_a_comparison(asked):
    found = asked(
        "summary", "--workflow", FLOWS[0], "--kind", "CONTAINER", "--state", "active", "--state", "deleted",
        "--percentiles", "50,p99.9", "--compare", "year", "--from", "7d"
    )  # fmt: skip
    assert found.filter == pb.WorkflowFilter(
        workflow_ids=FLOWS[:1],
        kinds=["CONTAINER"],
        states=[pb.WORKFLOW_STATE_ACTIVE, pb.WORKFLOW_STATE_DELETED],
    )
    assert (list(found.percentile_ranks), found.comparison) == ([50, 99.9], pb.COMPARISON_YEAR_AGO)


def test_rates_are_options(asked):
    found = asked("summary", "--currency", "EUR", "--per-execution-hour", "0.012", "--per-job", "0.001")
    assert found.rates == pb.CostRates(currency_code="EUR", per_execution_hour="0.012", per_job="0.001")


def test_rates_of_a_file_keep_every_digit_and_options_win(tmp_path):
    file = tmp_path / "rates.toml"
    file.write_text('currency = "EUR"\nper_job = 0.1000000000000000055511151\nper_log_gibibyte = 3\n')
    assert rates_of(Terms(rates=file, per_log_gibibyte="4")) == pb.CostRates(
        currency_code="EUR", per_job="0.1000000000000000055511151", per_log_gibibyte="4"
    )


@pytest.mark.parametrize(
    ("text", "said"), [("per_jobs = 1", "per_jobs is no price"), ("=", "Invalid statement")]
)
def test_a_file_of_rates_that_is_none_is_named(tmp_path, text, said):
    file = tmp_path / "rates.toml"
    file.write_text(text)
    with pytest.raises(click.BadParameter, match=said):
        rates_of(Terms(rates=file))


def test_a_series_has_an_interval_a_zone_and_a_group(asked):
    found = asked(
        "series",
        "--every",
        "week",
        "--by",
        "failure-kind",
        "--complete",
        "--from",
        "2026-10",
        "--show",
        "jobs_failed",
    )
    assert (found.interval, found.time_zone) == (pb.INTERVAL_WEEK, "Europe/London")
    assert (found.group_by, found.complete_buckets_only) == (pb.GROUP_BY_FAILURE_KIND, True)


def test_a_series_asks_for_the_percentiles_that_are_shown(asked):
    assert list(asked("series", "--show", "p90", "--show", "p99.9").percentile_ranks) == [90, 99.9]


def test_a_series_has_a_begin_that_fits_its_interval(asked):
    hours, days = (
        asked("series", "--every", every).range.start_time.ToSeconds() for every in ("hour", "day")
    )
    assert 27 * 86_400 < hours - days < 30 * 86_400


def test_a_ranking_is_ordered_and_limited(asked):
    found = asked("compare", "--order-by", "p99.9", "--ascending", "--limit", 7)
    assert (found.order_by, found.page_size) == ("p99.9 asc", 7)
    assert list(found.percentile_ranks) == [50, 95, 99, 99.9]


def test_workflows_that_are_named_are_compared(asked):
    assert list(asked("compare", *FLOWS).filter.workflow_ids) == list(FLOWS)


def test_anomalies_have_their_own_terms(asked):
    found = asked(
        "anomalies",
        "--from",
        "2026-10-20",
        "--workflow",
        FLOWS[0],
        "--measure",
        "median-duration",
        "--weeks",
        12,
        "--threshold",
        5,
    )
    assert (found.baseline_weeks, found.threshold, found.time_zone) == (12, 5, "Europe/London")
    assert (list(found.measures), list(found.workflow_ids)) == (
        [pb.ANOMALY_MEASURE_MEDIAN_DURATION],
        [FLOWS[0]],
    )


def test_anomalies_need_a_begin_and_have_one(asked):
    assert asked("anomalies").range.HasField("start_time")
