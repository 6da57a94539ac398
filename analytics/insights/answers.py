"""From sums to messages. Pure: what is not known, or has nothing to be computed from, stays unset."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics import histogram
from analytics.answers import saturate_uint64
from analytics.calendar import Span
from analytics.insights import cost as costs
from analytics.insights.model import Measured, Range, Results, WorkflowCounts
from analytics.insights_pb2 import (
    Cost,
    DurationNumbers,
    DurationPrecision,
    DurationsByResult,
    FailureCount,
    JobNumbers,
    LogNumbers,
    Numbers,
    Percentile,
    TimeRange,
    Unavailable,
)
from analytics.insights_pb2 import WorkflowCounts as WorkflowCountsMessage

_NANOS: Final = 1_000_000_000
_LONGEST_DURATION_S: Final = 315_576_000_000  # of google.protobuf.Duration

NOT_SENT: Final = (
    Unavailable(
        field="jobs.canceled",
        reason="Chronoverse publishes no event when a job is canceled.",
    ),
    Unavailable(
        field="jobs.trigger",
        reason="Chronoverse publishes no event that says what triggered a job.",
    ),
)
"""What producers do not tell, in every range."""

BY_RESULT: Final = Unavailable(
    field="durations_by_result",
    reason="Not every finished job in the range says whether it failed: its event has no status.",
)
PRECISION: Final = DurationPrecision(
    resolution=Duration(seconds=histogram.RESOLUTION_S), percentile_relative_error=histogram.RELATIVE_ERROR
)


def unknown_of_former_jobs(found: Iterable[Measured]) -> list[Unavailable]:
    """Return what is not known of jobs that were counted before results and single durations were."""
    pairs = [(one.jobs, one.binned_jobs) for one in found]
    jobs, binned = sum(jobs for jobs, _ in pairs), sum(binned for _, binned in pairs)
    if jobs == binned:
        return []
    former = f"{jobs - binned:,} of {jobs:,} finished jobs were counted by a former version"
    return [
        Unavailable(
            field="numbers.durations.percentiles", reason=f"{former}, which kept no single durations."
        ),
        Unavailable(field="numbers.jobs.completed", reason=f"{former}, which counted no results."),
    ]


def numbers_message(measured: Measured, ranks: Sequence[float], wall_s: float) -> Numbers:
    """Return sums over so many seconds of time as a message."""
    numbers = Numbers(
        jobs=_jobs(measured),
        durations=durations_message(measured, ranks),
        logs=_logs(measured),
        new_workflows=saturate_uint64(measured.workflows),
    )
    if wall_s > 0:
        numbers.utilization = measured.execution_seconds / wall_s
    return numbers


def durations_message(measured: Measured, ranks: Sequence[float]) -> DurationNumbers:
    """Return durations; those of single jobs only where all of them are known."""
    message = DurationNumbers(
        count=saturate_uint64(measured.jobs), total_seconds=saturate_uint64(measured.execution_seconds)
    )
    if not measured.jobs:
        return message
    message.average.CopyFrom(_duration(measured.execution_seconds / measured.jobs))
    if knows_durations(measured):
        message.minimum.CopyFrom(_duration(measured.shortest_seconds))
        message.maximum.CopyFrom(_duration(measured.longest_seconds))
        message.percentiles.extend(_percentiles(percentiles_s(measured), ranks))
    return message


def knows_durations(measured: Measured) -> bool:
    """Whether the duration of each job is known; former versions kept only their sum."""
    return measured.jobs > 0 and measured.binned_jobs == measured.jobs


def percentiles_s(measured: Measured) -> list[float]:
    """Return percentiles in seconds; none is beyond the shortest and the longest duration, which are exact."""
    least, most = measured.shortest_seconds, measured.longest_seconds
    return [min(max(histogram.value_s(number), least), most) for number in measured.percentile_bins]


def by_result_message(
    measured: Measured, results: Results, ranks: Sequence[float]
) -> DurationsByResult | None:
    """Return durations by result; None unless all jobs say how they ended."""
    if results.jobs_with_status != measured.jobs or not knows_durations(measured):
        return None
    failed, seconds = results.failed_jobs, results.failed_seconds
    completed = measured.jobs - failed, measured.execution_seconds - seconds
    return DurationsByResult(
        completed=_of_result(*completed, results.completed_bins, ranks),
        failed=_of_result(failed, seconds, results.failed_bins, ranks),
    )


def failure_counts(results: Results) -> list[FailureCount]:
    """Return failures, the largest count first."""
    order = sorted(results.failures.items(), key=lambda item: (-item[1], item[0]))
    return [
        FailureCount(failure_kind=kind, error_code=code, jobs=saturate_uint64(jobs))
        for (kind, code), jobs in order
    ]


def counts_message(counts: WorkflowCounts) -> WorkflowCountsMessage:
    """Return workflows by state."""
    return WorkflowCountsMessage(
        total=counts.active + counts.terminated + counts.deleted,
        active=counts.active,
        terminated=counts.terminated,
        deleted=counts.deleted,
        terminated_in_range=counts.terminated_in_range,
        deleted_in_range=counts.deleted_in_range,
    )


def cost_message(cost: costs.Cost, currency_code: str) -> Cost:
    """Return a cost."""
    return Cost(
        currency_code=currency_code,
        total=f"{cost.total:f}",
        execution=f"{cost.execution:f}",
        jobs=f"{cost.jobs:f}",
        logs=f"{cost.logs:f}",
    )


def range_message(span: Span) -> TimeRange:
    """Return a range with both ends."""
    return TimeRange(start_time=Timestamp(seconds=span.start_s), end_time=Timestamp(seconds=span.end_s))


def wall_s(asked: Range) -> int:
    """Return how long a range is, in seconds."""
    return asked.span.end_s - asked.span.start_s


def _jobs(measured: Measured) -> JobNumbers:
    completed, failed = measured.jobs_completed, measured.jobs_failed
    message = JobNumbers(
        finished=saturate_uint64(measured.jobs),
        completed=saturate_uint64(completed),
        failed=saturate_uint64(failed),
    )
    if completed + failed:
        message.success_ratio = completed / (completed + failed)
    return message


def _logs(measured: Measured) -> LogNumbers:
    message = LogNumbers(
        lines=saturate_uint64(measured.log_lines),
        bytes=saturate_uint64(measured.log_bytes),
        stderr_lines=saturate_uint64(measured.stderr_lines),
        stderr_bytes=saturate_uint64(measured.stderr_bytes),
    )
    if measured.log_lines:
        message.stderr_ratio = measured.stderr_lines / measured.log_lines
    if measured.jobs:
        message.lines_per_job = measured.log_lines / measured.jobs
    return message


def _of_result(jobs: int, seconds: int, bins: Sequence[int], ranks: Sequence[float]) -> DurationNumbers:
    message = DurationNumbers(count=saturate_uint64(jobs), total_seconds=saturate_uint64(seconds))
    if jobs:
        message.average.CopyFrom(_duration(seconds / jobs))
        message.percentiles.extend(_percentiles(map(histogram.value_s, bins), ranks))
    return message


def _percentiles(values_s: Iterable[float], ranks: Sequence[float]) -> Iterator[Percentile]:
    for rank, value_s in zip(ranks, values_s, strict=True):
        yield Percentile(rank=rank, value=_duration(value_s))


def _duration(seconds: float) -> Duration:
    nanos = round(min(seconds, _LONGEST_DURATION_S) * _NANOS)
    return Duration(seconds=nanos // _NANOS, nanos=nanos % _NANOS)
