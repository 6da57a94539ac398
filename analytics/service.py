"""The RPCs: message to query, may the caller read it, read, answer."""

import time
from collections.abc import Callable
from typing import Any

from analytics import requests
from analytics.analytics_pb2 import (
    Freshness,
    GetUserAnalyticsRequest,
    GetUserAnalyticsResponse,
    GetWorkflowAnalyticsRequest,
    GetWorkflowAnalyticsResponse,
)
from analytics.analytics_pb2_grpc import AnalyticsServiceServicer
from analytics.answers import freshness_answer, user_answer, workflow_answer
from analytics.call import current_call
from analytics.errors import NoAnalytics
from analytics.lookups import Lookups
from analytics.queries import Totals
from analytics.settings import ServiceSettings

AsOf = Callable[[], int | None]


class AnalyticsService(AnalyticsServiceServicer):
    """Answers from lookups. Errors are raised as our own; the interceptors turn them into status codes.

    `as_of_ms` is asked before the totals are read, so that freshness never promises too much.
    """

    def __init__(self, settings: ServiceSettings, lookups: Lookups, as_of_ms: AsOf) -> None:
        self._lookups = lookups
        self._as_of_ms = as_of_ms
        self._stale_after_s = settings.analytics_stale_after
        self._unknown_user = Totals() if settings.analytics_unknown_user == "zeros" else None

    async def GetUserAnalytics(  # noqa: N802 -- the name on the wire
        self, request: GetUserAnalyticsRequest, _: Any
    ) -> GetUserAnalyticsResponse:
        """Return the totals over all workflows of one user."""
        user_id, call = requests.parse_user(request), current_call()
        call.caller.require_access(user_id)
        as_of_ms = self._as_of_ms()
        totals = await self._lookups.user_totals(user_id, within_s=call.left_s())
        return user_answer(_found(totals or self._unknown_user), self._freshness(as_of_ms))

    async def GetWorkflowAnalytics(  # noqa: N802 -- the name on the wire
        self, request: GetWorkflowAnalyticsRequest, _: Any
    ) -> GetWorkflowAnalyticsResponse:
        """Return the totals of one workflow of one user."""
        key, call = requests.parse_workflow(request), current_call()
        call.caller.require_access(key.user_id)
        as_of_ms = self._as_of_ms()
        totals = await self._lookups.workflow_totals(*key, within_s=call.left_s())
        return workflow_answer(key, _found(totals), self._freshness(as_of_ms))

    def _freshness(self, as_of_ms: int | None) -> Freshness:
        now_ms = time.time_ns() // 1_000_000
        return freshness_answer(as_of_ms, now_ms=now_ms, stale_after_s=self._stale_after_s)


def _found(totals: Totals | None) -> Totals:
    """Raise NoAnalytics with the same words whether the id is unknown or somebody else's."""
    if totals is None:
        raise NoAnalytics("no analytics for this user or workflow")
    return totals
