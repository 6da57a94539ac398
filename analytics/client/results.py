"""What the client returns of totals: frozen, typed, without protobuf. Pure functions make it of the messages.

Execution time is whole seconds as an int, not a timedelta: a number that stays at its maximum (2^64 - 1) does
not fit into one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from analytics import analytics_pb2 as messages
from analytics.freshness_pb2 import Freshness as FreshnessMessage


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the numbers are: every event published before `as_of` (UTC) is in them. None: unknown, hence stale.

    `data_start`: where the user's data begins; None in answers that are not about ranges.
    """

    as_of: datetime | None
    age: timedelta | None
    stale: bool
    data_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserAnalytics:
    """Totals over all workflows of a user, for all time.

    `freshness` and `cache_max_age` (for how long the answer may be kept) are None when an older service answered.
    """

    workflows: int
    jobs: int
    execution_seconds: int
    log_lines: int
    freshness: Freshness | None
    cache_max_age: timedelta | None


@dataclass(frozen=True, slots=True)
class WorkflowAnalytics:
    """Totals of one workflow, for all time. None: as in UserAnalytics."""

    workflow_id: UUID
    jobs: int
    execution_seconds: int
    log_lines: int
    freshness: Freshness | None
    cache_max_age: timedelta | None


def user_analytics(answer: messages.GetUserAnalyticsResponse) -> UserAnalytics:
    """Return the totals of an answer."""
    return UserAnalytics(
        workflows=answer.total_workflows,
        jobs=answer.total_jobs,
        execution_seconds=answer.total_job_execution_duration,
        log_lines=answer.total_joblogs,
        freshness=freshness_of(answer),
        cache_max_age=_cache_max_age(answer),
    )


def workflow_analytics(answer: messages.GetWorkflowAnalyticsResponse) -> WorkflowAnalytics:
    """Return the totals of an answer."""
    return WorkflowAnalytics(
        workflow_id=UUID(answer.workflow_id),
        jobs=answer.total_jobs,
        execution_seconds=answer.total_job_execution_duration,
        log_lines=answer.total_joblogs,
        freshness=freshness_of(answer),
        cache_max_age=_cache_max_age(answer),
    )


class _Answer(Protocol):
    @property
    def freshness(self) -> FreshnessMessage: ...
    def HasField(self, field_name: Any, /) -> bool: ...  # noqa: N802 -- protobuf's name


def freshness_of(answer: _Answer) -> Freshness | None:
    """Return how old the numbers of any answer of the service are; None: an older service answered."""
    if not answer.HasField("freshness"):
        return None
    told = answer.freshness
    return Freshness(
        as_of=_time(told, "as_of_time"),
        age=told.age.ToTimedelta() if told.HasField("age") else None,
        stale=told.stale,
        data_start=_time(told, "data_start_time"),
    )


def _time(told: FreshnessMessage, field: Literal["as_of_time", "data_start_time"]) -> datetime | None:
    time: Timestamp = getattr(told, field)
    return time.ToDatetime(UTC) if told.HasField(field) else None


def _cache_max_age(
    answer: messages.GetUserAnalyticsResponse | messages.GetWorkflowAnalyticsResponse,
) -> timedelta | None:
    return answer.cache_max_age.ToTimedelta() if answer.HasField("cache_max_age") else None
