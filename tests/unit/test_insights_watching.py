"""Who gets what from a watch, and when: over a computation that the test answers."""

import asyncio
import math
import time
from uuid import UUID

import pytest

from analytics.errors import NoAnalytics, StoreUnavailable
from analytics.freshness_pb2 import Freshness
from analytics.insights import watching
from analytics.insights.watching import Watching
from analytics.insights_pb2 import (
    Change,
    GetAnalyticsSummaryRequest,
    GetAnalyticsSummaryResponse,
    WatchAnalyticsRequest,
)

USER, OTHER = UUID(int=1), UUID(int=2)
SOON_S, NEVER_S = 0.02, 60.0


class Store:
    """Answers each computation with what it holds now: jobs of a summary, or an error."""

    def __init__(self, jobs=1):
        self.jobs, self.error, self.computed, self.running = jobs, None, 0, 0
        self.age_s, self.utilization, self.as_of_s = 0, 0.0, 0

    async def __call__(self, question):
        self.computed += 1
        if self.error is not None:
            raise self.error
        response = GetAnalyticsSummaryResponse()
        response.summary.numbers.jobs.finished = self.jobs
        response.summary.numbers.utilization = self.utilization
        response.changes.append(Change(number="utilization", now=self.utilization))
        response.summary.range.end_time.seconds = self.age_s
        response.freshness.as_of_time.seconds = self.as_of_s
        response.freshness.age.seconds = response.cache_max_age.seconds = self.age_s
        return response


class Silent(Store):
    """Never answers."""

    async def __call__(self, question):
        self.computed += 1
        self.running += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.running -= 1


def question(user=USER, *, min_interval_s=0.0, heartbeat_s=NEVER_S):
    request = WatchAnalyticsRequest(summary=GetAnalyticsSummaryRequest(user_id=str(user)))
    return watching.parse(request)._replace(min_interval_s=min_interval_s, heartbeat_s=heartbeat_s)


def watching_of(store, **changes):
    return Watching(store, aged, **({"every_s": 0.001} | changes))


def aged(freshness):
    return Freshness(as_of_time=freshness.as_of_time, stale=True)


def later(seconds=NEVER_S):
    return time.monotonic() + seconds


async def next_of(stream):
    async with asyncio.timeout(5):
        return await anext(stream)


async def until(fact):
    """As tests.eventually, in the loop."""
    async with asyncio.timeout(5):
        while not fact():
            await asyncio.sleep(0.001)


def jobs_of(response):
    assert response.WhichOneof("event") == "summary"
    return response.summary.summary.numbers.jobs.finished


async def test_a_stream_begins_with_a_summary():
    stream = watching_of(Store(jobs=7)).watch(question(), later())
    assert jobs_of(await next_of(stream)) == 7
    await stream.aclose()


async def test_a_summary_follows_when_a_number_has_changed():
    store = Store()
    stream = watching_of(store).watch(question(), later())
    await next_of(stream)
    store.jobs = 2
    assert jobs_of(await next_of(stream)) == 2
    await stream.aclose()


async def test_what_changes_with_time_alone_is_no_change():
    """Ages, cache advice, the moving end of the range, and what is divided by the time that has passed."""
    store = Store()
    stream = watching_of(store).watch(question(heartbeat_s=SOON_S), later())
    await next_of(stream)
    store.age_s, store.utilization = 900, 0.25
    assert (await next_of(stream)).WhichOneof("event") == "heartbeat"
    await stream.aclose()


async def test_heartbeats_with_freshness_come_while_nothing_changes():
    stream = watching_of(Store()).watch(question(heartbeat_s=SOON_S), later())
    await next_of(stream)
    for _ in range(3):
        assert (await next_of(stream)).heartbeat.freshness.stale
    await stream.aclose()


async def test_a_heartbeat_confirms_what_was_sent_for_as_long_as_it_is_true():
    store = Store()
    stream = watching_of(store).watch(question(heartbeat_s=SOON_S), later())
    await next_of(stream)
    store.as_of_s = 7
    await until(lambda: store.computed > 2)
    heartbeats = [await next_of(stream) for _ in range(3)]
    assert heartbeats[-1].heartbeat.freshness.as_of_time.seconds == 7
    await stream.aclose()


async def test_a_heartbeat_tells_the_age_of_what_was_sent_and_not_of_what_waits():
    """A newer summary may not be told before min_interval is over."""
    store = Store()
    stream = watching_of(store).watch(question(min_interval_s=NEVER_S, heartbeat_s=SOON_S), later())
    await next_of(stream)
    store.jobs, store.as_of_s = 2, 7
    computed = store.computed
    await until(lambda: store.computed > computed + 2)
    heartbeats = [await next_of(stream) for _ in range(3)]
    assert {one.heartbeat.freshness.as_of_time.seconds for one in heartbeats} == {0}
    await stream.aclose()


async def test_no_heartbeat_comes_before_the_first_summary():
    watches = watching_of(Silent())
    stream = watches.watch(question(heartbeat_s=0.0), later(SOON_S))
    assert [one async for one in stream] == []


