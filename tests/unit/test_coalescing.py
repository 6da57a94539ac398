"""Which lookups share a query, who is refused, and what becomes of those who go."""

import asyncio

import pytest

from analytics.coalescing import Coalescer
from analytics.errors import Overloaded, StoreUnavailable

LEARNED = 20
"""Queries after which the mean is known."""


class Store:
    """Answers a query with the length of each key, when it is told to."""

    def __init__(self):
        self.queries, self.seconds, self.stopped = [], [], []
        self._answers = []

    async def read(self, keys, within_s):
        number = len(self.queries)
        self.queries.append(list(keys))
        self.seconds.append(within_s)
        self._answers.append(asyncio.get_running_loop().create_future())
        try:
            return await self._answers[number]
        except asyncio.CancelledError:
            self.stopped.append(number)
            raise

    async def answer(self, number=-1):
        self._answers[number].set_result({key: len(key) for key in self.queries[number] if key != "unknown"})
        await settle()

    async def fail(self, error):
        self._answers[-1].set_exception(error)
        await settle()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def settle():
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def until(fact):
    """As tests.eventually, in the loop."""
    async with asyncio.timeout(5):
        while not fact():
            await asyncio.sleep(0.001)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def coalescer(store, clock):
    return Coalescer(store.read, parallel=1, largest=3, most_waiting=5, clock=clock)


async def asking(coalescer, *keys, within_s=10.0):
    """Callers that wait, one a key."""
    tasks = [asyncio.create_task(coalescer.ask(key, within_s=within_s)) for key in keys]
    await settle()
    return tasks


async def test_a_lonely_caller_has_a_query_at_once(coalescer, store):
    (caller,) = await asking(coalescer, "a")
    assert store.queries == [["a"]]
    await store.answer()
    assert await caller == 1


async def test_callers_of_the_same_moment_share_a_query(coalescer, store):
    await asking(coalescer, "a", "b", "c")
    assert store.queries == [["a", "b", "c"]]


async def test_callers_that_come_during_a_query_share_the_next_one(coalescer, store):
    await asking(coalescer, "a")
    callers = await asking(coalescer, "bb")
    callers += await asking(coalescer, "ccc")
    await store.answer()
    await store.answer()
    assert store.queries == [["a"], ["bb", "ccc"]]
    assert [await caller for caller in callers] == [2, 3]


async def test_a_key_is_read_once_for_all_its_callers(coalescer, store):
    callers = await asking(coalescer, "a", "a")
    assert store.queries == [["a"]]
    await store.answer()
    assert [await caller for caller in callers] == [1, 1]


async def test_a_key_without_a_value(coalescer, store):
    (caller,) = await asking(coalescer, "unknown")
    await store.answer()
    assert await caller is None


async def test_no_query_grows_without_bound(coalescer, store):
    await asking(coalescer, "a", "b", "c", "d")
    assert store.queries == [["a", "b", "c"]]
    await store.answer()
    assert store.queries[1:] == [["d"]]


async def test_so_many_queries_run_beside_each_other(store):
    coalescer = Coalescer(store.read, parallel=2, largest=3, most_waiting=5)
    for key in "abc":
        await asking(coalescer, key)
    assert store.queries == [["a"], ["b"]]


async def of_two(store, clock):
    """A coalescer that has learned that a query takes 10 ms."""
    coalescer = Coalescer(store.read, parallel=2, largest=3, most_waiting=9, clock=clock)
    await slow_query(coalescer, store, clock, 0.01)
    return coalescer


async def test_a_caller_rather_waits_for_the_next_query_than_to_have_its_own(store, clock):
    """But not for much longer than a query takes."""
    coalescer = await of_two(store, clock)
    await asking(coalescer, "a")
    await asking(coalescer, "b")
    clock.now += 0.019
    await asking(coalescer, "c")
    assert store.queries[LEARNED:] == [["a"]]
    clock.now += 0.002
    await until(lambda: store.queries[LEARNED:] == [["a"], ["b", "c"]])


async def test_a_full_query_does_not_wait(store, clock):
    coalescer = await of_two(store, clock)
    await asking(coalescer, "a")
    await asking(coalescer, "b", "c", "d")
    assert store.queries[LEARNED:] == [["a"], ["b", "c", "d"]]


async def test_who_was_answered_together_is_awaited_for_a_moment(store, clock):
    coalescer = await of_two(store, clock)
    await asking(coalescer, "a", "b")
    clock.now += 0.01
    await store.answer()
    await asking(coalescer, "c")
    assert store.queries[LEARNED:] == [["a", "b"]]
    await asking(coalescer, "d")
    assert store.queries[LEARNED:] == [["a", "b"], ["c", "d"]]


