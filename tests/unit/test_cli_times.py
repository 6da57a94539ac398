"""What a person says for a moment or a period, in the zone of the reader."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics.cli.times import WORDS, parse_period

LONDON, CAIRO, KATHMANDU = (ZoneInfo(name) for name in ("Europe/London", "Africa/Cairo", "Asia/Kathmandu"))
NOW = datetime(2026, 10, 27, 9, 38, 12, tzinfo=UTC)  # a Tuesday, two days after the clocks went back


def period(text, zone=LONDON, now=NOW):
    return tuple(
        datetime.fromtimestamp(at_s, UTC).isoformat().removesuffix(":00+00:00")
        for at_s in parse_period(text, now, zone)
    )


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-10-25", "2026-10-24T23:00", "2026-10-26T00:00"),
        ("2026-10", "2026-09-30T23:00", "2026-11-01T00:00"),
        ("2026-W43", "2026-10-18T23:00", "2026-10-26T00:00"),
        ("2025", "2025-01-01T00:00", "2026-01-01T00:00"),
        ("today", "2026-10-27T00:00", "2026-10-28T00:00"),
        ("yesterday", "2026-10-26T00:00", "2026-10-27T00:00"),
        ("this-week", "2026-10-26T00:00", "2026-11-02T00:00"),
        ("last-week", "2026-10-18T23:00", "2026-10-26T00:00"),
        ("this-month", "2026-09-30T23:00", "2026-11-01T00:00"),
        ("Last-Month", "2026-08-31T23:00", "2026-09-30T23:00"),
        ("this-year", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("last-year", "2025-01-01T00:00", "2026-01-01T00:00"),
        ("now", "2026-10-27T09:30", "2026-10-27T09:45"),
    ],
)
def test_a_name_of_a_period_stands_for_all_of_it(text, start, end):
    assert period(text) == (start, end)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-10-25T14:30", "2026-10-25T14:30"),
        ("2026-10-20T14:30", "2026-10-20T13:30"),
        ("2026-10-25T14:30:00Z", "2026-10-25T14:30"),
        ("2026-10-25T14:30+02:00", "2026-10-25T12:30"),
        ("36h", "2026-10-25T21:30"),
        ("0d", "2026-10-27T00:00"),
        ("7d", "2026-10-19T23:00"),
        ("2w", "2026-10-12T23:00"),
        ("8mo", "2026-02-27T00:00"),
    ],
)
def test_a_time_is_one_moment(text, at):
    assert period(text) == (at, at)


def test_a_month_ago_is_the_last_day_where_there_is_no_such_day():
    assert period("1mo", UTC_ZONE, datetime(2026, 3, 31, 12, tzinfo=UTC))[0] == "2026-02-28T00:00"


def test_a_day_without_a_midnight_begins_at_one():
    assert period("2026-04-24", CAIRO) == ("2026-04-23T22:00", "2026-04-24T21:00")


def test_a_zone_may_be_off_by_a_quarter():
    assert period("2026-06-14", KATHMANDU) == ("2026-06-13T18:15", "2026-06-14T18:15")


def test_today_is_that_of_the_zone():
    late = datetime(2026, 10, 27, 22, 0, tzinfo=UTC)
    assert period("today", KATHMANDU, late)[0] == "2026-10-27T18:15"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "7",
        "7y",
        "2026-13",
        "2026-02-30",
        "2026-W60",
        "999999d",
        "25:00",
        "2026-10-25T25:00",
        "9999-12-31",
    ],
)
def test_anything_else_is_refused_with_the_rule(text):
    with pytest.raises(ValueError, match=r"must be a date \(2026-10-25\).*last-month"):
        parse_period(text, NOW, LONDON)


def test_every_word_is_understood():
    for word in WORDS:
        start_s, end_s = parse_period(word, NOW, LONDON)
        assert start_s < end_s, word


UTC_ZONE = ZoneInfo("UTC")
