"""The RPCs: message to query, may the caller read it, read, answer."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
from analytics.call import Call, current_call
from analytics.errors import NoAnalytics
from analytics.freshness import TopicProgress
from analytics.insights import anomalies, listing, series, status, summary, watching
from analytics.insights.reads import InsightReads, Sources
from analytics.insights.watching import Watching
from analytics.insights_pb2 import (
    GetAnalyticsStatusRequest,
    GetAnalyticsStatusResponse,
    GetAnalyticsSummaryRequest,
    GetAnalyticsSummaryResponse,
    ListAnomaliesRequest,
    ListAnomaliesResponse,
    ListWorkflowAnalyticsRequest,
    ListWorkflowAnalyticsResponse,
    QueryTimeSeriesRequest,
    QueryTimeSeriesResponse,
    WatchAnalyticsRequest,
    WatchAnalyticsResponse,
)
from analytics.lookups import Lookups
from analytics.model import ALL_WORKFLOWS, Totals, WorkflowKey
from analytics.settings import ServiceSettings

AsOf = Callable[[], int | None]


@dataclass(frozen=True)
class Backends:
    """What the service answers from.

    `as_of_ms` is asked before numbers are read, so that freshness never promises too much; `topics`: see
    FreshnessReader.
    """

    lookups: Lookups
    reads: InsightReads
    as_of_ms: AsOf
    topics: Callable[[], Sequence[TopicProgress]]


class AnalyticsService(AnalyticsServiceServicer):
    """Answers from backends. Errors are raised as our own; the interceptors turn them into status codes."""

    def __init__(self, settings: ServiceSettings, backends: Backends) -> None:
        self._backends = backends
        self._advice = CacheAdvice()
        self._stale_after_s = settings.analytics_stale_after
        self._unknown_user = Totals() if settings.analytics_unknown_user == "zeros" else None
        self._sources = Sources(backends.reads, backends.as_of_ms, self._stale_after_s)
        timeout_s = settings.grpc_request_timeout
        self._watching = Watching(
            lambda question: summary.answer(question, self._sources, timeout_s),
            self._sources.aged,
        )

    def end_streams(self) -> None:
        """End all streams with OK."""
        self._watching.end()

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

    async def GetAnalyticsSummary(  # noqa: N802 -- the name on the wire
        self, request: GetAnalyticsSummaryRequest, _: Any
    ) -> GetAnalyticsSummaryResponse:
        """Return everything that is known of one range."""
        question = summary.parse(request)
        return await summary.answer(question, self._sources, _admitted(question.scope.user_id).left_s())

    async def QueryTimeSeries(  # noqa: N802 -- the name on the wire
        self, request: QueryTimeSeriesRequest, _: Any
    ) -> QueryTimeSeriesResponse:
        """Return numbers by hour, day, week or month."""
        question = series.parse(request)
        return await series.answer(question, self._sources, _admitted(question.scope.user_id).left_s())

    async def ListWorkflowAnalytics(  # noqa: N802 -- the name on the wire
        self, request: ListWorkflowAnalyticsRequest, _: Any
    ) -> ListWorkflowAnalyticsResponse:
        """Return a page of workflows."""
        question = listing.parse(request)
        return await listing.answer(question, self._sources, _admitted(question.scope.user_id).left_s())

    async def WatchAnalytics(  # noqa: N802 -- the name on the wire
        self, request: WatchAnalyticsRequest, _: Any
    ) -> AsyncIterator[WatchAnalyticsResponse]:
        """Yield a summary whenever it changes."""
        question = watching.parse(request)
        call = _admitted(question.summary.scope.user_id)
        async with aclosing(self._watching.watch(question, call.give_up_at)) as responses:
            async for response in responses:
                yield response

    async def ListAnomalies(  # noqa: N802 -- the name on the wire
        self, request: ListAnomaliesRequest, _: Any
    ) -> ListAnomaliesResponse:
        """Return a page of hours that stand out."""
        question = anomalies.parse(request)
        return await anomalies.answer(question, self._sources, _admitted(question.scope.user_id).left_s())

    async def GetAnalyticsStatus(  # noqa: N802 -- the name on the wire
        self, request: GetAnalyticsStatusRequest, _: Any
    ) -> GetAnalyticsStatusResponse:
        """Return how fresh numbers are."""
        question = status.parse(request)
        call = current_call() if question.user_id is None else _admitted(question.user_id)
        return await status.answer(question, self._sources, self._backends.topics, call.left_s())

    async def _read(self, key: WorkflowKey, unknown: Totals | None = None) -> tuple[Totals, Standing]:
        """Return totals that the caller may read. `unknown` stands for what was never counted: None is an error.

        Raises PermissionDenied; NoAnalytics with the same words whether the id is unknown or somebody else's.
        """
        call = _admitted(key.user_id)
        as_of_ms = self._backends.as_of_ms()
        totals = await self._backends.lookups.totals(key, within_s=call.left_s()) or unknown
        if totals is None:
            raise NoAnalytics("no analytics for this user or workflow")
        now_ms = time.time_ns() // 1_000_000
        freshness = freshness_answer(as_of_ms, now_ms=now_ms, stale_after_s=self._stale_after_s)
        return totals, Standing(freshness, self._advice.max_age_s(key, totals, time.monotonic()))


def _admitted(user_id: UUID) -> Call:
    """Return the call that is being answered. Raises PermissionDenied when it may not read this user's data."""
    call = current_call()
    call.caller.require_access(user_id)
    return call
