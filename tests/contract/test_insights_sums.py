"""Numbers of ranges against each other: the parts of a whole are the whole, however events arrived."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import analytics_pb2
from analytics import insights_pb2 as pb
from tests.insights_calls import numbers_of, span
from tests.insights_histories import histories, on_engine, ranges, seconds_at
from tests.insights_model import nearest_rank
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration

SUMMED = (
    "jobs",
    "jobs_completed",
    "jobs_failed",
    "execution_seconds",
    "log_lines",
    "log_bytes",
    "stderr_lines",
    "stderr_bytes",
    "new_workflows",
)


def summed(many):
    found = [numbers_of(one) for one in many]
    return {name: sum(one[name] for one in found) for name in SUMMED}


@on_engine(6)
@given(st.data())
def test_buckets_workflows_and_kinds_each_sum_up_to_the_range(insights, data):
    drawn = data.draw(histories())
    insights.count(drawn.records)
    asked = span(*data.draw(ranges(drawn)))
    whole = summed([insights.summary(drawn.user, range=asked).summary.numbers])
    for interval in (pb.INTERVAL_HOUR, pb.INTERVAL_DAY, pb.INTERVAL_WEEK, pb.INTERVAL_MONTH):
        for group_by in (pb.GROUP_BY_UNSPECIFIED, pb.GROUP_BY_WORKFLOW, pb.GROUP_BY_KIND):
            found = insights.series(
                drawn.user, range=asked, interval=interval, time_zone=drawn.zone, group_by=group_by
            )
            assert summed(one.numbers for series in found.series for one in series.buckets) == whole
    rows = insights.page(drawn.user, range=asked).workflows
    assert summed(row.numbers for row in rows) == whole


@on_engine(4)
@given(st.data())
def test_failures_sum_up_to_the_failed_jobs(insights, data):
    drawn = data.draw(histories())
    insights.count(drawn.records)
    asked = span(*data.draw(ranges(drawn)))
    summary = insights.summary(drawn.user, range=asked).summary
    failed = summary.numbers.jobs.failed
    assert sum(one.jobs for one in summary.failures) == failed
    for group_by in (pb.GROUP_BY_FAILURE_KIND, pb.GROUP_BY_ERROR_CODE, pb.GROUP_BY_RESULT):
        found = insights.series(drawn.user, range=asked, interval=pb.INTERVAL_DAY, group_by=group_by)
        assert sum(one.numbers.jobs.failed for series in found.series for one in series.buckets) == failed


@on_engine(4)
@given(st.data())
def test_all_time_is_what_the_totals_say(insights, data):
    drawn = data.draw(histories())
    insights.count(drawn.records)
    totals: analytics_pb2.GetUserAnalyticsResponse = insights.totals(drawn.user)
    first_s = min(one.at_s for one in drawn.model.events) // 900 * 900
    behind_s = max(one.at_s for one in drawn.model.events) // 900 * 900 + 900
    for asked in (None, span(first_s, behind_s)):
        found = numbers_of(insights.summary(drawn.user, range=asked).summary.numbers)
        assert (found["jobs"], found["execution_seconds"], found["log_lines"], found["new_workflows"]) == (
            totals.total_jobs,
            totals.total_job_execution_duration,
            totals.total_joblogs,
            totals.total_workflows,
        )


@on_engine(4)
@given(st.data())
def test_any_split_of_the_events_into_batches_gives_the_same_answer(insights, data):
    """Counts, durations and percentiles: they merge exactly."""
    drawn = data.draw(histories())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn.records)), min_size=1, max_size=3)))
    other, named = uuid4(), set()
    for first, behind in zip([0, *cuts], [*cuts, len(drawn.records)], strict=True):
        part = [one._replace(event=one.event | {"UserID": str(other)}) for one in drawn.records[first:behind]]
        insights.count(part, already_named=named)
        named |= {
            flow
            for flow in FLOWS
            if any(one.event.get("WorkflowID") == str(flow) and one.topic == "analytics" for one in part)
        }
    insights.count(drawn.records)
    fields = {"range": span(*data.draw(ranges(drawn))), "percentile_ranks": [1, 50, 95, 99, 100]}
    assert insights.summary(other, **fields).summary == insights.summary(drawn.user, **fields).summary
    fields = {"range": fields["range"], "interval": pb.INTERVAL_DAY, "time_zone": drawn.zone}
    assert insights.series(other, **fields).series == insights.series(drawn.user, **fields).series


@on_engine(4)
@given(st.lists(st.integers(0, 100) | st.integers(0, 366 * 86_400), min_size=1, max_size=300))
def test_percentiles_are_within_one_percent_of_the_exact_ones(insights, seconds):
    user, at_s = uuid4(), seconds_at("2026-02-01T00:00+00:00")
    jobs = [Job(FLOWS[0], at_s + 900 * (at % 200), seconds=one, user=user) for at, one in enumerate(seconds)]
    insights.count(records_of([Flow(FLOWS[0], at_s, user=user)], jobs))
    ranks = [1, 25, 50, 75, 90, 95, 99, 99.9, 100]
    found = insights.summary(user, percentile_ranks=ranks)
    assert found.duration_precision.percentile_relative_error == 0.01
    for one in found.summary.numbers.durations.percentiles:
        exact = nearest_rank(seconds, one.rank)
        assert one.value.seconds + one.value.nanos / 1e9 == pytest.approx(exact, rel=0.01, abs=0)
