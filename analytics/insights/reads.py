"""Questions about ranges, for the event loop: on connections of their own, so that they never hold up point reads."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from analytics.answers import freshness_answer
from analytics.calendar import Span
from analytics.errors import NoAnalytics, Overloaded
from analytics.freshness_pb2 import Freshness
from analytics.insights import queries
from analytics.reads import QueryRunner
from analytics.store.pool import Connection

T = TypeVar("T")

_RETRY_AFTER_S = 1.0


class InsightReads:
    """Runs queries; so many callers may wait for a connection, whoever comes then is refused."""

    def __init__(self, runner: QueryRunner, *, parallel: int, most_waiting: int) -> None:
        self._runner = runner
        self._most = parallel + most_waiting
        self._running = 0

    async def run(self, read: Callable[[Connection, float], T], within_s: float) -> T:
        """Return `read(connection, seconds left)`. Raises StoreUnavailable, StoreTimeout or Overloaded."""
        if self._running >= self._most:
            raise Overloaded("too many questions wait for the database", retry_after_s=_RETRY_AFTER_S)
        self._running += 1
        try:
            return await self._runner.run(read, within_s)
        finally:
            self._running -= 1

    async def extent(self, user_id: UUID, within_s: float) -> Span:
        """Return the UTC days of the user's data. Raises NoAnalytics, and what `run` raises."""

        def read(store: Connection, left_s: float) -> Span | None:
            return queries.extent(store, user_id, left_s) or queries.balance(store, user_id, left_s)

        found = await self.run(read, within_s)
        if found is None:
            raise NoAnalytics("no analytics for this user or workflow")
        return found


@dataclass(frozen=True)
class Sources:
    """What every question needs. `as_of_ms` must be asked before anything is read."""

    reads: InsightReads
    as_of_ms: Callable[[], int | None]
    stale_after_s: float
    now_s: Callable[[], float] = field(default=time.time)

    def freshness(self, as_of_ms: int | None, data_start_s: int | None = None) -> Freshness:
        """Return how old numbers are that were read after this as-of time was asked for."""
        now_ms = int(self.now_s() * 1000)
        freshness = freshness_answer(as_of_ms, now_ms=now_ms, stale_after_s=self.stale_after_s)
        if data_start_s is not None:
            freshness.data_start_time.seconds = data_start_s
        return freshness

    def aged(self, freshness: Freshness) -> Freshness:
        """Return how old numbers are now that were this fresh when they were read."""
        as_of_ms = freshness.as_of_time.ToMilliseconds() if freshness.HasField("as_of_time") else None
        has_start = freshness.HasField("data_start_time")
        return self.freshness(as_of_ms, freshness.data_start_time.seconds if has_start else None)
