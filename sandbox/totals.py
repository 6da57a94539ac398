"""The true totals of a corpus file, and the service's answers beside them."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import grpc
import msgspec

from analytics import analytics_pb2, analytics_pb2_grpc
from sandbox.errors import UnreadableCorpus
from sandbox.tokens import call_metadata, sign_token

_TIMEOUT_S = 2.0
_AT_ONCE: Final = 16
"""Questions at the same time: the service answers them with few queries; of one caller it takes 64."""


class UserTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one user, for all time."""

    total_workflows: int
    total_jobs: int
    total_job_execution_duration: int
    total_joblogs: int


class WorkflowTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one workflow, for all time."""

    user_id: str
    workflow_id: str
    total_jobs: int
    total_job_execution_duration: int
    total_joblogs: int


class ExpectedTotals(msgspec.Struct, frozen=True):
    """The file `*.expected.json` beside a corpus file, as far as the frozen answers go."""

    users: dict[str, UserTotals]
    workflows: list[WorkflowTotals]


@dataclass(frozen=True)
class Answers:
    """What the service said; None: NOT_FOUND. `problem` is why there is no answer at all."""

    users: dict[str, UserTotals | None] = field(default_factory=dict)
    workflows: list[WorkflowTotals] = field(default_factory=list)
    problem: str = ""

    def equal(self, expected: ExpectedTotals) -> bool:
        """Whether every user and every workflow has the expected totals."""
        return self.equal_users(expected) and self.workflows == expected.workflows

    def equal_users(self, expected: ExpectedTotals) -> bool:
        """Whether every user has the expected totals."""
        return all(self.users.get(user) == totals for user, totals in expected.users.items())


def read_expected(path: Path) -> ExpectedTotals:
    """Read a file of true totals. Raises UnreadableCorpus."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExpectedTotals)
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableCorpus(f"{path} cannot be read: {error}") from error


class Asker:
    """Asks the service over gRPC as the HTTP gateway does: a new token of the user for every request."""

    def __init__(self, address: str, private_key: Path) -> None:
        self._channel = grpc.insecure_channel(address, compression=grpc.Compression.Gzip)
        self._stub = analytics_pb2_grpc.AnalyticsServiceStub(self._channel)  # type: ignore[no-untyped-call] # generated
        self._private_key = private_key

    def ask(self, users: Iterable[str], expected: ExpectedTotals | None = None) -> Answers:
        """Return the totals of users; and those of the expected workflows, once all users are as expected."""
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                return self._answers(pool, list(users), expected)
        except grpc.RpcError as error:
            return Answers(problem=f"{error.code().name}: {error.details()}")

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _answers(
        self, pool: ThreadPoolExecutor, users: list[str], expected: ExpectedTotals | None
    ) -> Answers:
        answers = Answers(dict(zip(users, pool.map(self._user, users), strict=True)))
        if expected is None or not answers.equal_users(expected):
            return answers
        found = pool.map(lambda one: self._workflow(one.user_id, one.workflow_id), expected.workflows)
        return Answers(answers.users, [totals for totals in found if totals is not None])

    def _user(self, user_id: str) -> UserTotals | None:
        request = analytics_pb2.GetUserAnalyticsRequest(user_id=user_id)
        try:
            found = self._stub.GetUserAnalytics(request, metadata=self._metadata(user_id), timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            _refuse_unless_not_found(error)
            return None
        return msgspec.convert(found, UserTotals, from_attributes=True)

    def _workflow(self, user_id: str, workflow_id: str) -> WorkflowTotals | None:
        request = analytics_pb2.GetWorkflowAnalyticsRequest(user_id=user_id, workflow_id=workflow_id)
        try:
            found = self._stub.GetWorkflowAnalytics(
                request, metadata=self._metadata(user_id), timeout=_TIMEOUT_S
            )
        except grpc.RpcError as error:
            _refuse_unless_not_found(error)
            return None
        return WorkflowTotals(
            user_id=user_id,
            workflow_id=found.workflow_id,
            total_jobs=found.total_jobs,
            total_job_execution_duration=found.total_job_execution_duration,
            total_joblogs=found.total_joblogs,
        )

    def _metadata(self, user_id: str) -> tuple[tuple[str, str], ...]:
        return call_metadata(sign_token(self._private_key, user_id, now=datetime.now(UTC)))


def _refuse_unless_not_found(error: grpc.RpcError) -> None:
    if error.code() is not grpc.StatusCode.NOT_FOUND:
        raise error
