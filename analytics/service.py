"""The RPCs: message to query, may the caller read it, read, answer."""

import time
from collections.abc import Callable
from typing import Any

from analytics import requests
from analytics.analytics_pb2 import (
    GetUserAnalyticsRequest,
    GetUserAnalyticsResponse,
    GetWorkflowAnalyticsRequest,
    GetWorkflowAnalyticsResponse,
)
from analytics.analytics_pb2_grpc import AnalyticsServiceServicer
from analytics.answers import Standing, freshness_answer, user_answer, workflow_answer
from analytics.cache_advice import CacheAdvice
from analytics.call import current_call
from analytics.errors import NoAnalytics
from analytics.lookups import Lookups
from analytics.model import ALL_WORKFLOWS, Totals, WorkflowKey
from analytics.settings import ServiceSettings

AsOf = Callable[[], int | None]


class AnalyticsService(AnalyticsServiceServicer):
    """Answers from lookups. Errors are raised as our own; the interceptors turn them into status codes.

    `as_of_ms` is asked before the totals are read, so that freshness never promises too much.
    """

    def __init__(self, settings: ServiceSettings, lookups: Lookups, as_of_ms: AsOf) -> None:
        self._lookups = lookups
        self._as_of_ms = as_of_ms
        self._advice = CacheAdvice()
        self._stale_after_s = settings.analytics_stale_after
        self._unknown_user = Totals() if settings.analytics_unknown_user == "zeros" else None

    async def GetUserAnalytics(  # noqa: N802 -- the name on the wire
        self, request: GetUserAnalyticsRequest, _: Any
    ) -> GetUserAnalyticsResponse:
        """Return the totals over all workflows of one user."""
        key = WorkflowKey(requests.parse_user(request), ALL_WORKFLOWS)
        return user_answer(*await self._read(key, unknown=self._unknown_user))

    async def GetWorkflowAnalytics(  # noqa: N802 -- the name on the wire
        self, request: GetWorkflowAnalyticsRequest, _: Any
    ) -> GetWorkflowAnalyticsResponse:
        """Return the totals of one workflow of one user."""
        key = requests.parse_workflow(request)
        return workflow_answer(key, *await self._read(key))

    async def _read(self, key: WorkflowKey, unknown: Totals | None = None) -> tuple[Totals, Standing]:
        """Return totals that the caller may read. `unknown` stands for what was never counted: None is an error.

        Raises PermissionDenied; NoAnalytics with the same words whether the id is unknown or somebody else's.
        """
        call = current_call()
        call.caller.require_access(key.user_id)
        as_of_ms = self._as_of_ms()
        totals = await self._lookups.totals(key, within_s=call.left_s()) or unknown
        if totals is None:
            raise NoAnalytics("no analytics for this user or workflow")
        now_ms = time.time_ns() // 1_000_000
        freshness = freshness_answer(as_of_ms, now_ms=now_ms, stale_after_s=self._stale_after_s)
        return totals, Standing(freshness, self._advice.max_age_s(key, totals, time.monotonic()))
