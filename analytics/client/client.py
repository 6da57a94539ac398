"""The client: one method an RPC. Typed in, typed out, errors of `analytics.client.errors`."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import grpc

from analytics import analytics_pb2 as messages
from analytics import insights_pb2 as insights
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.client.channel import Tls, open_channel
from analytics.client.errors import TryLater, error_of
from analytics.client.pages import Pager
from analytics.client.results import UserAnalytics, WorkflowAnalytics, user_analytics, workflow_analytics
from analytics.client.tokens import Metadata, Role, TokenSupplier, call_metadata
from analytics.client.watching import events

DEFAULT_TIMEOUT_S: Final = 5.0
WorkflowPager = Pager[insights.ListWorkflowAnalyticsResponse, insights.WorkflowRow]
AnomalyPager = Pager[insights.ListAnomaliesResponse, insights.Anomaly]
_PagedT = TypeVar("_PagedT", insights.ListWorkflowAnalyticsRequest, insights.ListAnomaliesRequest)


class AnalyticsClient:
    """Asks the service; for any number of threads. All methods only read and may be repeated at will.

    Questions about ranges take the contract's own messages and return them: they are typed, and absent numbers (which
    are not zero) stay absent. All methods but `status` need a user, all raise CallFailed, NotFound among them.

    `token` is asked for the bearer token before every call; None: no token, for a service without auth. `audience`
    is the calling service's own name. `timeout_s` is for a call with all its retries. The channel may be any one
    and stays the caller's; `connect` opens one that is closed with the client.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        token: TokenSupplier | None,
        *,
        audience: str,
        role: Role = "user",
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        call_metadata(None, audience=audience, role=role)  # wrong names are said at once
        self._stub = AnalyticsServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._token, self._audience, self._role = token, audience, role
        self._timeout_s = timeout_s
        self._close: Callable[[], None] = lambda: None

    @classmethod
    def connect(
        cls,
        address: str,
        token: TokenSupplier | None,
        *,
        audience: str,
        role: Role = "user",
        tls: Tls | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """Return a client of the service at `host:port`, which connects at the first call. Raises Misconfigured."""
        channel = open_channel(address, tls)
        client = cls(channel, token, audience=audience, role=role, timeout_s=timeout_s)
        client._close = channel.close
        return client

    def user(self, user_id: UUID | str) -> UserAnalytics:
        """Return the totals over all workflows of a user."""
        request = messages.GetUserAnalyticsRequest(user_id=str(user_id))
        return user_analytics(self._call(self._stub.GetUserAnalytics, request))

    def workflow(self, user_id: UUID | str, workflow_id: UUID | str) -> WorkflowAnalytics:
        """Return the totals of a workflow of that user."""
        request = messages.GetWorkflowAnalyticsRequest(user_id=str(user_id), workflow_id=str(workflow_id))
        return workflow_analytics(self._call(self._stub.GetWorkflowAnalytics, request))

    def summary(self, request: insights.GetAnalyticsSummaryRequest) -> insights.GetAnalyticsSummaryResponse:
        """Return everything that is known of one range, and how it has changed."""
        found: insights.GetAnalyticsSummaryResponse = self._call(self._stub.GetAnalyticsSummary, request)
        return found

    def series(self, request: insights.QueryTimeSeriesRequest) -> insights.QueryTimeSeriesResponse:
        """Return the same numbers by hour, day, week or month of a time zone."""
        found: insights.QueryTimeSeriesResponse = self._call(self._stub.QueryTimeSeries, request)
        return found

    def workflows(self, request: insights.ListWorkflowAnalyticsRequest) -> WorkflowPager:
        """Return one row a workflow, in the order asked for. `page_size` says how many are fetched at a time."""
        ask = self._pages(self._stub.ListWorkflowAnalytics, request)
        return Pager(ask, lambda page: page.workflows, request.page_token)

    def anomalies(self, request: insights.ListAnomaliesRequest) -> AnomalyPager:
        """Return hours that stand out, the largest deviation first. `page_size`: as in `workflows`."""
        ask = self._pages(self._stub.ListAnomalies, request)
        return Pager(ask, lambda page: page.anomalies, request.page_token)

    def watch(
        self,
        request: insights.WatchAnalyticsRequest,
        *,
        on_break: Callable[[TryLater], object] = lambda _: None,
    ) -> Iterator[insights.WatchAnalyticsResponse]:
        """Yield a summary now and whenever it changes, heartbeats between, for ever: end the loop, or close the iterator.

        A stream that ends or breaks is followed by the next one, with a new token; the first event of each is a
        summary. `on_break` is told why one broke; what it raises reaches the caller. `timeout_s` does not count here.
        """

        def opened() -> Any:
            return self._stub.WatchAnalytics(request, metadata=self._metadata())

        return events(opened, on_break)

    def status(self, user_id: UUID | str = "") -> insights.GetAnalyticsStatusResponse:
        """Return how fresh numbers are; with a user also where that user's data begins."""
        request = insights.GetAnalyticsStatusRequest(user_id=str(user_id))
        found: insights.GetAnalyticsStatusResponse = self._call(self._stub.GetAnalyticsStatus, request)
        return found

    def close(self) -> None:
        """Close the channel that `connect` opened; may be repeated."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pages(self, method: Any, request: _PagedT) -> Callable[[str], Any]:
        """Return a function that asks for the page of a token."""

        def ask(token: str) -> Any:
            page = type(request)()
            page.CopyFrom(request)
            page.page_token = token
            return self._call(method, page)

        return ask

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, metadata=self._metadata(), timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise error_of(error) from error

    def _metadata(self) -> Metadata:
        token = None if self._token is None else self._token()
        return call_metadata(token, audience=self._audience, role=self._role)
