"""The benchmark of questions about ranges, without engines: what is asked, what is true, and what is judged."""

from datetime import UTC, date, datetime

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics.histogram import value_s
from analytics.insights_pb2 import (
    ANOMALY_MEASURE_JOBS,
    ANOMALY_MEASURE_MEDIAN_DURATION,
    Anomaly,
    Bucket,
    DurationNumbers,
    GetAnalyticsSummaryResponse,
    JobNumbers,
    ListAnomaliesResponse,
    ListWorkflowAnalyticsResponse,
    LogNumbers,
    Numbers,
    Percentile,
    QueryTimeSeriesResponse,
    Series,
    Summary,
    TimeRange,
    WorkflowRow,
)
from benchmarks.asked import Expected, require_true
from benchmarks.caller import Question, Told
from benchmarks.errors import BenchmarkFailed
from benchmarks.figures import Row
from benchmarks.names import Insight, asked_of
from benchmarks.ranges import BERLIN, SERIES_DAYS, Period, ends_of, of_kind, periods, some_of
from benchmarks.targets import judged
from benchmarks.truths import AnomalyTruth, PageTruth, SeriesTruth, SummaryTruth, Sums
from benchmarks.wanted import TARGETS
from benchmarks.year import END_S, Year, chunks

ASKED = Question("/method", b"message", "user")
SUMS = Sums(jobs=10, execution_seconds=900, failed=2, log_lines=80)
BIN = 200


def at_utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def numbers(sums: Sums = SUMS, *, minimum: int = 1, maximum: int = 9_000) -> Numbers:
    p95 = Percentile(
        rank=95, value=Duration(nanos=round(value_s(BIN) * 1e9) % 10**9, seconds=int(value_s(BIN)))
    )
    return Numbers(
        jobs=JobNumbers(finished=sums.jobs, failed=sums.failed),
        durations=DurationNumbers(
            total_seconds=sums.execution_seconds,
            minimum=Duration(seconds=minimum),
            maximum=Duration(seconds=maximum),
            percentiles=[p95],
        ),
        logs=LogNumbers(lines=sums.log_lines),
    )


def a_summary(sums: Sums = SUMS) -> bytes:
    return GetAnalyticsSummaryResponse(summary=Summary(numbers=numbers(sums))).SerializeToString()


def a_series(*labels: str) -> bytes:
    buckets = [Bucket(label=label, numbers=numbers()) for label in labels]
    return QueryTimeSeriesResponse(series=[Series(buckets=buckets)]).SerializeToString()


def a_page(*ids: str) -> bytes:
    rows = [WorkflowRow(workflow_id=id_, numbers=numbers()) for id_ in ids]
    return ListWorkflowAnalyticsResponse(workflows=rows).SerializeToString()


def anomalies(judged_hours: int, *found: tuple[int, float]) -> bytes:
    hour = TimeRange(start_time=Timestamp(seconds=3600))
    return ListAnomaliesResponse(
        anomalies=[Anomaly(range=hour, measure=measure, value=value) for measure, value in found],  # type: ignore[arg-type] # an enum is an int
        judged=judged_hours,
    ).SerializeToString()


