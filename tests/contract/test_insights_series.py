"""QueryTimeSeries against a second opinion: buckets of civil time, groups, and what is cut or in progress."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import insights_pb2 as pb
from tests.contract.conftest import AS_OF_S
from tests.insights_calls import (
    assert_numbers,
    durations_of,
    ends_of,
    filter_message,
    numbers_of,
    optional,
    span,
)
from tests.insights_civil_model import civil_buckets
from tests.insights_histories import filters, histories, on_engine, ranges, seconds_at
from tests.insights_model import DEFAULT_RANKS
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration

INTERVALS = {
    "HOUR": pb.INTERVAL_HOUR,
    "DAY": pb.INTERVAL_DAY,
    "WEEK": pb.INTERVAL_WEEK,
    "MONTH": pb.INTERVAL_MONTH,
}
FAILURE_PARTS = {pb.GROUP_BY_FAILURE_KIND: 0, pb.GROUP_BY_ERROR_CODE: 1}


def assert_buckets(series, expected, asked):
    """Dense, in order, each with its name, and flagged where the range cuts it."""
    assert [(*ends_of(one.range), one.label) for one in series.buckets] == expected
    for one in series.buckets:
        start_s, end_s = ends_of(one.range)
        assert one.cut == (start_s < asked.start_s or end_s > asked.end_s)
        assert one.in_progress == (end_s > AS_OF_S)


def covered(bucket, asked):
    """The part of a bucket that the range covers."""
    start_s, end_s = ends_of(bucket.range)
    return max(start_s, asked.start_s), min(end_s, asked.end_s)


def both(chosen, **more):
    """Conditions, and one more of them."""
    ((name, values),) = more.items()
    before = getattr(chosen, name)
    return chosen._replace(**{name: values if before is None else [one for one in before if one in values]})


@on_engine(6)
@given(st.data())
def test_each_bucket_says_what_its_events_say(insights, data):
    drawn = data.draw(histories())
    insights.count(drawn.records)
    for interval, number in INTERVALS.items():
        asked, chosen = data.draw(ranges(drawn)), data.draw(filters())
        found = insights.series(
            drawn.user,
            range=span(*asked),
            interval=number,
            time_zone=drawn.zone,
            filter=filter_message(chosen),
        )
        (series,) = found.series
        assert series.group == ""
        assert_buckets(series, civil_buckets(*asked, interval, drawn.zone), asked)
        for bucket in series.buckets:
            start_s, end_s = covered(bucket, asked)
            inside = drawn.model.within(start_s, end_s, chosen)
            assert_numbers(numbers_of(bucket.numbers), inside.numbers(DEFAULT_RANKS, end_s - start_s))


@on_engine(6)
@given(st.data())
@pytest.mark.parametrize("group_by", [pb.GROUP_BY_WORKFLOW, pb.GROUP_BY_KIND])
def test_each_group_of_workflows_has_a_series_of_its_own(insights, group_by, data):
    drawn = data.draw(histories())
    model, asked, chosen = drawn.model, data.draw(ranges(drawn)), data.draw(filters())
    insights.count(drawn.records)
    found = insights.series(
        drawn.user,
        range=span(*asked),
        interval=pb.INTERVAL_DAY,
        time_zone=drawn.zone,
        filter=filter_message(chosen),
        group_by=group_by,
    )
    by_kind = group_by == pb.GROUP_BY_KIND
    names = model.groups(*asked, lambda one: model.fate(one).kind if by_kind else one, chosen)
    assert [one.group for one in found.series] == names
    for series in found.series:
        assert_buckets(series, civil_buckets(*asked, "DAY", drawn.zone), asked)
        only = both(chosen, **{"kinds" if by_kind else "workflows": [series.group]})
        for bucket in series.buckets:
            start_s, end_s = covered(bucket, asked)
            expected = model.within(start_s, end_s, only).numbers(DEFAULT_RANKS, end_s - start_s)
            assert_numbers(numbers_of(bucket.numbers), expected)


@on_engine(4)
@given(st.data())
@pytest.mark.parametrize("group_by", FAILURE_PARTS)
def test_failed_jobs_are_told_apart_by_kind_and_by_code(insights, group_by, data):
    drawn = data.draw(histories())
    model, asked, part = drawn.model, data.draw(ranges(drawn)), FAILURE_PARTS[group_by]
    insights.count(drawn.records)
    found = insights.series(
        drawn.user, range=span(*asked), interval=pb.INTERVAL_DAY, time_zone=drawn.zone, group_by=group_by
    )
    assert [one.group for one in found.series] == sorted(
        {pair[part] for pair in model.within(*asked).failures()}
    )
    for series in found.series:
        assert_buckets(series, civil_buckets(*asked, "DAY", drawn.zone), asked)
        for bucket in series.buckets:
            failures = model.within(*covered(bucket, asked)).failures()
            jobs = sum(number for pair, number in failures.items() if pair[part] == series.group)
            assert bucket.numbers == pb.Numbers(jobs=pb.JobNumbers(failed=jobs))


@on_engine(6)
@given(st.data())
def test_results_have_their_durations_where_all_jobs_tell_theirs(insights, data):
    drawn = data.draw(histories())
    model, asked = drawn.model, data.draw(ranges(drawn))
    insights.count(drawn.records)
    found = insights.series(
        drawn.user,
        range=span(*asked),
        interval=pb.INTERVAL_HOUR,
        time_zone=drawn.zone,
        group_by=pb.GROUP_BY_RESULT,
    )
    assert [one.group for one in found.series] == ["COMPLETED", "FAILED"]
    for series in found.series:
        assert_buckets(series, civil_buckets(*asked, "HOUR", drawn.zone), asked)
        for bucket in series.buckets:
            assert_result(bucket.numbers, series.group, model.within(*covered(bucket, asked)))


def assert_result(numbers, group, inside):
    failed = group == "FAILED"
    assert optional(numbers.jobs, "failed" if failed else "completed") == inside.count_results(failed=failed)
    assert not numbers.jobs.HasField("finished")
    assert not numbers.HasField("logs")
    by_result = inside.durations_by_result()
    assert numbers.HasField("durations") is (by_result is not None)
    if by_result is not None:
        found, expected = durations_of(numbers.durations), by_result[group]
        names = ("execution_seconds", "average_duration", "percentiles")
        assert_numbers({name: found[name] for name in names}, {name: expected[name] for name in names})


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Europe/London", "2026-10-25", "2026-10-24T23:00+00:00", "2026-10-26T00:00+00:00"),
        ("Europe/London", "2026-03-29", "2026-03-29T00:00+00:00", "2026-03-29T23:00+00:00"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00+00:00", "2026-03-09T04:00+00:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00+00:00", "2026-04-24T21:00+00:00"),
        ("Asia/Kathmandu", "2026-06-14", "2026-06-13T18:15+00:00", "2026-06-14T18:15+00:00"),
    ],
)
def test_jobs_a_quarter_inside_of_a_civil_day_belong_to_it_and_those_outside_do_not(
    insights, zone, day, start, end
):
    user, start_s, end_s = uuid4(), seconds_at(start), seconds_at(end)
    outside = [start_s - 900, start_s - 1, end_s, end_s + 900]
    inside = [start_s, start_s + 900, end_s - 900, end_s - 1]
    jobs = [Job(FLOWS[0], at_s, lines=1, user=user) for at_s in (*outside, *inside)]
    insights.count(records_of([Flow(FLOWS[0], start_s, user=user)], jobs))
    found = insights.series(
        user,
        range=span(start_s - 7_200, end_s + 7_200),
        interval=pb.INTERVAL_DAY,
        time_zone=zone,
        complete_buckets_only=True,
    )
    ((bucket,),) = (one.buckets for one in found.series)
    assert (bucket.label, *ends_of(bucket.range)) == (day, start_s, end_s)
    numbers = bucket.numbers
    assert (numbers.jobs.finished, numbers.jobs.completed, numbers.logs.lines) == (4, 4, 4)


@pytest.fixture(scope="module")
def owner(insights):
    """A user with a job an hour before and after the as-of time, and one four days before."""
    user = uuid4()
    jobs = [Job(FLOWS[0], AS_OF_S + beside_s, user=user) for beside_s in (-4 * 86_400, -3_600, 3_600)]
    insights.count(records_of([Flow(FLOWS[0], AS_OF_S - 4 * 86_400, user=user)], jobs))
    return user


MIDNIGHT_S = AS_OF_S // 86_400 * 86_400


def flags(found):
    return [(one.label, one.cut, one.in_progress) for series in found.series for one in series.buckets]


def test_a_bucket_is_in_progress_until_every_event_of_it_is_counted(insights, owner):
    asked = span(MIDNIGHT_S - 86_400, MIDNIGHT_S + 86_400)
    found = insights.series(owner, range=asked, interval=pb.INTERVAL_DAY)
    assert flags(found) == [("2026-11-17", False, False), ("2026-11-18", False, True)]


def test_buckets_that_are_cut_or_in_progress_can_be_left_out(insights, owner):
    asked = span(MIDNIGHT_S - 2 * 86_400 - 900, MIDNIGHT_S + 86_400)
    found = insights.series(owner, range=asked, interval=pb.INTERVAL_DAY, complete_buckets_only=True)
    assert flags(found) == [("2026-11-16", False, False), ("2026-11-17", False, False)]


def test_a_series_without_a_start_begins_where_the_data_does(insights, owner):
    asked = pb.TimeRange(end_time=span(0, MIDNIGHT_S).end_time)
    found = insights.series(owner, range=asked, interval=pb.INTERVAL_DAY)
    assert [label for label, *_ in flags(found)] == ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17"]


def test_a_bucket_before_which_nothing_was_counted_is_not_cut(insights, owner):
    asked = pb.TimeRange(end_time=span(0, MIDNIGHT_S).end_time)
    found = insights.series(owner, range=asked, interval=pb.INTERVAL_MONTH)
    assert flags(found) == [("2026-11", True, True)]  # by its end
    found = insights.series(owner, interval=pb.INTERVAL_WEEK, complete_buckets_only=True)
    assert flags(found)[0] == ("2026-W46", False, False)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
@pytest.mark.parametrize("interval", INTERVALS.values())
def test_a_series_may_begin_with_unix_time(insights, owner, interval, zone):
    found = insights.series(owner, range=span(0, 7_200), interval=interval, time_zone=zone)
    assert sum(one.numbers.jobs.finished for series in found.series for one in series.buckets) == 0


def test_groups_without_a_name_have_an_empty_one(insights):
    user, at_s = uuid4(), seconds_at("2026-02-01T00:00+00:00")
    insights.count(records_of([Flow(FLOWS[0], at_s, kind=None, user=user)], [Job(FLOWS[0], at_s, user=user)]))
    asked = span(at_s, at_s + 86_400)
    found = insights.series(user, range=asked, interval=pb.INTERVAL_DAY, group_by=pb.GROUP_BY_KIND)
    assert [one.group for one in found.series] == [""]
