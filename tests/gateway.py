"""A caller that behaves as Chronoverse's HTTP gateway does: gzip, round-robin, its metadata, a new token for every request.

It asks three times, 5 seconds each, while the answer is one of the codes that may pass, as its retry interceptor does.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import grpc
from grpc import StatusCode, aio

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from tests.grpc_world import metadata, token

RETRIED: Final = (StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.ABORTED)
ATTEMPTS: Final = 3
ATTEMPT_S: Final = 5.0


class Gateway:
    """Asks one or more servers. `codes`: how each attempt so far ended."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._channel = aio.insecure_channel(
            "ipv4:" + ",".join(addresses),
            compression=grpc.Compression.Gzip,
            options=[("grpc.lb_policy_name", "round_robin")],
        )
        self._stub = AnalyticsServiceStub(self._channel)
        self.codes: list[StatusCode] = []

    async def __aenter__(self) -> "Gateway":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def user(self, user_id: UUID) -> pb.GetUserAnalyticsResponse:
        return await self._ask(
            self._stub.GetUserAnalytics, pb.GetUserAnalyticsRequest(user_id=str(user_id)), user_id
        )

    async def workflow(self, user_id: UUID, workflow_id: UUID) -> pb.GetWorkflowAnalyticsResponse:
        request = pb.GetWorkflowAnalyticsRequest(user_id=str(user_id), workflow_id=str(workflow_id))
        return await self._ask(self._stub.GetWorkflowAnalytics, request, user_id)

    async def _ask(self, method: Any, request: Any, user_id: UUID) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            sent = metadata(token(user_id, jti=str(len(self.codes))))
            try:
                answer = await method(request, metadata=sent, timeout=ATTEMPT_S)
            except aio.AioRpcError as error:
                self.codes.append(error.code())
                if attempt == ATTEMPTS or error.code() not in RETRIED:
                    raise
            else:
                self.codes.append(StatusCode.OK)
                return answer
        raise AssertionError("unreachable")