SUMMARY = SummaryTruth(ASKED, SUMS)
SERIES = SeriesTruth(ASKED, (("2026-02-01", SUMS), ("2026-02-02", SUMS)))
PAGE = PageTruth(ASKED, (("a", BIN, SUMS), ("b", BIN, SUMS)))
ANOMALIES = AnomalyTruth(ASKED, {3600: SUMS})


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        (SUMMARY, a_summary()),
        (SERIES, a_series("2026-02-01", "2026-02-02")),
        (PAGE, a_page("a", "b")),
        (ANOMALIES, anomalies(96, (ANOMALY_MEASURE_JOBS, 10), (ANOMALY_MEASURE_MEDIAN_DURATION, 77))),
    ],
)
def test_an_answer_that_says_what_the_tables_say_is_true(truth: Expected, answer: bytes) -> None:
    assert require_true([Told(samples=[(0, answer)])], [[truth.question()]], [truth]) == 1


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        pytest.param(SUMMARY, a_summary(SUMS._replace(jobs=11)), id="a job too many"),
        pytest.param(SUMMARY, a_summary(SUMS._replace(execution_seconds=899)), id="a second too few"),
        pytest.param(SERIES, a_series("2026-02-01"), id="a day is missing"),
        pytest.param(SERIES, a_series("2026-02-01", "2026-02-03"), id="another day"),
        pytest.param(PAGE, a_page("b", "a"), id="another order"),
        pytest.param(PAGE, a_page("a"), id="a workflow is missing"),
        pytest.param(PAGE, a_page(), id="an empty page"),
        pytest.param(ANOMALIES, anomalies(96, (ANOMALY_MEASURE_JOBS, 9)), id="another number"),
        pytest.param(ANOMALIES, anomalies(95, (ANOMALY_MEASURE_JOBS, 10)), id="an hour was not judged"),
        pytest.param(ANOMALIES, anomalies(96), id="nothing to compare"),
    ],
)
def test_an_answer_that_says_something_else_ends_the_benchmark(truth: Expected, answer: bytes) -> None:
    with pytest.raises(BenchmarkFailed, match="a wrong answer"):
        require_true([Told(samples=[(0, answer)])], [[truth.question()]], [truth])


def test_a_percentile_is_compared_with_the_longest_job_when_its_bin_stands_for_more() -> None:
    row = WorkflowRow(workflow_id="a", numbers=numbers(maximum=20))
    answer = ListWorkflowAnalyticsResponse(workflows=[row]).SerializeToString()
    truth = PageTruth(ASKED, (("a", BIN, SUMS),))

    assert not truth.is_in(answer)  # the answer has what stands for the bin, which is beyond 20 seconds


def test_a_year_of_10_000_workflows_that_run_hourly_has_87_600_000_jobs() -> None:
    assert Year().jobs == 87_600_000


def test_every_workflow_is_in_one_chunk() -> None:
    assert chunks(10, 4) == [(0, 4), (4, 4), (8, 2)]


def test_the_longest_period_before_every_end_has_quarter_hours_in_any_zone() -> None:
    oldest = periods(SERIES_DAYS, ends_of(8, quarter_days=120), zone="Asia/Tokyo")[-1]

    assert oldest.start_s >= END_S - 120 * 86_400


def test_the_newest_period_ends_with_the_year() -> None:
    assert ends_of(8, 365)[0] == date(2026, 3, 1)
    assert periods(30, ends_of(1, 365))[0].end_s == END_S


def test_days_of_berlin_begin_at_its_midnights_on_both_sides_of_a_change_of_clocks() -> None:
    (span,) = periods(90, [date(2025, 12, 1)], zone=BERLIN)

    assert span == Period(at_utc("2025-09-01T22:00"), at_utc("2025-11-30T23:00"), BERLIN)


@pytest.mark.parametrize(
    ("span", "resolution"),
    [
        (periods(30, [date(2026, 3, 1)])[0], "day"),
        (periods(30, [date(2026, 3, 1)], hours_before=16.75)[0], "quarter"),
        (periods(30, [date(2026, 3, 1)], zone=BERLIN)[0], "quarter"),
    ],
)
def test_truths_come_from_day_rows_only_for_whole_days_of_utc(span: Period, resolution: str) -> None:
    assert span.parameters()["resolution"] == resolution


def test_a_choice_of_workflows_filters_requests_and_rows_alike() -> None:
    some, kind = some_of(["a", "b"]), of_kind("HEARTBEAT")

    assert (list(some.filter.workflow_ids), some.workflow_ids) == (["a", "b"], ("a", "b"))
    assert list(kind.filter.kinds) == ["HEARTBEAT"]
    assert "'HEARTBEAT'" in kind.condition


def test_ten_workflows_may_take_50_ms_and_all_of_them_15() -> None:
    rows = [
        Row("insights", asked_of(one, 1), [{"p99_ms": 20.0}])
        for one in (Insight.SUMMARY, Insight.SUMMARY_TEN)
    ]

    found = {one.target: one.is_met for one in judged(rows, TARGETS) if one.is_met is not None}

    assert found == {
        "summary of 30 days: p99, 1 caller": False,
        "summary of 30 days, 10 workflows: p99, 1 caller": True,
    }
