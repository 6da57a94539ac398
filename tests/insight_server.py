"""A service about ranges for tests of its client: it answers what it is told to, on a real socket."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from analytics.analytics_pb2_grpc import AnalyticsServiceServicer, add_AnalyticsServiceServicer_to_server
from analytics.insights_pb2 import GROUP_BY_RESULT
from tests import insight_answers as answers


class Refusal(Exception):
    """An error as the service sends it: code, reason and words."""

    def __init__(self, code: str, reason: str, words: str) -> None:
        super().__init__(words)
        self.code, self.reason = code, reason

    def status(self) -> Any:
        """The status with its details."""
        detail = AnyMessage()
        detail.Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain="analytics.chronoverse"))
        return rpc_status.to_status(
            status_pb2.Status(code=code_pb2.Code.Value(self.code), message=str(self), details=[detail])
        )


Answer = Any
"""A message, a list of them for a stream, a Refusal, or a function of the request that returns one of these."""


class FakeInsights(AnalyticsServiceServicer):
    """Answers by name of the method; what is not told is UNIMPLEMENTED. `asked`: all requests; `metadata`: of each."""

    def __init__(self, **told: Answer) -> None:
        self.asked: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        for name, answer in told.items():
            setattr(self, name, self._method(answer, streams=name == "WatchAnalytics"))

    def _method(self, answer: Answer, *, streams: bool) -> Callable[[Any, grpc.ServicerContext], Any]:
        def method(request: Any, context: grpc.ServicerContext) -> Any:
            self.asked.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            found = answer(request) if callable(answer) else answer
            if isinstance(found, Refusal):
                context.abort_with_status(found.status())
            return found

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            for event in method(request, context):
                if isinstance(event, Refusal):
                    context.abort_with_status(event.status())
                yield event

        return stream if streams else method


def complete() -> FakeInsights:
    """A service that answers every question about ranges with what `insight_answers` has."""
    return FakeInsights(
        GetAnalyticsSummary=lambda request: _summary(request),
        QueryTimeSeries=lambda request: _series(request),
        ListWorkflowAnalytics=answers.listing(),
        ListAnomalies=answers.anomalies(),
        GetAnalyticsStatus=answers.status(),
    )


def _summary(request: Any) -> Any:
    found = answers.summary()
    if not request.comparison:
        found.ClearField("compared_with")
        found.ClearField("changes")
    if not request.HasField("rates"):
        found.summary.ClearField("cost")
    return found


def _series(request: Any) -> Any:
    if request.group_by == GROUP_BY_RESULT:
        return answers.series("COMPLETED", "FAILED", group_by="result")
    return answers.series()


@contextmanager
def listening(servicer: FakeInsights) -> Iterator[str]:
    """Serve on a free port; yields the address."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_AnalyticsServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
