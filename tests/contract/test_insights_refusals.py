"""What requests about ranges are refused: too much at once, and what belongs to others."""

from uuid import UUID, uuid4

import pytest
from grpc import StatusCode

from analytics import insights_pb2 as pb
from tests.contract.ranges_world import AT_S, DAY_S, HOUR_S, counted
from tests.grpc_world import metadata, token
from tests.insights_calls import code_of, span, violation
from tests.insights_histories import seconds_at
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration


# --- limits ---


def test_a_series_that_is_too_long_gets_the_latest_end_that_is_allowed(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    asked = {"interval": pb.INTERVAL_HOUR, "time_zone": "Asia/Kathmandu"}
    field, rule = violation(lambda: insights.series(user, range=span(AT_S, AT_S + 20_000 * HOUR_S), **asked))
    assert (field, "10,000 buckets" in rule) == ("range", True)
    end_s = seconds_at(next(word for word in rule.split() if word.endswith("Z")).replace("Z", "+00:00"))
    (series,) = insights.series(user, range=span(AT_S, end_s), **asked).series
    assert len(series.buckets) == 10_000
    field, _ = violation(lambda: insights.series(user, range=span(AT_S, end_s + 900), **asked))
    assert field == "range"


def test_groups_with_too_many_buckets_are_refused_with_what_is_allowed(insights):
    user = uuid4()
    insights.count(records_of([Flow(one, AT_S, user=user) for one in FLOWS[:3]], []))
    asked = {"interval": pb.INTERVAL_HOUR, "group_by": pb.GROUP_BY_WORKFLOW}
    field, rule = violation(lambda: insights.series(user, range=span(AT_S, AT_S + 3_334 * HOUR_S), **asked))
    assert field == "group_by"
    assert "at most 3,333 buckets" in rule
    assert "10,002 points" in rule
    assert len(insights.series(user, range=span(AT_S, AT_S + 3_333 * HOUR_S), **asked).series) == 3


def test_hours_to_judge_are_at_most_31_days_and_the_latest_end_is_named(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    field, rule = violation(lambda: insights.anomalies(user, range=span(AT_S, AT_S + 31 * DAY_S + 900)))
    assert (field, "31 days" in rule, "2026-03-05T00:00:00Z" in rule) == ("range", True, True)
    insights.anomalies(user, range=span(AT_S, AT_S + 31 * DAY_S))


def test_a_zone_whose_days_began_at_odd_minutes_is_refused_for_that_time(insights):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    asked = {"range": span(0, DAY_S), "time_zone": "Africa/Monrovia"}
    assert violation(lambda: insights.series(user, interval=pb.INTERVAL_DAY, **asked))[0] == "time_zone"


def test_anomalies_of_too_many_workflows_and_weeks_are_refused(insights):
    user = counted(insights, [])
    ids = [str(uuid4()) for _ in range(100)]
    asked = {"workflow_ids": ids, "range": span(AT_S, AT_S + 31 * DAY_S)}
    field, rule = violation(lambda: insights.anomalies(user, **asked))
    assert (field, "150,000 are the limit" in rule) == ("workflow_ids", True)


# --- who may ask ---

METHODS = ("summary", "series", "page", "anomalies", "status")
NEEDED = {"series": {"interval": pb.INTERVAL_DAY}, "anomalies": {"range": span(AT_S, AT_S + DAY_S)}}


@pytest.mark.parametrize("method", METHODS)
def test_nobody_reads_another_users_numbers(insights, method):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    other = metadata(token(uuid4()))
    refused = code_of(lambda: getattr(insights, method)(user, sent=other, **NEEDED.get(method, {})))
    assert refused is StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", METHODS)
def test_an_admin_reads_every_users_numbers(insights, method):
    user = counted(insights, [Job(FLOWS[0], AT_S)])
    admin = metadata(token("internal/executor", role="admin"))
    assert getattr(insights, method)(user, sent=admin, **NEEDED.get(method, {}))


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_user_is_not_found(insights, method):
    ask = getattr(insights, method)
    assert code_of(lambda: ask(uuid4(), **NEEDED.get(method, {}))) is StatusCode.NOT_FOUND


def test_workflows_of_another_user_are_as_unknown_as_any(insights):
    user, other = counted(insights, [Job(FLOWS[0], AT_S)]), uuid4()
    insights.count(records_of([Flow(FLOWS[1], AT_S, user=other)], [Job(FLOWS[1], AT_S, user=other)]))
    for unknown in (FLOWS[1], UUID(int=77)):
        asked = pb.WorkflowFilter(workflow_ids=[str(unknown)])
        assert insights.summary(user, filter=asked).summary.numbers.jobs.finished == 0
        assert insights.page(user, filter=asked).total_size == 0


def test_a_page_token_of_another_user_is_refused(insights):
    users = [uuid4(), uuid4()]
    for user in users:
        insights.count(records_of([Flow(one, AT_S, user=user) for one in FLOWS[:2]], []))
    after = insights.page(users[0], page_size=1).next_page_token
    field, rule = violation(lambda: insights.page(users[1], page_size=1, page_token=after))
    assert (field, "another request" in rule) == ("page_token", True)
