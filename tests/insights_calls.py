"""Asking a service about ranges: one that runs beside the tests of a module, and its answers as plain values."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from analytics import insights_pb2 as pb
from analytics.analytics_pb2 import GetUserAnalyticsRequest, GetUserAnalyticsResponse
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.settings import Settings
from analytics.store.pool import Connection
from tests.grpc_world import metadata, token
from tests.insights_model import Chosen
from tests.insights_world import Record, count, insights_of

_WITHIN_S = 30.0
_INSERT_ROWS = """
INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, log_lines, log_bytes) VALUES
"""


class Asking:
    """A database of its own and a service over it; each method asks as the user, unless other metadata is `sent`."""

    def __init__(self, database: Settings, channel: grpc.Channel) -> None:
        self._database = database
        self._stub = AnalyticsServiceStub(channel)

    def count(self, records: Sequence[Record], **options: Any) -> None:
        count(self._database, records, **options)

    def insert_days(self, user: UUID, workflow: UUID, bytes_by_day: Sequence[tuple[int, int]]) -> None:
        """Write rows of single days as a processor would: so many bytes of one line of a workflow on each."""
        owners = UUID(int=0), workflow
        rows = [("day", user, owner, at_s, 1, size) for at_s, size in bytes_by_day for owner in owners]
        rows += [("total", user, owner, 0, 1, 1) for owner in owners]
        connection = Connection(self._database, timeout_s=10)
        connection.insert(_INSERT_ROWS, [list(column) for column in zip(*rows, strict=True)])
        connection.close()

    def summary(self, user: UUID, **fields: Any) -> pb.GetAnalyticsSummaryResponse:
        return self._ask("GetAnalyticsSummary", pb.GetAnalyticsSummaryRequest, user, fields)

    def series(self, user: UUID, **fields: Any) -> pb.QueryTimeSeriesResponse:
        return self._ask("QueryTimeSeries", pb.QueryTimeSeriesRequest, user, fields)

    def page(self, user: UUID, **fields: Any) -> pb.ListWorkflowAnalyticsResponse:
        return self._ask("ListWorkflowAnalytics", pb.ListWorkflowAnalyticsRequest, user, fields)

    def anomalies(self, user: UUID, **fields: Any) -> pb.ListAnomaliesResponse:
        return self._ask("ListAnomalies", pb.ListAnomaliesRequest, user, fields)

    def status(self, user: UUID, **fields: Any) -> pb.GetAnalyticsStatusResponse:
        return self._ask("GetAnalyticsStatus", pb.GetAnalyticsStatusRequest, user, fields)

    def totals(self, user: UUID) -> GetUserAnalyticsResponse:
        return self._ask("GetUserAnalytics", GetUserAnalyticsRequest, user, {})

    def _ask(self, method: str, request: Callable[..., Any], user: UUID, fields: dict[str, Any]) -> Any:
        sent = fields.pop("sent", None) or metadata(token(user))
        call = getattr(self._stub, method)
        return call(request(user_id=str(user), **fields), metadata=sent, timeout=_WITHIN_S)

    def pages(self, user: UUID, **fields: Any) -> list[pb.ListWorkflowAnalyticsResponse]:
        """All pages of one list."""
        found = [self.page(user, **fields)]
        while found[-1].next_page_token:
            found.append(self.page(user, **fields, page_token=found[-1].next_page_token))
        return found


@contextmanager
def asking(database: Settings, *, as_of_s: float | None = None) -> Iterator[Asking]:
    """Run a service over a database in a thread, so that tests, and Hypothesis, may wait for its answers."""
    listening, ending = threading.Event(), threading.Event()
    addresses: list[str] = []

    async def serve() -> None:
        async with insights_of(database, as_of_s=as_of_s) as address:
            addresses.append(address)
            listening.set()
            await asyncio.to_thread(ending.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert listening.wait(_WITHIN_S)
        with grpc.insecure_channel(addresses[0]) as channel:
            yield Asking(database, channel)
    finally:
        ending.set()
        thread.join(_WITHIN_S)


def span(start_s: int, end_s: int) -> pb.TimeRange:
    """A range as requests have it."""
    return pb.TimeRange(start_time=Timestamp(seconds=start_s), end_time=Timestamp(seconds=end_s))


def filter_message(chosen: Chosen) -> pb.WorkflowFilter:
    """Conditions as requests have them."""
    states = [pb.WorkflowState.Value(f"WORKFLOW_STATE_{one}") for one in chosen.states or ()]
    return pb.WorkflowFilter(workflow_ids=chosen.workflows, kinds=chosen.kinds, states=states)


def ends_of(asked: pb.TimeRange) -> tuple[int, int]:
    """A range as Unix seconds."""
    return asked.start_time.seconds, asked.end_time.seconds


def optional(message: Any, field: str) -> Any:
    """A field that may be absent."""
    return getattr(message, field) if message.HasField(field) else None


def seconds_of(message: Any, field: str) -> float | None:
    """A duration that may be absent."""
    if not message.HasField(field):
        return None
    duration: Duration = getattr(message, field)
    return duration.seconds + duration.nanos / 1e9


def durations_of(message: pb.DurationNumbers) -> dict[str, Any]:
    """Durations by the names of the model."""
    return {
        "execution_seconds": message.total_seconds,
        "average_duration": seconds_of(message, "average"),
        "minimum_duration": seconds_of(message, "minimum"),
        "maximum_duration": seconds_of(message, "maximum"),
        "percentiles": [one.value.seconds + one.value.nanos / 1e9 for one in message.percentiles],
    }


def numbers_of(message: pb.Numbers) -> dict[str, Any]:
    """Numbers by the names of the model."""
    jobs, logs = message.jobs, message.logs
    assert message.durations.count == jobs.finished
    return {
        "jobs": optional(jobs, "finished"),
        "jobs_completed": optional(jobs, "completed"),
        "jobs_failed": optional(jobs, "failed"),
        "success_ratio": optional(jobs, "success_ratio"),
        "log_lines": logs.lines,
        "log_bytes": logs.bytes,
        "stderr_lines": logs.stderr_lines,
        "stderr_bytes": logs.stderr_bytes,
        "stderr_ratio": optional(logs, "stderr_ratio"),
        "lines_per_job": optional(logs, "lines_per_job"),
        "new_workflows": optional(message, "new_workflows"),
        "utilization": optional(message, "utilization"),
    } | durations_of(message.durations)


def assert_numbers(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare all numbers: counts exactly, ratios as floats, percentiles within 1%."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name == "percentiles":
            assert found[name] == pytest.approx(value, rel=0.01, abs=0), name
        elif value is None or isinstance(value, int):
            assert found[name] == value, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def failures_of(counts: Iterable[pb.FailureCount]) -> list[tuple[tuple[str, str], int]]:
    """Failures in their order."""
    return [((one.failure_kind, one.error_code), one.jobs) for one in counts]


def violation(call: Callable[[], Any]) -> tuple[str, str]:
    """Field and rule of a call that must be INVALID_ARGUMENT."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in rpc_status.from_call(error).details)
    (one,) = bad.field_violations
    return one.field, one.description


def code_of(call: Callable[[], Any]) -> grpc.StatusCode:
    """Code of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    found: grpc.StatusCode = caught.value.code()  # type: ignore[attr-defined] # it is a Call as well
    return found
