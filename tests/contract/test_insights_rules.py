"""What the contract of ranges promises, promise by promise."""

from uuid import uuid4

import pytest
from grpc import StatusCode

from analytics import insights_pb2 as pb
from tests.contract.conftest import AS_OF_S
from tests.contract.ranges_world import AT_S, DAY_S, HOUR_S, counted, numbers
from tests.insights_calls import code_of, ends_of, optional, span
from tests.insights_world import FLOWS, Job, Record, iso, records_of
from tests.processor_world import finished_job, step

pytestmark = pytest.mark.integration


def test_a_job_belongs_with_all_its_seconds_to_the_bucket_of_its_end(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S + 60, seconds=7_200)])
    before = numbers(insights, user, AT_S - 7_200, AT_S)
    within = numbers(insights, user, AT_S, AT_S + 900)
    assert (before["jobs"], before["execution_seconds"]) == (0, 0)
    assert (within["jobs"], within["execution_seconds"], within["utilization"]) == (1, 7_200, 8.0)


def test_the_end_of_a_job_is_what_its_event_says_when_it_says_it(insights):
    user = counted(insights, [])
    ids = {"UserID": str(user), "WorkflowID": str(FLOWS[0])}
    event = finished_job(7, seconds=5, completed_at=iso(AT_S + HOUR_S), **ids)
    insights.count([Record("analytics", event, AT_S + 5 * HOUR_S)], already_named=FLOWS)
    assert numbers(insights, user, AT_S + HOUR_S, AT_S + HOUR_S + 900)["jobs"] == 1
    assert numbers(insights, user, AT_S + 5 * HOUR_S, AT_S + 6 * HOUR_S)["jobs"] == 0


def test_the_start_belongs_to_a_range_and_the_end_does_not(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S, lines=1), Job(FLOWS[0], AT_S + 900, lines=1)])
    found = numbers(insights, user, AT_S, AT_S + 900)
    assert [found[name] for name in ("jobs", "jobs_completed", "log_lines")] == [1, 1, 1]


def test_of_nothing_there_are_counts_but_no_percentiles_and_no_ratios(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    found = numbers(insights, user, AT_S + DAY_S, AT_S + 2 * DAY_S)
    assert found["percentiles"] == []
    unset = ("success_ratio", "average_duration", "minimum_duration", "stderr_ratio", "lines_per_job")
    assert [found[name] for name in unset] == [None] * 5
    assert [found[name] for name in ("jobs", "jobs_failed", "log_lines", "new_workflows", "utilization")] == [
        0
    ] * 5


def test_a_workflow_that_only_topic_workflows_names_is_nowhere(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    ids = {"UserID": str(user), "ID": str(FLOWS[1])}
    event = step("TERMINATE", EventKey=f"workflow:{FLOWS[1]}:TERMINATE:1", **ids)
    insights.count([Record("workflows", event, AT_S)])
    assert [row.workflow_id for row in insights.page(user).workflows] == [str(FLOWS[0])]
    workflows = insights.summary(user).summary.workflows
    assert (workflows.total, workflows.terminated, workflows.terminated_in_range) == (1, 0, 0)
    found = insights.series(
        user, range=span(AT_S, AT_S + 900), interval=pb.INTERVAL_DAY, group_by=pb.GROUP_BY_WORKFLOW
    )
    assert [one.group for one in found.series] == [str(FLOWS[0])]


def test_a_workflow_of_which_only_results_came_is_in_no_list(insights):
    """Its jobs count for the user; the workflow itself is known when topic `analytics` names it."""
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    only_result = records_of([], [Job(FLOWS[1], AT_S, user=user)])
    insights.count([one for one in only_result if one.topic == "workflows"])
    summary = insights.summary(user).summary
    assert (summary.numbers.jobs.completed, summary.workflows.total) == (2, 1)
    assert insights.page(user).total_size == 1


def test_a_user_whom_only_topic_workflows_names_is_not_found(insights):
    user = uuid4()
    event = step("TERMINATE", ID=str(FLOWS[1]), UserID=str(user), EventKey=f"workflow:{FLOWS[1]}:TERMINATE:1")
    insights.count([Record("workflows", event, AT_S)])
    assert code_of(lambda: insights.summary(user)) is StatusCode.NOT_FOUND


@pytest.mark.parametrize(("with_status", "is_there"), [((True, True), True), ((True, False), False)])
def test_durations_by_result_are_there_only_when_all_jobs_tell_their_result(insights, with_status, is_there):
    jobs = [Job(FLOWS[0], AT_S, with_status=one) for one in with_status]
    found = insights.summary(counted(insights, jobs))
    assert found.summary.HasField("durations_by_result") is is_there
    assert ("durations_by_result" in [one.field for one in found.unavailable]) is not is_there


def test_a_job_without_status_outside_of_the_range_does_not_matter(insights):
    jobs = [Job(FLOWS[0], AT_S, with_status=True), Job(FLOWS[0], AT_S + DAY_S)]
    found = insights.summary(counted(insights, jobs), range=span(AT_S, AT_S + DAY_S))
    assert found.summary.HasField("durations_by_result")


def test_what_producers_do_not_send_is_named_and_not_zero(insights):
    found = insights.summary(counted(insights, [Job(FLOWS[0], AT_S, with_status=True)]))
    assert [one.field for one in found.unavailable] == ["jobs.canceled", "jobs.trigger"]


def test_late_events_move_the_numbers_of_old_buckets(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S), Job(FLOWS[0], AT_S + 9 * DAY_S)])
    late = records_of([], [Job(FLOWS[0], AT_S + 60, seconds=70, lines=2, user=user)])
    insights.count(late, already_named=FLOWS)
    found = numbers(insights, user, AT_S, AT_S + DAY_S)
    assert [found[name] for name in ("jobs", "execution_seconds", "log_lines")] == [2, 75, 2]


