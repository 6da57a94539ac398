"""Lookups on a real ClickHouse: shared queries, and those that nobody waits for any more."""

import asyncio
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from analytics import queries as queries_of
from analytics.errors import StoreTimeout
from analytics.lookups import StoreLookups
from analytics.model import ALL_WORKFLOWS, Totals, WorkflowKey
from analytics.reads import QueryRunner
from analytics.store.pool import Connection
from tests.contract.conftest import insert_totals
from tests.eventually import eventually

pytestmark = pytest.mark.integration

SLOW = "SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1"


@pytest.fixture
def runner(database):
    runner = QueryRunner(database, size=2, timeout_s=5)
    yield runner
    runner.close()


def key_of(number):
    return WorkflowKey(UUID(int=number % 7 + 1), UUID(int=number + 1))


def queries():
    return REGISTRY.get_sample_value("analytics_lookup_keys_count") or 0


async def test_every_caller_gets_the_totals_of_its_own_key(database, runner):
    """Three hundred at once, of which some ask for what was never counted, in few queries."""
    for number in range(0, 300, 10):
        insert_totals(database, *key_of(number), Totals(jobs=number + 3))
    insert_totals(database, UUID(int=1), ALL_WORKFLOWS, Totals(jobs=1_000))
    lookups, before = StoreLookups(runner, parallel=1, most_waiting=400), queries()
    keys = [key_of(number) for number in range(300)] + [WorkflowKey(UUID(int=1), ALL_WORKFLOWS)]
    answers = await asyncio.gather(*(lookups.totals(key, within_s=5) for key in keys))
    assert [totals and totals.jobs for totals in answers] == [
        *(number + 3 if number % 10 == 0 else None for number in range(300)),
        1_000,
    ]
    assert queries() - before == 3


@pytest.mark.parametrize("column", ["jobs_completed", "jobs_failed"])
async def test_a_workflow_of_which_only_results_are_known_has_no_analytics(database, runner, column):
    """Nor has its user: there is nothing of topic `analytics`, and no log line."""
    connection = Connection(database, timeout_s=10)
    for id_ in (UUID(int=5), ALL_WORKFLOWS):
        connection.query(
            f"INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, {column}) "
            "SELECT 'total', toUUID(%(user)s), toUUID(%(flow)s), 0, 1",
            {"user": str(UUID(int=4)), "flow": str(id_)},
        )
    connection.close()
    keys = [WorkflowKey(UUID(int=4), UUID(int=5)), WorkflowKey(UUID(int=4), ALL_WORKFLOWS)]
    assert await runner.run(lambda store, within_s: queries_of.totals(store, keys, within_s), 5) == {}


def running(database_runner):
    """Sleeping queries that the server runs now."""
    sql = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(0.1)%%'"
    return database_runner.run(lambda store, _: store.query(sql, {})[0][0], 5)


async def until(runner, count):
    for _ in range(500):
        if await running(runner) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {count} queries")


async def test_a_query_that_nobody_waits_for_any_more_is_stopped(runner):
    """In the server as well, and its connection serves others again."""
    slow = asyncio.create_task(runner.run(lambda store, _: store.query(SLOW), 60))
    await until(runner, 1)
    slow.cancel()
    await until(runner, 0)
    answers = await asyncio.gather(
        *(runner.run(lambda store, _: store.query("SELECT 1"), 5) for _ in range(4))
    )
    assert answers == [[(1,)]] * 4


async def test_a_read_that_was_given_up_before_it_began_never_does(runner):
    slow = [asyncio.create_task(runner.run(lambda store, _: store.query(SLOW), 60)) for _ in range(2)]
    begun = []
    waiting = asyncio.create_task(runner.run(lambda *_: begun.append(True), 60))
    await asyncio.sleep(0)
    waiting.cancel()
    for task in slow:
        task.cancel()
    await asyncio.to_thread(eventually, lambda: all(task.done() for task in [*slow, waiting]))
    assert await runner.run(lambda store, _: store.query("SELECT 1"), 5) == [(1,)]
    assert begun == []


async def test_a_read_without_time_left_never_begins(runner):
    with pytest.raises(StoreTimeout):
        await runner.run(lambda *_: None, 0.0)


async def test_a_connection_that_broke_since_its_last_answer_costs_no_call(runner):
    """Within a second of an answer nobody asks first whether the server is there: the read is repeated instead."""
    whole = iter([False, True] * 3)

    def once_broken(store, _):
        if not next(whole):
            store.interrupt()
        return store.query("SELECT 1")

    for _ in range(3):
        assert await runner.run(once_broken, 5) == [(1,)]


async def test_a_query_is_stopped_however_early_its_caller_goes(runner):
    """Before it has a thread, a connection, or was sent: none of them lives on."""
    for turns in range(12):
        slow = asyncio.create_task(runner.run(lambda store, _: store.query(SLOW), 60))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        slow.cancel()
        async with asyncio.timeout(5):
            await until(runner, 0)
