"""From totals to messages: pure, and the only place where numbers meet the widths of the contract."""

from typing import Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics.analytics_pb2 import GetUserAnalyticsResponse, GetWorkflowAnalyticsResponse
from analytics.freshness_pb2 import Freshness
from analytics.model import Totals, WorkflowKey

_UINT32_MAX: Final = 2**32 - 1
_UINT64_MAX: Final = 2**64 - 1


class Standing(NamedTuple):
    """How old numbers are, and for how many seconds they may be answered from a cache."""

    freshness: Freshness
    cache_max_age_s: int


def saturate_uint32(number: int) -> int:
    """Return the nearest number that a uint32 holds."""
    return min(max(number, 0), _UINT32_MAX)


def saturate_uint64(number: int) -> int:
    """Return the nearest number that a uint64 holds."""
    return min(max(number, 0), _UINT64_MAX)


def user_answer(totals: Totals, standing: Standing) -> GetUserAnalyticsResponse:
    """Return the answer of GetUserAnalytics."""
    return GetUserAnalyticsResponse(
        total_workflows=saturate_uint32(totals.workflows),
        total_jobs=saturate_uint64(totals.jobs),
        total_joblogs=saturate_uint64(totals.log_lines),
        total_job_execution_duration=saturate_uint64(totals.execution_seconds),
        freshness=standing.freshness,
        cache_max_age=Duration(seconds=standing.cache_max_age_s),
    )


def workflow_answer(key: WorkflowKey, totals: Totals, standing: Standing) -> GetWorkflowAnalyticsResponse:
    """Return the answer of GetWorkflowAnalytics, with the workflow's id in canonical spelling."""
    return GetWorkflowAnalyticsResponse(
        workflow_id=str(key.workflow_id),
        total_job_execution_duration=saturate_uint64(totals.execution_seconds),
        total_jobs=saturate_uint32(totals.jobs),
        total_joblogs=saturate_uint64(totals.log_lines),
        freshness=standing.freshness,
        cache_max_age=Duration(seconds=standing.cache_max_age_s),
    )


def freshness_answer(as_of_ms: int | None, *, now_ms: int, stale_after_s: float) -> Freshness:
    """Return how old numbers of that as-of time are; None is unknown, hence stale. Age is never negative."""
    if as_of_ms is None:
        return Freshness(stale=True)
    age_ms = max(0, now_ms - as_of_ms)
    as_of, age = Timestamp(), Duration()
    as_of.FromMilliseconds(as_of_ms)
    age.FromMilliseconds(age_ms)
    return Freshness(as_of_time=as_of, age=age, stale=age_ms > stale_after_s * 1000)
