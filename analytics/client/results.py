"""What the client returns: frozen, typed, without protobuf. Pure functions make it of the messages.

Execution time is whole seconds as an int, not a timedelta: a number that stays at its maximum (2^64 - 1) does
not fit into one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics import analytics_pb2 as messages


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the numbers are: every event published before `as_of` (UTC) is in them. None: unknown, hence stale."""

    as_of: datetime | None
    age: timedelta | None
    stale: bool


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
        freshness=_freshness(answer),
        cache_max_age=_cache_max_age(answer),
    )


def workflow_analytics(answer: messages.GetWorkflowAnalyticsResponse) -> WorkflowAnalytics:
    """Return the totals of an answer."""
    return WorkflowAnalytics(
        workflow_id=UUID(answer.workflow_id),
        jobs=answer.total_jobs,
        execution_seconds=answer.total_job_execution_duration,
        log_lines=answer.total_joblogs,
        freshness=_freshness(answer),
        cache_max_age=_cache_max_age(answer),
    )


_Answer = messages.GetUserAnalyticsResponse | messages.GetWorkflowAnalyticsResponse


def _freshness(answer: _Answer) -> Freshness | None:
    if not answer.HasField("freshness"):
        return None
    told = answer.freshness
    return Freshness(
        as_of=told.as_of_time.ToDatetime(UTC) if told.HasField("as_of_time") else None,
        age=told.age.ToTimedelta() if told.HasField("age") else None,
        stale=told.stale,
    )


def _cache_max_age(answer: _Answer) -> timedelta | None:
    return answer.cache_max_age.ToTimedelta() if answer.HasField("cache_max_age") else None