def test_a_range_that_begins_with_unix_time_counts_no_workflow_as_ended(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    workflows = insights.summary(user, range=span(0, AT_S + DAY_S)).summary.workflows
    assert (workflows.terminated_in_range, workflows.deleted_in_range) == (0, 0)


@pytest.mark.parametrize("beside_s", [0, 899])
def test_a_workflow_ended_in_the_range_in_which_it_was_terminated_and_deleted(insights, beside_s):
    flow = {"terminated_s": AT_S + beside_s, "deleted_s": AT_S + 900 + beside_s}
    user = counted(insights, [], **flow)
    ended = [
        insights.summary(user, range=span(AT_S + at, AT_S + at + 900)).summary.workflows for at in (0, 900)
    ]
    assert [(one.terminated_in_range, one.deleted_in_range) for one in ended] == [(1, 0), (0, 1)]
    assert [(one.total, one.active, one.terminated, one.deleted) for one in ended] == [(1, 0, 0, 1)] * 2


def test_an_end_that_is_not_given_is_that_of_the_present_quarter_of_an_hour(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    found = insights.summary(user, range=pb.TimeRange(start_time=span(AT_S, 0).start_time))
    start_s, end_s = ends_of(found.summary.range)
    assert start_s == AT_S
    assert end_s % 900 == 0
    ahead_s = end_s - found.freshness.as_of_time.seconds - found.freshness.age.seconds
    assert -5 <= ahead_s <= 900


def test_a_start_that_is_not_given_is_where_the_data_begins(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    found = insights.summary(user)
    begin_s = found.summary.range.start_time.seconds
    assert begin_s == found.freshness.data_start_time.seconds == AT_S - DAY_S
    assert insights.status(user).freshness.data_start_time.seconds == AT_S - DAY_S


def test_freshness_is_what_was_known_before_the_numbers_were_read(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    asked = {"range": span(AT_S, AT_S + DAY_S)}
    for found in (
        insights.summary(user),
        insights.series(user, interval=pb.INTERVAL_MONTH),
        insights.page(user),
        insights.anomalies(user, **asked),
        insights.status(user),
    ):
        assert found.freshness.as_of_time.seconds == AS_OF_S
        assert found.freshness.stale


@pytest.mark.parametrize(("days", "log_bytes"), [(3, 3 * 2**62), (5, 2**64 - 1)])
def test_sums_never_wrap_but_stay_at_the_maximum_of_their_field(insights, days, log_bytes):
    """Of rows that no history has, each as large as a row may be."""
    user, flow = uuid4(), FLOWS[0]
    insights.insert_days(user, flow, [(AT_S + day * DAY_S, 2**62) for day in range(days)])
    asked = span(AT_S, AT_S + 9 * DAY_S)
    assert numbers(insights, user, AT_S, AT_S + 9 * DAY_S)["log_bytes"] == log_bytes
    found = insights.series(user, range=asked, interval=pb.INTERVAL_MONTH)
    assert [one.numbers.logs.bytes for one in found.series[0].buckets] == [log_bytes]
    (row,) = insights.page(user, range=asked, order_by="log_bytes desc").workflows
    assert row.numbers.logs.bytes == log_bytes


def test_cost_is_that_of_the_numbers_of_the_range(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S, seconds=1_800, lines=2)])
    rates = pb.CostRates(
        currency_code="EUR", per_execution_hour="0.5", per_job="0.01", per_million_log_lines="1"
    )
    cost = insights.summary(user, rates=rates).summary.cost
    assert (cost.currency_code, cost.execution, cost.jobs, cost.logs, cost.total) == (
        "EUR",
        "0.250000000",
        "0.010000000",
        "0.000002000",
        "0.260002000",
    )
    assert optional(insights.summary(user).summary, "cost") is None


def test_totals_without_a_time_are_told_for_all_time_and_in_no_range(insights):
    """So are balances that were imported from the Go service."""
    user = uuid4()
    insights.insert_days(user, FLOWS[0], [])
    assert insights.summary(user).summary.numbers.logs.lines == 1
    assert numbers(insights, user, AT_S, AT_S + DAY_S)["log_lines"] == 0