async def test_two_summaries_are_at_least_an_interval_apart():
    store = Store()
    stream = watching_of(store).watch(question(min_interval_s=0.2), later())
    await next_of(stream)
    first_at = time.monotonic()
    store.jobs = 2
    await next_of(stream)
    assert time.monotonic() - first_at >= 0.19
    await stream.aclose()


async def test_of_the_changes_within_an_interval_only_the_last_is_told():
    store = Store()
    stream = watching_of(store).watch(question(min_interval_s=0.1), later())
    await next_of(stream)
    for jobs in (2, 3, 4):
        store.jobs, before = jobs, store.computed
        await until(lambda before=before: store.computed > before + 1)
    assert jobs_of(await next_of(stream)) == 4
    await stream.aclose()


async def test_heartbeats_come_within_a_long_interval_too():
    """A connection on which nothing happens for five minutes is cut by those between."""
    store = Store()
    stream = watching_of(store).watch(question(min_interval_s=NEVER_S, heartbeat_s=SOON_S), later())
    await next_of(stream)
    store.jobs = 2
    assert (await next_of(stream)).WhichOneof("event") == "heartbeat"
    await stream.aclose()


async def test_many_watchers_share_one_computation():
    store = Store()
    watches = watching_of(store, every_s=NEVER_S)
    streams = [watches.watch(question(), later()) for _ in range(20)]
    assert {jobs_of(one) for one in await asyncio.gather(*map(next_of, streams))} == {1}
    assert store.computed == 1
    for stream in streams:
        await stream.aclose()


async def test_those_who_watch_something_else_do_not_share_it():
    store = Store()
    watches = watching_of(store, every_s=NEVER_S)
    streams = [watches.watch(question(user), later()) for user in (USER, OTHER)]
    await asyncio.gather(*map(next_of, streams))
    assert store.computed == 2
    for stream in streams:
        await stream.aclose()


async def test_whoever_comes_later_gets_the_summary_at_once():
    store = Store()
    watches = watching_of(store, every_s=NEVER_S)
    first = watches.watch(question(), later())
    await next_of(first)
    second = watches.watch(question(), later())
    assert jobs_of(await next_of(second)) == 1
    assert store.computed == 1
    for stream in (first, second):
        await stream.aclose()


@pytest.mark.parametrize("error", [StoreUnavailable("away"), NoAnalytics("unknown"), ZeroDivisionError()])
async def test_what_fails_before_the_first_summary_fails_the_stream(error):
    store = Store()
    store.error = error
    with pytest.raises(type(error)):
        await next_of(watching_of(store).watch(question(), later()))


async def test_whoever_watches_after_a_failure_has_a_new_chance():
    store = Store()
    watches = watching_of(store)
    store.error = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await next_of(watches.watch(question(), later()))
    store.error = None
    stream = watches.watch(question(), later())
    assert jobs_of(await next_of(stream)) == 1
    await stream.aclose()


async def test_a_store_that_goes_away_later_makes_heartbeats_and_then_summaries_again():
    store = Store()
    stream = watching_of(store).watch(question(heartbeat_s=SOON_S), later())
    await next_of(stream)
    store.error, store.jobs = StoreUnavailable("away"), 2
    for _ in range(2):
        assert (await next_of(stream)).WhichOneof("event") == "heartbeat"
    store.error = None
    while (one := await next_of(stream)).WhichOneof("event") == "heartbeat":
        pass
    assert jobs_of(one) == 2
    await stream.aclose()


async def test_a_fault_of_our_own_ends_the_stream_also_later():
    store = Store()
    stream = watching_of(store).watch(question(), later())
    await next_of(stream)
    store.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await next_of(stream)


async def test_a_stream_ends_when_its_time_is_over():
    stream = watching_of(Store()).watch(question(), later(SOON_S))
    assert [jobs_of(one) async for one in stream] == [1]


async def test_a_caller_without_a_deadline_is_told_of_changes_for_ever():
    store = Store()
    stream = watching_of(store).watch(question(), math.inf)
    await next_of(stream)
    store.jobs = 2
    assert jobs_of(await next_of(stream)) == 2
    await stream.aclose()


async def test_a_stream_ends_when_the_service_does():
    watches = watching_of(Store())
    stream = watches.watch(question(min_interval_s=NEVER_S), later())
    await next_of(stream)
    rest = asyncio.create_task(anext(stream, None))
    await asyncio.sleep(0)
    watches.end()
    async with asyncio.timeout(5):
        assert await rest is None


async def test_nobody_begins_to_watch_a_service_that_ends():
    watches = watching_of(Store())
    watches.end()
    assert [one async for one in watches.watch(question(), later())] == []


async def test_the_computation_is_cancelled_when_the_last_watcher_leaves():
    store = Silent()
    watches = watching_of(store)
    waiting = [asyncio.create_task(anext(watches.watch(question(), later()))) for _ in range(2)]
    await until(lambda: store.running)
    waiting[0].cancel()
    await until(waiting[0].done)
    assert (store.computed, store.running) == (1, 1)
    waiting[1].cancel()
    await until(lambda: not store.running)


async def test_whoever_watches_after_the_last_one_left_gets_a_new_computation():
    store = Store()
    watches = watching_of(store, every_s=NEVER_S)
    for number in (1, 2):
        stream = watches.watch(question(), later())
        await next_of(stream)
        await stream.aclose()
        assert store.computed == number
