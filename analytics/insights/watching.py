"""WatchAnalytics: whole summaries when they change, heartbeats between; one computation for all who watch the same."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from analytics.errors import Retryable
from analytics.freshness_pb2 import Freshness
from analytics.insights import requests, summary
from analytics.insights_pb2 import (
    GetAnalyticsSummaryResponse,
    Heartbeat,
    WatchAnalyticsRequest,
    WatchAnalyticsResponse,
)

LEAST_S, MOST_S = 1.0, 300.0
_DEFAULT_MIN_INTERVAL_S: Final = 2.0
_DEFAULT_HEARTBEAT_S: Final = 15.0
_VOLATILE: Final = ("freshness", "cache_max_age")

_log = structlog.get_logger(__name__)

Compute = Callable[[summary.Question], Awaitable[GetAnalyticsSummaryResponse]]


class Question(NamedTuple):
    """What is watched, and how often at the most. `key`: equal for all who watch the same."""

    key: bytes
    summary: summary.Question
    min_interval_s: float
    heartbeat_s: float


def parse(request: WatchAnalyticsRequest) -> Question:
    """Return what is watched. Raises InvalidField; fields of the summary are named as in its own request."""
    asked = summary.parse(request.summary)
    bounds = {"least_s": LEAST_S, "most_s": MOST_S}
    min_interval_s, heartbeat_s = _DEFAULT_MIN_INTERVAL_S, _DEFAULT_HEARTBEAT_S
    if request.HasField("min_interval"):
        min_interval_s = requests.parse_seconds("min_interval", request.min_interval, **bounds)
    if request.HasField("heartbeat_interval"):
        heartbeat_s = requests.parse_seconds("heartbeat_interval", request.heartbeat_interval, **bounds)
    key = request.summary.SerializeToString(deterministic=True)
    return Question(key, asked, min_interval_s, heartbeat_s)


@dataclass(eq=False)
class _Feed:
    """The newest summary of one question, and who waits for the next."""

    question: summary.Question
    watchers: int = 0
    version: int = 0
    newest: GetAnalyticsSummaryResponse | None = None
    error: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def publish(self, found: GetAnalyticsSummaryResponse) -> None:
        """Take a summary; whoever waits is told when a number in it is new."""
        if self.newest is None or _lasting(found) != _lasting(self.newest):
            self.version += 1
            self._tell()
        self.newest = found  # its freshness is newer in any case

    def fail(self, error: Exception) -> None:
        """Nothing more comes: every watcher gets the error."""
        self.error = error
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


def _lasting(found: GetAnalyticsSummaryResponse) -> bytes:
    """Return what changes only when something is counted: not ages, nor what divides by the time that has passed."""
    plain = GetAnalyticsSummaryResponse()
    plain.CopyFrom(found)
    for name in _VOLATILE:
        plain.ClearField(name)
    for one in (plain.summary, plain.compared_with):
        one.ClearField("range")
        one.numbers.ClearField("utilization")
    for change in [one for one in plain.changes if one.number == "utilization"]:
        plain.changes.remove(change)
    return plain.SerializeToString(deterministic=True)


class Watching:
    """All watchers of a service. `aged`: how old numbers are now that were so fresh once. `every_s`: between two looks."""

    def __init__(
        self, compute: Compute, aged: Callable[[Freshness], Freshness], *, every_s: float = LEAST_S
    ) -> None:
        self._compute, self._aged, self._every_s = compute, aged, every_s
        self._feeds: dict[bytes, _Feed] = {}
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End all streams, for the service drains."""
        self._ending.set()

    async def watch(self, question: Question, until: float) -> AsyncGenerator[WatchAnalyticsResponse, None]:
        """Yield a summary, then changes and heartbeats until a time of the monotonic clock, or the end of the service.

        Raises what the first summary raises; later failures make heartbeats that grow stale.
        """
        feed = self._joined(question)
        try:
            seen, heard_at, open_at, freshness = 0, time.monotonic(), 0.0, Freshness()
            while not self._ending.is_set() and (now := time.monotonic()) < until:
                is_new = feed.version > seen
                if seen and not is_new and feed.newest is not None:
                    freshness = feed.newest.freshness  # what was sent is still so
                if is_new and feed.newest is not None and now >= open_at:
                    seen, freshness = feed.version, feed.newest.freshness
                    yield WatchAnalyticsResponse(summary=self._told(feed.newest))
                    heard_at = time.monotonic()
                    open_at = heard_at + question.min_interval_s
                elif feed.error is not None:
                    raise feed.error
                elif seen and now >= heard_at + question.heartbeat_s:
                    yield WatchAnalyticsResponse(heartbeat=Heartbeat(freshness=self._aged(freshness)))
                    heard_at = time.monotonic()
                else:
                    heartbeat_at = heard_at + question.heartbeat_s if seen else until
                    await self._wait(
                        feed.changed, min(heartbeat_at, until, open_at if is_new else until) - now
                    )
        finally:
            self._leave(question.key, feed)

    def _told(self, newest: GetAnalyticsSummaryResponse) -> GetAnalyticsSummaryResponse:
        """Return a summary with its present age: it may have been computed before, for somebody else."""
        told = GetAnalyticsSummaryResponse()
        told.CopyFrom(newest)
        told.freshness.CopyFrom(self._aged(newest.freshness))
        return told

    def _joined(self, question: Question) -> _Feed:
        feed = self._feeds.get(question.key)
        if feed is None or feed.error is not None:
            feed = self._feeds[question.key] = _Feed(question.summary)
            feed.task = asyncio.create_task(self._follow(feed))
        feed.watchers += 1
        return feed

    def _leave(self, key: bytes, feed: _Feed) -> None:
        feed.watchers -= 1
        if feed.watchers == 0 and feed.task is not None:
            feed.task.cancel()
            if self._feeds.get(key) is feed:
                del self._feeds[key]

    async def _follow(self, feed: _Feed) -> None:
        """Look again and again; what fails before the first summary ends it, a store that is away later does not."""
        while True:
            try:
                feed.publish(await self._compute(feed.question))
            except Retryable as error:
                if feed.newest is None:
                    return feed.fail(error)
                _log.warning("watch_failed", error=str(error))
            except Exception as error:  # noqa: BLE001 -- the watchers get it
                return feed.fail(error)
            await asyncio.sleep(self._every_s)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, the service ends, or the time is over."""
        waits = {asyncio.ensure_future(one.wait()) for one in (event, self._ending)}
        try:
            await asyncio.wait(waits, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
