"""What `--json` prints: one object a line, with the same keys for users and workflows. Pure.

The totals have the names of the contract (analytics.proto). Numbers are integers, times RFC 3339 in UTC; null is
what a workflow or a user does not have, or what is not known.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from analytics.cli.subjects import Found, Subject
from analytics.client import CallFailed, UserAnalytics

KEYS: Final = {
    "user_id": "the user",
    "workflow_id": "the workflow; null for a user",
    "asked_at": "when the service was asked",
    "total_workflows": "null for a workflow",
    "total_jobs": "finished jobs",
    "total_joblogs": "log lines",
    "total_job_execution_duration": "seconds",
    "as_of_time": "every event published before is counted; null: unknown",
    "age_ms": "from as_of_time to the answer; null: unknown",
    "stale": "older than the service's limit, or unknown; null: an older service answered",
    "cache_max_age_ms": "for how long the answer may be kept; null: an older service answered",
}
"""Every key with its meaning, in the order in which they are printed."""


def totals_object(subject: Subject, found: Found, asked_at: datetime) -> dict[str, Any]:
    """Return the object of an answer: all of KEYS."""
    fresh, subject = found.freshness, subject.canonical()
    return {
        "user_id": subject.user_id,
        "workflow_id": subject.workflow_id,
        "asked_at": rfc3339(asked_at),
        "total_workflows": found.workflows if isinstance(found, UserAnalytics) else None,
        "total_jobs": found.jobs,
        "total_joblogs": found.log_lines,
        "total_job_execution_duration": found.execution_seconds,
        "as_of_time": rfc3339(fresh.as_of) if fresh and fresh.as_of else None,
        "age_ms": _milliseconds(fresh.age) if fresh else None,
        "stale": fresh.stale if fresh else None,
        "cache_max_age_ms": _milliseconds(found.cache_max_age),
    }


def problem_object(subject: Subject, error: CallFailed, asked_at: datetime) -> dict[str, Any]:
    """Return the object of `watch` for a call without an answer: `error` in the place of the totals."""
    return {
        "user_id": subject.user_id,
        "workflow_id": subject.workflow_id,
        "asked_at": rfc3339(asked_at),
        "error": {"code": error.code.name, "reason": error.reason, "message": str(error)},
    }


def rfc3339(time: datetime) -> str:
    """Return a time to the millisecond, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(milliseconds=1)
