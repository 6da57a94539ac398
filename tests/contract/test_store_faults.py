"""The service through the faults of a real ClickHouse: away at start, restarted, hung, not migrated."""

import asyncio
import os
import signal
import time
import uuid
from datetime import UTC, datetime

import pytest
from grpc import StatusCode, aio

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.freshness import FreshnessReader
from analytics.lookups import StoreLookups
from analytics.reads import QueryRunner
from analytics.settings import Settings
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from sandbox.clickhouse import LocalClickHouse
from sandbox.ports import free_port
from tests.eventually import eventually
from tests.grpc_world import USER, USER_TOTALS, failure, metadata, service_settings, serving

pytestmark = pytest.mark.integration

ASK = pb.GetUserAnalyticsRequest(user_id=str(USER))
NIL = uuid.UUID(int=0)
UNAVAILABLE = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
TIMED_OUT = (StatusCode.DEADLINE_EXCEEDED, "STORE_TIMEOUT")
_INSERT = """
INSERT INTO analytics
    (resolution, user_id, workflow_id, bucket_start, workflows, jobs, execution_seconds, log_lines)
VALUES
"""
_REPORT = """
INSERT INTO progress
    (topic, partition, partition_id, partition_count, next_offset, end_offset, as_of_ms, updated_at)
VALUES
"""


def fill(settings):
    """Migrate, and write USER_TOTALS."""
    migrate(settings)
    connection = Connection(settings, timeout_s=10)
    connection.insert(_INSERT, [["total"], [USER], [NIL], [0], *([number] for number in USER_TOTALS)])
    connection.close()


@pytest.fixture
def own_clickhouse(tmp_path):
    """A server of the test's own, not started yet, on a port that it will have."""
    server = LocalClickHouse(tmp_path / "clickhouse", free_port())
    yield server
    server.stop()


@pytest.fixture
def settings(own_clickhouse):
    return service_settings(clickhouse_hosts=(own_clickhouse.address,), clickhouse_database="analytics")


@pytest.fixture
async def ask(settings):
    """Call GetUserAnalytics on a service over that ClickHouse."""
    runner = QueryRunner(settings, size=2, timeout_s=1)
    try:
        async with (
            serving(StoreLookups(runner, parallel=2, most_waiting=10), grpc_request_timeout=1) as address,
            aio.insecure_channel(address) as channel,
        ):
            stub = AnalyticsServiceStub(channel)
            yield lambda: stub.GetUserAnalytics(ASK, metadata=metadata())
    finally:
        runner.close()


async def test_absent_at_start_then_there(own_clickhouse, settings, ask):
    """Without ClickHouse calls fail fast as UNAVAILABLE; when it has come, they are answered."""
    started = time.monotonic()
    assert await failure(ask()) == UNAVAILABLE
    assert time.monotonic() - started < 0.5
    await asyncio.to_thread(own_clickhouse.start)
    assert await failure(ask()) == UNAVAILABLE  # there, but without a schema
    await asyncio.to_thread(fill, settings)
    assert (await ask()).total_jobs == USER_TOTALS.jobs


async def test_restart_costs_no_call(own_clickhouse, settings, ask):
    """Connections that a restart of ClickHouse broke are replaced without the caller's notice."""
    await asyncio.to_thread(own_clickhouse.start)
    await asyncio.to_thread(fill, settings)
    await asyncio.gather(*(ask() for _ in range(4)))
    await asyncio.to_thread(own_clickhouse.kill)
    await asyncio.to_thread(own_clickhouse.start)
    answers = await asyncio.gather(*(ask() for _ in range(4)))
    assert {answer.total_jobs for answer in answers} == {USER_TOTALS.jobs}


async def test_hung_store_times_out(own_clickhouse, settings, ask):
    """A ClickHouse that hangs is DEADLINE_EXCEEDED within the request's time; afterwards calls work again."""
    await asyncio.to_thread(own_clickhouse.start)
    await asyncio.to_thread(fill, settings)
    await ask()
    os.kill(own_clickhouse.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert await failure(ask()) == TIMED_OUT
        assert time.monotonic() - started < 2
    finally:
        os.kill(own_clickhouse.pid, signal.SIGCONT)

    async def answers():
        try:
            return (await ask()).total_jobs == USER_TOTALS.jobs
        except aio.AioRpcError:
            return False

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(eventually, lambda: asyncio.run_coroutine_threadsafe(answers(), loop).result())


def report(settings: Settings, as_of_ms: int) -> None:
    """Write progress of one partition of each topic."""
    connection = Connection(settings, timeout_s=10)
    topics = ["analytics", "workflows", "job_logs"]
    connection.insert(
        _REPORT,
        [
            topics,
            [0] * 3,
            [NIL] * 3,
            [1] * 3,
            [0] * 3,
            [0] * 3,
            [as_of_ms] * 3,
            [datetime.fromtimestamp(as_of_ms / 1000, UTC)] * 3,
        ],
    )
    connection.close()


async def test_freshness_follows_the_newest_progress(database):
    """The reader picks up each new as-of time by itself."""
    runner = QueryRunner(database, size=1, timeout_s=5)
    reader = FreshnessReader(runner)
    task = asyncio.create_task(reader.run())
    try:
        for as_of_ms in (1_800_000_000_000, 1_800_000_001_000):
            await asyncio.to_thread(report, database, as_of_ms)
            await asyncio.to_thread(eventually, lambda wanted=as_of_ms: reader.as_of_ms() == wanted)
    finally:
        task.cancel()
        runner.close()


async def test_freshness_is_unknown_without_a_store():
    """Before ClickHouse answers, nothing is promised."""
    runner = QueryRunner(service_settings(clickhouse_hosts=("127.0.0.1:1",)), size=1, timeout_s=1)
    reader = FreshnessReader(runner)
    await reader.refresh()
    assert reader.as_of_ms() is None
    runner.close()
