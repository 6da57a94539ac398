"""Concurrent lookups become one query.

A query costs far more than a key in it, so callers share one where they can: a lonely caller has a query at once; who
comes while one is running waits for the next, but not for long; and callers that were answered together are awaited
for a moment, because they tend to come back together. Whoever would be answered too late is refused at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from analytics import metrics, tracing
from analytics.errors import Overloaded

K = TypeVar("K")
V = TypeVar("V")

Read = Callable[[Sequence[K], float], Awaitable[Mapping[K, V]]]
"""Reads keys within so many seconds; keys without a value are absent. When cancelled, it stops the query."""

_OF_THE_NEWEST: Final = 0.2  # weight of the newest query in the mean of their times
_PATIENCE: Final = 2.0  # times the mean: so long after one query the next begins beside it,
_LONGEST_PATIENCE_S: Final = 0.05  # or sooner
_FOR_COMPANY: Final = 0.25  # times the mean: so long those are awaited who were answered together,
_LONGEST_FOR_COMPANY_S: Final = 0.005  # or shorter


@dataclass(frozen=True, slots=True, eq=False)
class _Ask(Generic[V]):
    answer: "asyncio.Future[V | None]"
    give_up_at: float
    place: object  # in a trace, if there is one


@dataclass(slots=True, eq=False)
class _Batch(Generic[K, V]):
    asks: dict[K, list[_Ask[V]]]
    query: "asyncio.Task[None] | None" = field(default=None)

    def open_asks(self) -> Iterator[_Ask[V]]:
        """Yield those that somebody still waits for."""
        return (ask for asks in self.asks.values() for ask in asks if not ask.answer.done())


class Coalescer(Generic[K, V]):
    """Lookups by key, for one event loop.

    `parallel`: queries at the same time. `largest`: keys in a query. `most_waiting`: callers that may wait for
    their query to begin.
    """

    def __init__(
        self,
        read: Read[K, V],
        *,
        parallel: int,
        largest: int,
        most_waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = read, clock
        self._parallel, self._largest, self._most_waiting = parallel, largest, most_waiting
        self._waiting: dict[K, list[_Ask[V]]] = {}
        self._callers = 0  # that wait for their query to begin
        self._running: set[_Batch[K, V]] = set()
        self._query_s = 0.0  # what queries took lately
        self._begun_at = self._ended_at = 0.0
        self._company = 0  # callers that may come together after the last query
        self._next: asyncio.Handle | None = None  # when to look again whether a query may begin

    async def ask(self, key: K, *, within_s: float) -> V | None:
        """Return the value of a key, None where there is none. Raises Overloaded, and what the read raises."""
        self._require_room(within_s)
        ask: _Ask[V] = _Ask(
            asyncio.get_running_loop().create_future(), self._clock() + within_s, tracing.here()
        )
        self._waiting.setdefault(key, []).append(ask)
        self._callers += 1
        metrics.LOOKUPS.inc()
        metrics.LOOKUPS_WAITING.inc()
        self._look_again(0.0)  # with all that arrive in this turn of the loop
        try:
            return await ask.answer
        except asyncio.CancelledError:
            self._abandon(key, ask)
            raise

    def _require_room(self, within_s: float) -> None:
        wait_s = self._expected_wait_s()
        if self._callers >= self._most_waiting or wait_s > within_s:
            metrics.LOOKUPS_REFUSED.inc()
            raise Overloaded(
                "too many requests wait for the database", retry_after_s=max(wait_s, self._query_s)
            )

    def _expected_wait_s(self) -> float:
        """Return the time until an answer, for one more key; 0 while a connection is free."""
        if len(self._running) < self._parallel:
            return 0.0
        return self._query_s * (1 + len(self._waiting) / (self._largest * self._parallel))

    def _look_again(self, in_s: float) -> None:
        self._forget_next()
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(in_s, self._begin) if in_s > 0 else loop.call_soon(self._begin)

    def _forget_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _begin(self) -> None:
        """Let queries begin, as long as there are callers, connections, and nothing to wait for."""
        self._forget_next()
        while self._waiting and len(self._running) < self._parallel:
            if (wait_s := self._wait_s()) > 0:
                return self._look_again(wait_s)
            self._launch(_Batch(self._take()))
        return None

    def _launch(self, batch: _Batch[K, V]) -> None:
        self._running.add(batch)
        self._begun_at = started = self._clock()
        batch.query = asyncio.create_task(self._run(batch))
        # Not in the task itself: one that is cancelled before its first step does not even get to a `finally`.
        batch.query.add_done_callback(lambda _: self._ended(batch, started))

    def _wait_s(self) -> float:
        """Return for how long the next query had better wait; not positive: not at all."""
        if len(self._waiting) >= self._largest:
            return 0.0
        if self._running:
            return self._begun_at + min(_PATIENCE * self._query_s, _LONGEST_PATIENCE_S) - self._clock()
        if self._callers >= self._company:
            return 0.0
        return self._ended_at + min(_FOR_COMPANY * self._query_s, _LONGEST_FOR_COMPANY_S) - self._clock()

    def _take(self) -> dict[K, list[_Ask[V]]]:
        """Return the keys that have waited longest, with whoever asks for them."""
        keys = [key for key, _ in zip(self._waiting, range(self._largest), strict=False)]
        taken = {key: self._waiting.pop(key) for key in keys}
        callers = sum(map(len, taken.values()))
        self._callers -= callers
        metrics.LOOKUPS_WAITING.dec(callers)
        return taken

    async def _run(self, batch: _Batch[K, V]) -> None:
        try:
            now = self._clock()
            give_up_at = max((ask.give_up_at for ask in batch.open_asks()), default=now)
            with tracing.shared("lookup", (ask.place for ask in batch.open_asks())):
                found = await self._read(list(batch.asks), give_up_at - now)
        except Exception as error:  # noqa: BLE001 -- each caller gets it
            for ask in batch.open_asks():
                ask.answer.set_exception(error)
        else:
            for key, asks in batch.asks.items():
                for ask in asks:
                    if not ask.answer.done():
                        ask.answer.set_result(found.get(key))

    def _ended(self, batch: _Batch[K, V], started: float) -> None:
        """A query has ended, however it did: its connection is free."""
        self._running.discard(batch)
        self._ended_at = self._clock()
        self._company = self._callers + sum(map(len, batch.asks.values()))
        seconds = self._ended_at - started
        self._query_s += _OF_THE_NEWEST * (seconds - self._query_s)
        metrics.LOOKUP_KEYS.observe(len(batch.asks))
        metrics.LOOKUP_SECONDS.observe(seconds)
        self._begin()

    def _abandon(self, key: K, ask: _Ask[V]) -> None:
        """A caller has gone: it is not read for, and a query that nobody waits for any more is stopped."""
        asks = self._waiting.get(key, [])
        if ask in asks:
            asks.remove(ask)
            self._callers -= 1
            metrics.LOOKUPS_WAITING.dec()
            if not asks:
                del self._waiting[key]
            return
        for batch in self._running:
            if ask in batch.asks.get(key, ()) and not any(batch.open_asks()) and batch.query is not None:
                batch.query.cancel()
