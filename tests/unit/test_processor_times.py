"""Times of records against Python's own calendar, and the window in which a log line's own time is believed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.times import line_second, parse_time_ns, parse_time_s

MOMENT = "2026-03-01T10:00:00"
MOMENT_S = 1_772_359_200
RECORD_MS = MOMENT_S * 1000 + 250
HOUR_NS, MINUTE_NS, MS_NS = 3600 * 10**9, 60 * 10**9, 10**6

moments = st.datetimes(datetime(1902, 1, 1), datetime(2200, 1, 1)).map(lambda one: one.replace(microsecond=0))  # noqa: DTZ001 -- a wall clock
fractions = st.one_of(st.none(), st.text("0123456789", min_size=1, max_size=9))
offsets = st.one_of(
    st.just("Z"),
    st.builds("{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)),
)

NO_TIMES = {
    "empty": "",
    "only an offset": "Z",
    "only a fraction": ".5Z",
    "without offset": MOMENT,
    "fraction without offset": f"{MOMENT}.5",
    "lower-case t": "2026-03-01t10:00:00Z",
    "lower-case z": "2026-03-01T10:00:00z",
    "a blank for T": "2026-03-01 10:00:00Z",
    "hour 24": "2026-03-01T24:00:00Z",
    "minute 60": "2026-03-01T10:60:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "leap second with offset": "2016-12-31T23:59:60+00:00",
    "30 February": "2026-02-30T10:00:00Z",
    "29 February of no leap year": "2026-02-29T10:00:00Z",
    "year 0": "0000-03-01T10:00:00Z",
    "month 13": "2026-13-01T10:00:00Z",
    "day 0": "2026-03-00T10:00:00Z",
    "ten fractional digits": f"{MOMENT}.0123456789Z",
    "ten fractional digits with offset": f"{MOMENT}.0123456789+01:00",
    "point without digits": f"{MOMENT}.Z",
    "comma": f"{MOMENT},5Z",
    "signed fraction": f"{MOMENT}.-5Z",
    "offset hour 24": f"{MOMENT}+24:00",
    "offset minute 60": f"{MOMENT}+01:60",
    "offset without colon": f"{MOMENT}+0100",
    "offset without minutes": f"{MOMENT}+01",
    "two offsets": f"{MOMENT}+01:00Z",
    "Arabic digits": "٢٠٢٦-03-01T10:00:00Z",
    "full-width digits of a fraction": f"{MOMENT}.\uff11Z",
    "superscript digit": "2026-03-01T10:00:0²Z",
    "signed hour": "2026-03-01T+1:00:00Z",
    "blank in a number": "2026-03-01T10: 1:00Z",
    "underscore in a number": "2026-03-01T1_:00:00Z",
    "blank before": f" {MOMENT}Z",
    "blank behind": f"{MOMENT}Z ",
    "line feed behind": f"{MOMENT}Z\n",
    "a digit too many": "2026-03-01T10:00:000Z",
    "a digit too few": "2026-03-01T10:00:0Z",
    "without seconds": "2026-03-01T10:00Z",
    "basic format": "20260301T100000Z",
    "ordinal date": "2026-060T10:00:00Z",
    "date by week": "2026-W09-7T10:00:00Z",
    "date by week with fraction": "2026-W09-7T10:00:00.5Z",
    "NUL": f"{MOMENT}\0Z",
}  # fmt: skip


def refused(parse, text):
    """Whether the text is refused."""
    try:
        parse(text)
    except ValueError:
        return True
    return False


def written(moment, fraction, offset):
    """RFC 3339 text of a wall clock."""
    return moment.isoformat() + (f".{fraction}" if fraction else "") + offset


def zone_of(offset):
    if offset == "Z":
        return UTC
    away = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    return timezone(-away if offset[0] == "-" else away)


def ahead(nanoseconds):
    """The text of a time so far ahead of the record."""
    seconds, fraction = divmod(RECORD_MS * MS_NS + nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


@given(moments, fractions, offsets)
@settings(max_examples=150, deadline=None)
def test_a_time_is_what_the_calendar_says_to_the_nanosecond(moment, fraction, offset):
    whole_s = round(moment.replace(tzinfo=zone_of(offset)).timestamp())
    expected = whole_s * 10**9 + int((fraction or "").ljust(9, "0"))
    assert parse_time_ns(written(moment, fraction, offset)) == expected


@given(moments, fractions, offsets)
@settings(max_examples=150, deadline=None)
def test_the_second_of_a_time_is_the_one_in_which_it_lies(moment, fraction, offset):
    text = written(moment, fraction, offset)
    assert parse_time_s(text) == parse_time_ns(text) // 10**9


@given(st.text("0123456789-:TZ.+W ", max_size=32))
@settings(max_examples=150, deadline=None)
def test_both_readers_refuse_the_same_texts(text):
    assert refused(parse_time_s, text) == refused(parse_time_ns, text)


@pytest.mark.parametrize("parse", [parse_time_s, parse_time_ns, lambda text: line_second(text, RECORD_MS)])
@pytest.mark.parametrize("text", NO_TIMES.values(), ids=NO_TIMES.keys())
def test_what_is_no_rfc_3339_time_is_refused(parse, text):
    """Also when the second that it begins with is known already."""
    parse_time_s(f"{MOMENT}Z")
    assert refused(parse, text)


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.5Z", "1970-01-01T00:59:59.5+01:00"])
def test_a_time_before_1970_lies_in_the_second_that_began_before_it(text):
    assert parse_time_s(text) == -1


@pytest.mark.parametrize("text", [f"{MOMENT}-00:00", f"{MOMENT}+00:00", f"{MOMENT}.000000000Z", f"{MOMENT}Z"])
def test_all_spellings_of_utc_are_the_same_second(text):
    assert parse_time_s(text) == MOMENT_S


def test_a_refused_time_is_refused_again():
    """What the cache remembers is never a failure."""
    assert [refused(parse_time_s, "2026-02-30T10:00:00Z") for _ in range(2)] == [True, True]


EDGES = {
    "an hour before": (-HOUR_NS, True),
    "a nanosecond more than an hour before": (-HOUR_NS - 1, False),
    "a second less than an hour before": (-HOUR_NS + 10**9, True),
    "five minutes after": (5 * MINUTE_NS, True),
    "a nanosecond more than five minutes after": (5 * MINUTE_NS + 1, False),
    "a second less than five minutes after": (5 * MINUTE_NS - 10**9, True),
    "at the same time": (0, True),
    "a year before": (-8766 * HOUR_NS, False),
    "a year after": (8766 * HOUR_NS, False),
}


@pytest.mark.parametrize(("nanoseconds", "believed"), EDGES.values(), ids=EDGES.keys())
def test_a_line_keeps_its_time_from_an_hour_before_to_five_minutes_after_its_record(nanoseconds, believed):
    own_s = (RECORD_MS * MS_NS + nanoseconds) // 10**9
    assert line_second(ahead(nanoseconds), RECORD_MS) == (own_s if believed else RECORD_MS // 1000)


@given(st.integers(-2, 2), st.sampled_from([-HOUR_NS, 0, 5 * MINUTE_NS]), st.sampled_from([1, MS_NS, 10**9]))
@settings(max_examples=80, deadline=None)
def test_around_the_edges_a_line_is_believed_as_the_definition_says(steps, edge, unit):
    nanoseconds = edge + steps * unit
    believed = -HOUR_NS <= nanoseconds <= 5 * MINUTE_NS
    own_s = (RECORD_MS * MS_NS + nanoseconds) // 10**9
    assert line_second(ahead(nanoseconds), RECORD_MS) == (own_s if believed else RECORD_MS // 1000)


def test_an_unbelievable_line_lies_in_the_second_of_its_record():
    assert line_second("2001-01-01T00:00:00Z", RECORD_MS) == MOMENT_S


def test_a_record_without_a_timestamp_gives_its_line_the_second_before_1970():
    """Kafka says -1 for a timestamp that it does not have."""
    assert line_second(f"{MOMENT}Z", -1) == -1
