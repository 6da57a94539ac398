"""The client: one method an RPC. Typed in, typed out, errors of `analytics.client.errors`."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import grpc

from analytics import analytics_pb2 as messages
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.client.channel import Tls, open_channel
from analytics.client.errors import error_of
from analytics.client.results import UserAnalytics, WorkflowAnalytics, user_analytics, workflow_analytics
from analytics.client.tokens import Role, TokenSupplier, call_metadata

DEFAULT_TIMEOUT_S: Final = 5.0


class AnalyticsClient:
    """Asks the service; for any number of threads. Both methods only read and may be repeated at will.

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
        """Return the totals over all workflows of a user. Raises CallFailed, NotFound among them."""
        request = messages.GetUserAnalyticsRequest(user_id=str(user_id))
        return user_analytics(self._call(self._stub.GetUserAnalytics, request))

    def workflow(self, user_id: UUID | str, workflow_id: UUID | str) -> WorkflowAnalytics:
        """Return the totals of a workflow of that user. Raises CallFailed, NotFound among them."""
        request = messages.GetWorkflowAnalyticsRequest(user_id=str(user_id), workflow_id=str(workflow_id))
        return workflow_analytics(self._call(self._stub.GetWorkflowAnalytics, request))

    def close(self) -> None:
        """Close the channel that `connect` opened; may be repeated."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> Any:
        token = None if self._token is None else self._token()
        metadata = call_metadata(token, audience=self._audience, role=self._role)
        try:
            return method(request, metadata=metadata, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise error_of(error) from error