async def test_who_does_not_come_again_is_not_awaited_for_long(store, clock):
    coalescer = await of_two(store, clock)
    await asking(coalescer, "a", "b")
    clock.now += 0.01
    await store.answer()
    await asking(coalescer, "c")
    clock.now += 0.0026
    await until(lambda: store.queries[LEARNED:] == [["a", "b"], ["c"]])


async def test_a_store_that_hung_holds_nobody_up_afterwards(store, clock):
    """Means of seconds are no reason to wait for seconds."""
    coalescer = Coalescer(store.read, parallel=2, largest=3, most_waiting=9, clock=clock)
    await slow_query(coalescer, store, clock, 5.0)
    await asking(coalescer, "a")
    await asking(coalescer, "b")
    clock.now += 0.051
    await until(lambda: store.queries[-2:] == [["a"], ["b"]])


async def test_a_failure_reaches_the_callers_of_its_query_only(coalescer, store):
    first = await asking(coalescer, "a", "b")
    (later,) = await asking(coalescer, "c")
    await store.fail(StoreUnavailable("away"))
    await store.answer()
    for caller in first:
        with pytest.raises(StoreUnavailable):
            await caller
    assert await later == 1


async def test_a_query_may_take_as_long_as_its_most_patient_caller_waits(coalescer, store, clock):
    await asking(coalescer, "a")
    await asking(coalescer, "b", within_s=2.0)
    await asking(coalescer, "c", within_s=7.0)
    clock.now = 1.0
    await store.answer()
    clock.now = 2.0
    await until(lambda: store.seconds == [10.0, 5.0])


async def test_who_has_gone_before_a_query_is_not_read_for(coalescer, store):
    await asking(coalescer, "a")
    gone, stays = await asking(coalescer, "b", "c")
    gone.cancel()
    await settle()
    await store.answer()
    await store.answer()
    assert store.queries == [["a"], ["c"]]
    assert await stays == 1


async def test_a_query_goes_on_while_somebody_waits_for_it(coalescer, store):
    gone, stays = await asking(coalescer, "a", "b")
    gone.cancel()
    await settle()
    assert store.stopped == []
    await store.answer()
    assert await stays == 1


async def test_a_query_that_nobody_waits_for_is_stopped(coalescer, store):
    """And its connection serves the next callers."""
    callers = await asking(coalescer, "a", "b")
    await asking(coalescer, "c")
    for caller in callers:
        caller.cancel()
    await settle()
    assert store.stopped == [0]
    assert store.queries == [["a", "b"], ["c"]]


async def test_a_query_whose_callers_go_before_its_first_step_leaves_its_place(coalescer, store):
    """As when their time is up in the very turn of the loop in which it begins."""
    caller = asyncio.create_task(coalescer.ask("a", within_s=10.0))
    await asyncio.sleep(0)  # it waits, and the query is about to begin
    caller.cancel()
    await settle()
    await asking(coalescer, "b")
    assert store.queries[-1] == ["b"]


async def test_only_so_many_may_wait(coalescer, store):
    await asking(coalescer, "a")
    waiting = await asking(coalescer, *"bcdef")
    with pytest.raises(Overloaded):
        await coalescer.ask("g", within_s=10.0)
    waiting[0].cancel()
    await settle()
    await asking(coalescer, "g")
    await store.answer()
    assert store.queries[1] == ["c", "d", "e"]


async def slow_query(coalescer, store, clock, seconds):
    """Several, so that the coalescer has learned how long a query takes."""
    for _ in range(LEARNED):
        await asking(coalescer, "a")
        clock.now += seconds
        await store.answer()


async def test_who_would_be_answered_too_late_is_refused_at_once(coalescer, store, clock):
    await slow_query(coalescer, store, clock, 2.0)
    await asking(coalescer, "a")
    with pytest.raises(Overloaded) as refused:
        await coalescer.ask("b", within_s=1.0)
    assert 1.9 < refused.value.retry_after_s < 2.1
    await asking(coalescer, "b", within_s=3.0)


async def test_nobody_is_refused_while_a_connection_is_free(coalescer, store, clock):
    """However long queries took: it may be over."""
    await slow_query(coalescer, store, clock, 2.0)
    await asking(coalescer, "b", within_s=1.0)
    assert store.queries[-1] == ["b"]
