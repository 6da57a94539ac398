"""ListAnomalies against a second opinion: every hour and the same hour of earlier weeks."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import insights_pb2 as pb
from tests.contract.conftest import AS_OF_S
from tests.insights_calls import ends_of, span
from tests.insights_civil_model import QUARTER_S, civil_buckets, judge
from tests.insights_histories import CLOCK_CHANGES, on_engine, seconds_at
from tests.insights_model import History
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration

WEEK_S = 7 * 86_400


@st.composite
def weekly(draw):
    """Jobs at the same times of nine weeks, more or fewer of them, over a change of clocks in the last."""
    zone, change = draw(st.sampled_from(CLOCK_CHANGES))
    around_s, user = seconds_at(change), uuid4()
    jobs = [
        Job(
            draw(st.sampled_from(FLOWS[:2])),
            around_s + week * WEEK_S + hour * 3_600 + draw(st.sampled_from((0, 899, 3_599))),
            seconds=draw(st.integers(0, 49)),
            failure=draw(st.sampled_from((None, ("USER", "Aborted")))),
            lines=draw(st.integers(0, 2)),
            user=user,
        )
        for week in range(-8, 1)
        for hour in (-2, 0, 1)
        for _ in range(draw(st.sampled_from((0, 1, 1, 2, 9 if week == 0 else 2))))
    ]
    flows = [Flow(one, around_s - draw(st.integers(4, 9)) * WEEK_S, user=user) for one in FLOWS[:2]]
    return user, zone, around_s, records_of(flows, jobs)


def seen(one):
    measure = pb.AnomalyMeasure.Name(one.measure).removeprefix("ANOMALY_MEASURE_")
    return one.workflow_id, one.range.start_time.seconds, measure


@on_engine(6)
@given(st.data())
@pytest.mark.parametrize("workflows", [[], [str(one) for one in FLOWS[:2]]], ids=["together", "each"])
def test_hours_stand_out_from_the_same_hours_of_earlier_weeks(insights, workflows, data):
    user, zone, around_s, records = data.draw(weekly())
    insights.count(records)
    asked = (around_s - 8 * QUARTER_S * 2, around_s + 2 * 86_400)
    weeks, threshold = data.draw(st.sampled_from((4, 8))), data.draw(st.sampled_from((1.0, 3.5)))
    found = insights.anomalies(
        user,
        range=span(*asked),
        workflow_ids=workflows,
        time_zone=zone,
        baseline_weeks=weeks,
        threshold=threshold,
        page_size=1_000,
    )
    hours = [
        one
        for one in civil_buckets(*asked, "HOUR", zone)
        if one.start_s >= asked[0] and one.end_s <= asked[1]
    ]
    expected = judge(History(records, user), hours, zone, workflows, weeks, threshold)
    assert (found.judged, found.not_judged) == (expected.judged, expected.not_judged)
    by_place = {(one.workflow, one.start_s, one.measure): one for one in expected.odd}
    assert {seen(one) for one in found.anomalies} == by_place.keys()
    for one in found.anomalies:
        assert_same(one, by_place[seen(one)])
    sizes = [abs(one.score) for one in found.anomalies]
    assert sizes == sorted(sizes, reverse=True)


def assert_same(found, expected):
    assert list(found.baseline) == expected.baseline
    names = ("value", "median", "scale", "score")
    assert [getattr(found, name) for name in names] == pytest.approx(
        [getattr(expected, name) for name in names]
    )
    assert found.median_absolute_deviation == pytest.approx(expected.mad)


@pytest.fixture(scope="module")
def owner(insights):
    """A user with one job in the same hour of nine weeks; then twenty, of which ten failed; an hour later none."""
    user, at_s = uuid4(), seconds_at("2026-06-01T12:00+00:00")
    weeks = [Job(FLOWS[0], at_s - number * WEEK_S, user=user) for number in range(1, 10)]
    weeks += [job._replace(ended_s=job.ended_s + 3_600) for job in weeks]
    failures = [None, ("USER", "Aborted")] * 10
    now = [Job(FLOWS[0], at_s, seconds=30, failure=failure, lines=9, user=user) for failure in failures]
    insights.count(records_of([Flow(FLOWS[0], at_s - 9 * WEEK_S, user=user)], weeks + now))
    return user, span(at_s, at_s + 7_200)


def test_an_anomaly_tells_the_numbers_behind_it(insights, owner):
    user, asked = owner
    found = insights.anomalies(user, range=asked, measures=[pb.ANOMALY_MEASURE_JOBS])
    (one,) = found.anomalies
    assert (one.value, one.median, one.median_absolute_deviation, one.scale, one.score) == (20, 1, 0, 1, 19)
    assert list(one.baseline) == [1.0] * 8
    assert (one.label, one.workflow_id) == ("2026-06-01T12:00+00:00", "")
    assert ends_of(one.range) == (asked.start_time.seconds, asked.start_time.seconds + 3_600)


def test_an_hour_without_a_job_has_no_duration_that_could_be_judged(insights, owner):
    user, asked = owner
    found = insights.anomalies(user, range=asked, measures=[pb.ANOMALY_MEASURE_MEDIAN_DURATION])
    assert [one.value for one in found.anomalies] == [30]
    assert (found.judged, found.not_judged) == (1, 0)


def test_hours_with_fewer_than_four_earlier_weeks_are_not_judged(insights, owner):
    user, asked = owner
    start_s = asked.start_time.seconds - 6 * WEEK_S
    asked = span(start_s, start_s + 3_600)
    found = insights.anomalies(user, range=asked, measures=[pb.ANOMALY_MEASURE_JOBS])
    assert (found.judged, found.not_judged) == (0, 1)


def test_half_an_hour_that_a_change_of_clocks_made_has_no_like(insights):
    """On Lord Howe Island half past one was the beginning of an hour on that day only."""
    user, start_s = uuid4(), seconds_at("2026-04-04T15:00+00:00")
    jobs = [Job(FLOWS[0], start_s - week * WEEK_S, user=user) for week in range(9)]
    insights.count(records_of([Flow(FLOWS[0], start_s - 9 * WEEK_S, user=user)], jobs))
    asked = {"time_zone": "Australia/Lord_Howe", "measures": [pb.ANOMALY_MEASURE_JOBS]}
    found = insights.anomalies(user, range=span(start_s, start_s + 1_800), **asked)
    assert (found.judged, found.not_judged, list(found.anomalies)) == (0, 1, [])


def test_hours_in_progress_are_left_out(insights):
    user, start_s = uuid4(), AS_OF_S // 3_600 * 3_600 - 3_600
    flows, jobs = [Flow(FLOWS[0], start_s - 9 * WEEK_S, user=user)], [Job(FLOWS[0], start_s, user=user)]
    insights.count(records_of(flows, jobs))
    asked = span(start_s, start_s + 7_200)
    found = insights.anomalies(user, range=asked, measures=[pb.ANOMALY_MEASURE_JOBS])
    assert found.judged == 1


def test_pages_of_anomalies_are_the_whole_list_once(insights, owner):
    user, asked = owner
    whole = insights.anomalies(user, range=asked)
    assert len(whole.anomalies) > 2
    assert not whole.next_page_token
    found, after = [], ""
    while not found or after:
        page = insights.anomalies(user, range=asked, page_size=1, page_token=after)
        found, after = [*found, *page.anomalies], page.next_page_token
    assert found == list(whole.anomalies)
