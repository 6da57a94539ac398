"""Answers about ranges as the service gives them: fixed, and big enough to look like life."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration

from analytics import calendar
from analytics import insights_pb2 as pb
from analytics.freshness_pb2 import Freshness

LONDON = ZoneInfo("Europe/London")
AS_OF = datetime(2026, 10, 27, 9, 30, 12, 400_000, UTC)
FLOWS = tuple(f"01958513-7600-7671-b95b-58cd09f157{number:02x}" for number in (0x84, 0x91, 0xA7))


def fresh(*, age_s: float = 0.8) -> Freshness:
    """Numbers of a moment ago."""
    return Freshness(
        as_of_time=AS_OF,
        age=timedelta(seconds=age_s),
        stale=False,
        data_start_time=datetime(2025, 3, 11, tzinfo=UTC),
    )


FRESH = fresh()
PRECISION = pb.DurationPrecision(resolution=timedelta(seconds=1), percentile_relative_error=0.01)
NOT_SENT = (
    pb.Unavailable(field="jobs.canceled", reason="Chronoverse publishes no event when a job is canceled."),
    pb.Unavailable(
        field="jobs.trigger", reason="Chronoverse publishes no event that says what triggered a job."
    ),
)
BY_RESULT = pb.Unavailable(
    field="durations_by_result",
    reason="Not every finished job in the range says whether it failed: its event has no status.",
)


def seconds(number: float) -> Duration:
    """A duration."""
    return Duration(seconds=int(number), nanos=round(number % 1 * 1e9))


def durations(jobs: int, total: int, ranks=(50, 95, 99), shape=(0.4, 3.1, 5.2)) -> pb.DurationNumbers:
    """Durations whose percentiles are multiples of their average."""
    found = pb.DurationNumbers(count=jobs, total_seconds=total)
    if jobs:
        average = total / jobs
        found.average.CopyFrom(seconds(average))
        found.minimum.CopyFrom(seconds(1))
        found.maximum.CopyFrom(seconds(round(average * 9)))
        for rank, times in zip(ranks, shape, strict=True):
            found.percentiles.add(rank=rank, value=seconds(round(average * times)))
    return found


def numbers(
    jobs: int, failed: int, total: int, lines: int, *, wall_s: float = 86_400, new: int = 0
) -> pb.Numbers:
    """All numbers of a stretch of time; ratios and percentiles of nothing are absent."""
    stderr = lines // 9
    found = pb.Numbers(
        jobs=pb.JobNumbers(finished=jobs, completed=jobs - failed, failed=failed),
        durations=durations(jobs, total),
        logs=pb.LogNumbers(lines=lines, bytes=lines * 83, stderr_lines=stderr, stderr_bytes=stderr * 61),
        new_workflows=new,
        utilization=total / wall_s,
    )
    if jobs:
        found.jobs.success_ratio = (jobs - failed) / jobs
        found.logs.lines_per_job = lines / jobs
    if lines:
        found.logs.stderr_ratio = stderr / lines
    return found


def time_range(start: datetime, end: datetime) -> pb.TimeRange:
    """A range."""
    return pb.TimeRange(start_time=start, end_time=end)


def october() -> pb.TimeRange:
    """October of London: 31 days and an hour."""
    return time_range(datetime(2026, 9, 30, 23, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


def summary(*, jobs: int = 4_812) -> pb.GetAnalyticsSummaryResponse:
    """October, compared with the month before."""
    now = pb.Summary(
        range=october(),
        numbers=numbers(jobs, min(jobs, 131), 1_530_216, 98_877, wall_s=2_682_000, new=3),
        failures=[
            pb.FailureCount(failure_kind="USER", error_code="DeadlineExceeded", jobs=84),
            pb.FailureCount(failure_kind="SYSTEM", error_code="Unavailable", jobs=40),
            pb.FailureCount(failure_kind="USER", error_code="", jobs=7),
        ],
        workflows=pb.WorkflowCounts(
            total=9, active=6, terminated=2, deleted=1, terminated_in_range=1, deleted_in_range=0
        ),
        cost=pb.Cost(
            currency_code="EUR",
            total="10.300616",
            execution="5.100720000",
            jobs="4.812000000",
            logs="0.387896000",
        ),
    )
    before = pb.Summary(
        range=time_range(datetime(2026, 8, 30, 23, tzinfo=UTC), datetime(2026, 9, 30, 23, tzinfo=UTC)),
        numbers=numbers(4_290, 52, 1_380_000, 99_120, wall_s=2_678_400),
        workflows=now.workflows,
    )
    return pb.GetAnalyticsSummaryResponse(
        summary=now,
        compared_with=before,
        changes=list(changes(now.numbers, before.numbers)),
        unavailable=[*NOT_SENT, BY_RESULT],
        duration_precision=PRECISION,
        freshness=FRESH,
        cache_max_age=timedelta(seconds=30),
    )


def changes(now: pb.Numbers, before: pb.Numbers) -> Iterator[pb.Change]:
    """How some of the numbers moved."""
    pairs = {
        "jobs": (before.jobs.finished, now.jobs.finished),
        "jobs_completed": (before.jobs.completed, now.jobs.completed),
        "jobs_failed": (before.jobs.failed, now.jobs.failed),
        "success_ratio": (before.jobs.success_ratio, now.jobs.success_ratio),
        "execution_seconds": (before.durations.total_seconds, now.durations.total_seconds),
        "average_duration": (_s(before.durations.average), _s(now.durations.average)),
        "minimum_duration": (1, 1),
        "log_lines": (before.logs.lines, now.logs.lines),
        "new_workflows": (0, 3),
    }
    for index, rank in enumerate((50, 95, 99)):
        pair = (_s(one.durations.percentiles[index].value) for one in (before, now))
        pairs[f"p{rank}"] = (*pair,)
    for name, (former, present) in pairs.items():
        change = pb.Change(number=name, before=former, now=present, difference=present - former)
        if former:
            change.ratio = (present - former) / former
        yield change


def _s(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def series(*groups: str, group_by: str = "") -> pb.QueryTimeSeriesResponse:
    """Days from October 19 to 27, the last one in progress and the first one cut; one series without groups."""
    start, end = datetime(2026, 10, 19, 5, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC)
    span = calendar.Span(int(start.timestamp()), int(end.timestamp()))
    days = list(calendar.buckets(span, calendar.Interval.DAY, LONDON))
    return pb.QueryTimeSeriesResponse(
        series=[
            pb.Series(group=group, buckets=[_bucket(day, at, place, group_by) for at, day in enumerate(days)])
            for place, group in enumerate(groups or ("",))
        ],
        unavailable=NOT_SENT,
        duration_precision=PRECISION,
        freshness=FRESH,
        cache_max_age=timedelta(seconds=30),
    )


_JOBS = (71, 160, 158, 171, 0, 149, 162, 240, 64)


def _bucket(day: calendar.Bucket, at: int, place: int, group_by: str) -> pb.Bucket:
    jobs = _JOBS[at] // (place + 1)
    failed = jobs // 20 if at != 7 else jobs // 4
    found = numbers(jobs, failed, jobs * 300, jobs * 21, wall_s=day.span.end_s - day.span.start_s)
    if group_by == "result":
        told = pb.JobNumbers(failed=failed) if place else pb.JobNumbers(completed=jobs - failed)
        found = pb.Numbers(jobs=told)
    if group_by in ("failure-kind", "error-code"):
        found = pb.Numbers(jobs=pb.JobNumbers(failed=failed))
    bounds = (datetime.fromtimestamp(one, UTC) for one in day.span)
    return pb.Bucket(
        range=time_range(*bounds),
        label=day.label,
        numbers=found,
        cut=at == 0,
        in_progress=at == len(_JOBS) - 1,
    )


def listing() -> pb.ListWorkflowAnalyticsResponse:
    """Three workflows in October, one page."""
    rows = [
        pb.WorkflowRow(
            workflow_id=flow,
            kind=kind,
            state=state,
            create_time=datetime(2025, 3, 11, 9 + at, tzinfo=UTC),
            numbers=numbers(jobs, failed, jobs * length, jobs * 20, wall_s=2_682_000),
        )
        for at, (flow, kind, state, jobs, failed, length) in enumerate(
            (
                (FLOWS[0], "CONTAINER", pb.WORKFLOW_STATE_ACTIVE, 2_976, 120, 480),
                (FLOWS[1], "HEARTBEAT", pb.WORKFLOW_STATE_ACTIVE, 1_488, 0, 2),
                (FLOWS[2], "", pb.WORKFLOW_STATE_TERMINATED, 348, 11, 285),
            )
        )
    ]
    return pb.ListWorkflowAnalyticsResponse(
        workflows=rows,
        total_size=len(rows),
        range=october(),
        duration_precision=PRECISION,
        freshness=FRESH,
        cache_max_age=timedelta(seconds=30),
    )


def anomalies() -> pb.ListAnomaliesResponse:
    """Two hours that stand out."""
    hour = datetime(2026, 10, 26, 3, tzinfo=UTC)
    return pb.ListAnomaliesResponse(
        anomalies=[
            pb.Anomaly(
                range=time_range(hour, hour + timedelta(hours=1)),
                label="2026-10-26T03:00+00:00",
                measure=pb.ANOMALY_MEASURE_FAILED_JOBS,
                value=38,
                median=1,
                median_absolute_deviation=1,
                score=24.955,
                scale=1.4826,
                baseline=[1, 0, 2, 1, 1, 0, 3, 2],
            ),
            pb.Anomaly(
                range=time_range(hour, hour + timedelta(hours=1)),
                label="2026-10-26T03:00+00:00",
                measure=pb.ANOMALY_MEASURE_JOBS,
                value=22,
                median=60,
                median_absolute_deviation=2.5,
                score=-4.906,
                scale=7.746,
                baseline=[62, 58, 60, 61, 57, 60, 63, 55],
            ),
        ],
        judged=672,
        not_judged=24,
        freshness=FRESH,
    )


def status() -> pb.GetAnalyticsStatusResponse:
    """A service that keeps up."""
    return pb.GetAnalyticsStatusResponse(
        freshness=FRESH,
        topics=[pb.TopicStatus(topic="analytics", partitions=2, as_of_time=AS_OF, lag=0)],
        bucket_resolution=timedelta(minutes=15),
        duration_precision=PRECISION,
        unavailable=NOT_SENT,
    )
