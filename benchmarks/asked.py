"""What the callers ask of the service, and what must come back."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from analytics.analytics_pb2 import (
    GetUserAnalyticsRequest,
    GetUserAnalyticsResponse,
    GetWorkflowAnalyticsRequest,
    GetWorkflowAnalyticsResponse,
)
from analytics.store.pool import Connection
from benchmarks.caller import Question, Told
from benchmarks.echo import USER_METHOD, WORKFLOW_METHOD
from benchmarks.errors import BenchmarkFailed

_WORKFLOWS: Final = """
SELECT toString(user_id), toString(workflow_id), 0, sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id != toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY user_id, workflow_id
ORDER BY sipHash64(workflow_id)
LIMIT %(most)s
"""
_USERS: Final = """
SELECT toString(user_id), '', sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY user_id
HAVING sum(workflows) = %(workflows)s
ORDER BY sipHash64(user_id)
LIMIT %(most)s
"""


class Expected(Protocol):
    """A question, and what is known of its answer."""

    def question(self) -> Question:
        """Ask it."""

    def is_in(self, answer: bytes) -> bool:
        """Whether the answer says what is known."""


class Truth(NamedTuple):
    """The totals of a user, or (when `workflow_id` is not empty) of a workflow."""

    user_id: str
    workflow_id: str
    workflows: int
    jobs: int
    execution_seconds: int
    log_lines: int

    def question(self) -> Question:
        """Ask for them."""
        if self.workflow_id:
            request = GetWorkflowAnalyticsRequest(user_id=self.user_id, workflow_id=self.workflow_id)
            return Question(WORKFLOW_METHOD, request.SerializeToString(), self.user_id)
        return Question(
            USER_METHOD, GetUserAnalyticsRequest(user_id=self.user_id).SerializeToString(), self.user_id
        )

    def is_in(self, answer: bytes) -> bool:
        """Whether the answer says so."""
        if self.workflow_id:
            flow = GetWorkflowAnalyticsResponse.FromString(answer)
            found = (flow.workflow_id, flow.total_jobs, flow.total_job_execution_duration)
            return found == (self.workflow_id, self.jobs, self.execution_seconds)
        user = GetUserAnalyticsResponse.FromString(answer)
        counts = (user.total_workflows, user.total_jobs, user.total_joblogs)
        seconds = user.total_job_execution_duration
        return (*counts, seconds) == (self.workflows, self.jobs, self.log_lines, self.execution_seconds)


def some_workflows(connection: Connection, most: int) -> list[Truth]:
    """Return workflows of all users, in no order."""
    return [Truth(*row) for row in connection.query(_WORKFLOWS, {"most": most})]


def users_with(connection: Connection, workflows: int, most: int) -> list[Truth]:
    """Return users who have exactly so many workflows, in no order."""
    return [Truth(*row) for row in connection.query(_USERS, {"workflows": workflows, "most": most})]


def require_true(told: Iterable[Told], asked: Sequence[Sequence[Question]], true: Iterable[Expected]) -> int:
    """Return how many sampled answers were compared. Raises BenchmarkFailed for a wrong one."""
    truths, compared = {one.question(): one for one in true}, 0
    for each, questions in zip(told, asked, strict=True):
        for place, answer in each.samples:
            truth = truths[questions[place]]
            if not truth.is_in(answer):
                raise BenchmarkFailed(f"a wrong answer: {answer.hex()}, true is {truth}")
            compared += 1
    return compared
