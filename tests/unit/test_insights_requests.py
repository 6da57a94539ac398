"""What is refused of a request, and what the refusal says."""

import math
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics.calendar import Span
from analytics.errors import InvalidField
from analytics.insights import anomalies, listing, requests, series, summary, watching
from analytics.insights.requests import Asked
from analytics.insights_pb2 import (
    COMPARISON_PREVIOUS_PERIOD,
    INTERVAL_DAY,
    CostRates,
    GetAnalyticsSummaryRequest,
    ListAnomaliesRequest,
    ListWorkflowAnalyticsRequest,
    QueryTimeSeriesRequest,
    TimeRange,
    WatchAnalyticsRequest,
    WorkflowFilter,
)

USER = "01890a5d-ac96-774b-bcce-b302099a8057"
NIL = str(UUID(int=0))
START = TimeRange(start_time=Timestamp(seconds=900))
SPELLINGS = (
    USER,
    USER.upper(),
    USER.replace("-", ""),
    f"{{{USER}}}",
    "0189-0a5d-ac96-774b-bcce-b302-099a-8057",
)

PARSERS = {
    "summary": lambda **fields: summary.parse(GetAnalyticsSummaryRequest(**{"user_id": USER} | fields)),
    "series": lambda **fields: series.parse(
        QueryTimeSeriesRequest(**{"user_id": USER, "interval": INTERVAL_DAY} | fields)
    ),
    "list": lambda **fields: listing.parse(ListWorkflowAnalyticsRequest(**{"user_id": USER} | fields)),
    "anomalies": lambda **fields: anomalies.parse(
        ListAnomaliesRequest(**{"user_id": USER, "range": START} | fields)
    ),
    "watch": lambda **fields: watching.parse(
        WatchAnalyticsRequest(summary=GetAnalyticsSummaryRequest(**{"user_id": USER} | fields))
    ),
}


def refused(parse, **fields):
    """Field and rule of a refusal."""
    with pytest.raises(InvalidField) as caught:
        PARSERS[parse](**fields)
    return caught.value.field, caught.value.rule


def at(seconds, nanos=0):
    return Timestamp(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("user", ["", "me", NIL, USER + "\0", "a" * 100_000])
def test_a_user_must_be_a_uuid(parse, user):
    assert refused(parse, user_id=user)[0] == "user_id"


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_ids_may_be_spelled_in_every_way_of_postgres(parse, spelling):
    PARSERS[parse](user_id=spelling)


def test_an_id_in_two_spellings_is_one_workflow():
    found = requests.parse_workflow_ids("filter.workflow_ids", SPELLINGS, 1_000)
    assert found == (UUID(USER),)


def test_a_bad_workflow_id_is_named_by_its_place():
    field, rule = refused("summary", filter=WorkflowFilter(workflow_ids=[USER, "x"]))
    assert (field, rule) == ("filter.workflow_ids[1]", "must be a UUID")


@pytest.mark.parametrize(
    ("parse", "fields", "field", "limit"),
    [
        ("summary", {"filter": WorkflowFilter(workflow_ids=[USER] * 1_001)}, "filter.workflow_ids", "1,000"),
        ("anomalies", {"workflow_ids": [USER] * 101}, "workflow_ids", "100"),
        ("list", {"filter": WorkflowFilter(kinds=["A"] * 21)}, "filter.kinds", "20"),
        ("list", {"filter": WorkflowFilter(kinds=["A" * 257])}, "filter.kinds[0]", "256"),
        ("series", {"percentile_ranks": [1.0] * 11}, "percentile_ranks", "10"),
        ("list", {"page_size": 1_001}, "page_size", "1,000"),
        ("anomalies", {"page_size": 1_001}, "page_size", "1,000"),
        ("anomalies", {"baseline_weeks": 27}, "baseline_weeks", "26"),
        ("anomalies", {"threshold": 1_000.5}, "threshold", "1000"),
        ("summary", {"rates": CostRates(per_job="1" * 21)}, "rates.per_job", "20"),
        ("summary", {"rates": CostRates(currency_code="E" * 17)}, "rates.currency_code", "16"),
    ],
)
def test_a_limit_is_named_with_its_field(parse, fields, field, limit):
    found, rule = refused(parse, **fields)
    assert found == field
    assert limit in rule


@pytest.mark.parametrize(
    ("parse", "fields"),
    [
        ("summary", {"filter": WorkflowFilter(workflow_ids=[USER] * 1_000)}),
        ("anomalies", {"workflow_ids": [USER] * 100}),
        ("list", {"filter": WorkflowFilter(kinds=["A" * 256] * 20)}),
        ("series", {"percentile_ranks": [100.0] * 10}),
        ("list", {"page_size": 1_000}),
        ("anomalies", {"baseline_weeks": 26, "threshold": 1_000.0}),
        ("anomalies", {"baseline_weeks": 4, "threshold": 1.0}),
        ("summary", {"rates": CostRates(per_job="1" * 20, currency_code="E" * 16)}),
    ],
)
def test_a_limit_itself_is_allowed(parse, fields):
    PARSERS[parse](**fields)


def test_a_time_beside_a_quarter_of_an_hour_gets_the_two_nearest():
    found = refused("summary", range=TimeRange(start_time=at(1_774_700_000)))
    assert found == (
        "range.start_time",
        "must lie on a quarter of an hour of UTC; the nearest are 2026-03-28T12:00:00Z or 2026-03-28T12:15:00Z",
    )


@pytest.mark.parametrize("time", [at(901), at(900, 1), at(900, 999_999_999)])
def test_a_range_must_end_on_a_quarter_of_an_hour(time):
    assert refused("series", range=TimeRange(end_time=time))[0] == "range.end_time"


@pytest.mark.parametrize("seconds", [-900, 4_294_967_400, 253_402_300_800])
def test_a_time_that_cannot_be_stored_gets_the_bounds(seconds):
    field, rule = refused("list", range=TimeRange(start_time=at(seconds)))
    assert field == "range.start_time"
    assert "1970-01-01T00:00:00Z" in rule
    assert "2106-02-07T06:15:00Z" in rule


def test_the_latest_time_that_a_refusal_names_is_allowed():
    latest = at(4_294_966_500)
    assert latest.ToJsonString() == "2106-02-07T06:15:00Z"
    PARSERS["series"](range=TimeRange(end_time=latest))


@pytest.mark.parametrize("end_s", [900, 1_800])
def test_a_range_must_end_after_it_starts(end_s):
    found = refused("summary", range=TimeRange(start_time=at(1_800), end_time=at(end_s)))
    assert found == ("range.end_time", "must be after start_time: ranges are half-open")


@pytest.mark.parametrize("rank", [0.0, -1.0, 100.1, math.nan, math.inf])
def test_a_rank_must_be_above_0_and_at_most_100(rank):
    found = refused("summary", percentile_ranks=[50.0, rank])
    assert found == ("percentile_ranks[1]", "must be above 0 and at most 100")


def test_no_ranks_are_50_95_and_99():
    assert PARSERS["summary"]().ranks == (50.0, 95.0, 99.0)


@pytest.mark.parametrize("parse", ["summary", "series", "anomalies", "watch"])
@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "CET;", "x" * 9_999])
def test_a_zone_must_be_one_of_the_iana(parse, zone):
    assert refused(parse, time_zone=zone)[0] == "time_zone"


