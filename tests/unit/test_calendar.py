"""Civil buckets, where clocks change and where they do not."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import (
    DAY_S,
    Interval,
    OddTime,
    Span,
    buckets,
    period_before,
    start_of,
    year_before,
    zone_of,
)

ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Beirut",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
quarters = st.integers(1_600_000_000 // 900, 1_900_000_000 // 900).map(lambda number: number * 900)


def at(text):
    """Unix seconds of a time in UTC, or with an offset."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def day_of(zone, text):
    day = date.fromisoformat(text)
    return Span(start_of(day, ZoneInfo(zone)), start_of(day + timedelta(days=1), ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "hours"),
    [
        ("Europe/London", "2026-10-25", "2026-10-24T23:00Z", "2026-10-26T00:00Z", 25),
        ("Europe/London", "2026-03-29", "2026-03-29T00:00Z", "2026-03-29T23:00Z", 23),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00Z", "2026-03-09T04:00Z", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00Z", "2026-04-24T21:00Z", 23),
        ("Asia/Kathmandu", "2026-06-14", "2026-06-13T18:15Z", "2026-06-14T18:15Z", 24),
    ],
)
def test_a_day_is_the_civil_day_of_the_zone(zone, day, start, end, hours):
    span = day_of(zone, day)
    assert span == (at(start), at(end))
    assert span.end_s - span.start_s == hours * 3600


def test_a_day_that_a_zone_left_out_is_no_bucket():
    span = Span(at("2011-12-29T10:00Z"), at("2012-01-01T10:00Z"))
    labels = [one.label for one in buckets(span, Interval.DAY, ZoneInfo("Pacific/Apia"))]
    assert labels == ["2011-12-29", "2011-12-31", "2012-01-01"]


def test_an_hour_that_comes_twice_is_two_buckets():
    span = Span(at("2026-10-25T00:00Z"), at("2026-10-25T03:00Z"))
    labels = [one.label for one in buckets(span, Interval.HOUR, ZoneInfo("Europe/London"))]
    assert labels == ["2026-10-25T01:00+01:00", "2026-10-25T01:00+00:00", "2026-10-25T02:00+00:00"]


def test_an_hour_is_half_an_hour_where_clocks_change_by_that():
    span = Span(at("2026-04-04T14:00Z"), at("2026-04-04T16:30Z"))
    lengths = [
        one.span.end_s - one.span.start_s
        for one in buckets(span, Interval.HOUR, ZoneInfo("Australia/Lord_Howe"))
    ]
    assert lengths == [3600, 1800, 3600]


def test_a_week_begins_on_monday_and_has_its_iso_name():
    (week,) = buckets(Span(at("2027-01-01T00:00Z"), at("2027-01-03T00:00Z")), Interval.WEEK, ZoneInfo("UTC"))
    assert (week.label, week.span) == ("2026-W53", (at("2026-12-28T00:00Z"), at("2027-01-04T00:00Z")))


def test_a_month_ends_where_the_next_begins():
    found = list(
        buckets(Span(at("2028-01-31T00:00Z"), at("2028-03-01T00:00Z")), Interval.MONTH, ZoneInfo("UTC"))
    )
    assert [(one.label, (one.span.end_s - one.span.start_s) // DAY_S) for one in found] == [
        ("2028-01", 31),
        ("2028-02", 29),
    ]


@given(quarters, st.integers(1, 2_000), zones, st.sampled_from(Interval))
@settings(max_examples=150)
def test_buckets_follow_each_other_and_cover_the_span(start_s, length, zone, interval):
    span = Span(start_s, start_s + length * 900)
    found = [one.span for one in buckets(span, interval, zone)]
    assert found[0].start_s <= span.start_s < found[0].end_s
    assert found[-1].start_s < span.end_s <= found[-1].end_s
    assert all(one.end_s == after.start_s for one, after in itertools.pairwise(found))


@given(quarters, zones)
@settings(max_examples=150)
def test_every_moment_of_a_day_has_its_date(at_s, zone):
    (day,) = buckets(Span(at_s, at_s + 900), Interval.DAY, zone)
    for moment_s in (day.span.start_s, at_s, day.span.end_s - 1):
        assert datetime.fromtimestamp(moment_s, UTC).astimezone(zone).date().isoformat() == day.label


def test_days_of_all_zones_begin_at_a_quarter_of_an_hour_nowadays():
    span = Span(at("2025-01-01T00:00Z"), at("2025-01-03T00:00Z"))
    for name in sorted(available_timezones() - {"localtime"}):
        assert list(buckets(span, Interval.DAY, ZoneInfo(name)))


@pytest.mark.parametrize("interval", [Interval.HOUR, Interval.DAY])
def test_a_zone_whose_days_began_at_odd_seconds_is_refused_for_that_time(interval):
    with pytest.raises(OddTime):
        list(buckets(Span(900, 7200), interval, ZoneInfo("Africa/Monrovia")))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "Europe", "x" * 5000, "Europe/London\0"])
def test_what_is_no_zone_is_none(name):
    assert zone_of(name) is None


def test_no_name_is_utc():
    assert str(zone_of("")) == "UTC"


@pytest.mark.parametrize(
    ("zone", "first", "behind", "start", "end"),
    [
        ("UTC", "2026-03-01T00:00Z", "2026-04-01T00:00Z", "2026-01-29T00:00Z", "2026-03-01T00:00Z"),
        ("Europe/London", "2026-03-29T00:00Z", "2026-03-30T23:00Z", "2026-03-27T00:00Z", "2026-03-29T00:00Z"),
        ("UTC", "2026-03-01T06:00Z", "2026-03-01T09:30Z", "2026-03-01T02:30Z", "2026-03-01T06:00Z"),
    ],
)
def test_the_period_before_has_as_many_days_or_seconds(zone, first, behind, start, end):
    assert period_before(Span(at(first), at(behind)), ZoneInfo(zone)) == (at(start), at(end))


@pytest.mark.parametrize(
    ("zone", "first", "behind", "start", "end"),
    [
        ("UTC", "2028-02-29T00:00Z", "2028-03-01T00:00Z", "2027-02-28T00:00Z", "2027-03-01T00:00Z"),
        ("Europe/London", "2026-03-28T12:00Z", "2026-03-29T12:00Z", "2025-03-28T12:00Z", "2025-03-29T13:00Z"),
        ("Africa/Cairo", "2026-04-23T22:00Z", "2026-04-24T21:00Z", "2025-04-23T22:00Z", "2025-04-24T22:00Z"),
    ],
)
def test_the_year_before_has_the_same_civil_times(zone, first, behind, start, end):
    assert year_before(Span(at(first), at(behind)), ZoneInfo(zone)) == (at(start), at(end))