@pytest.mark.parametrize("size", [-1, 1_001])
@pytest.mark.parametrize("parse", ["list", "anomalies"])
def test_a_page_has_a_size(parse, size):
    assert refused(parse, page_size=size)[0] == "page_size"


@pytest.mark.parametrize(("parse", "size"), [("list", 50), ("anomalies", 100)])
def test_no_size_of_pages_is_the_default(parse, size):
    assert PARSERS[parse]().size == size


@pytest.mark.parametrize("field", ["min_interval", "heartbeat_interval"])
@pytest.mark.parametrize(
    "duration",
    [Duration(), Duration(nanos=999_999_999), Duration(seconds=300, nanos=1), Duration(seconds=-1)],
)
def test_an_interval_of_a_watch_is_1_second_to_5_minutes(field, duration):
    request = WatchAnalyticsRequest(summary=GetAnalyticsSummaryRequest(user_id=USER), **{field: duration})
    with pytest.raises(InvalidField) as caught:
        watching.parse(request)
    assert (caught.value.field, caught.value.rule) == (field, "must be from 1 to 300 seconds")


def test_a_watch_has_intervals_of_2_and_15_seconds_by_default():
    found = PARSERS["watch"]()
    assert (found.min_interval_s, found.heartbeat_s) == (2.0, 15.0)


@pytest.mark.parametrize("price", ["-1", "1,5", "nan", "Infinity", "a", "1e30", "--1"])
@pytest.mark.parametrize(
    "field", ["per_execution_hour", "per_job", "per_million_log_lines", "per_log_gibibyte"]
)
def test_a_price_must_be_a_decimal_number_that_is_not_negative(field, price):
    found, rule = refused("summary", rates=CostRates(**{field: price}))
    assert (found, "decimal number" in rule) == (f"rates.{field}", True)


@pytest.mark.parametrize(
    ("parse", "fields", "field"),
    [
        ("series", {"interval": 0}, "interval"),
        ("series", {"interval": 99}, "interval"),
        ("series", {"group_by": 99}, "group_by"),
        ("summary", {"comparison": 99, "range": START}, "comparison"),
        ("summary", {"comparison": COMPARISON_PREVIOUS_PERIOD}, "comparison"),
        ("summary", {"filter": WorkflowFilter(states=[0])}, "filter.states[0]"),
        ("summary", {"filter": WorkflowFilter(kinds=["a", "b\0"])}, "filter.kinds[1]"),
        ("anomalies", {"measures": [1, 99]}, "measures[1]"),
        ("anomalies", {"range": TimeRange()}, "range.start_time"),
        ("anomalies", {"baseline_weeks": 3}, "baseline_weeks"),
        ("anomalies", {"threshold": 0.5}, "threshold"),
        ("anomalies", {"threshold": math.nan}, "threshold"),
    ],
)
def test_what_makes_no_sense_is_named(parse, fields, field):
    assert refused(parse, **fields)[0] == field


DAYS = Span(86_400, 3 * 86_400)


@pytest.mark.parametrize(
    ("asked", "expected", "is_all_time"),
    [
        (Asked(None, None), (86_400, 200_700), True),
        (Asked(900, None), (900, 200_700), False),
        (Asked(None, 90_000), (86_400, 90_000), False),
        (Asked(None, 900), (86_400, 86_400), False),
        (Asked(900, 1_800), (900, 1_800), False),
    ],
)
def test_an_end_that_is_not_given_is_that_of_the_data_or_of_the_present_quarter(asked, expected, is_all_time):
    assert asked.resolved(DAYS, 200_000.5) == (expected, is_all_time)


def test_at_the_edge_of_a_quarter_the_present_one_is_the_next():
    assert Asked(0, None).resolved(DAYS, 1_800.0).span.end_s == 2_700
