"""A server on a real socket over two stores, in memory and a real ClickHouse, which pass the same suite."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from uuid import UUID

import pytest
from grpc import aio

from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.lookups import Lookups, StoreLookups
from analytics.model import Totals
from analytics.reads import QueryRunner
from analytics.settings import Settings
from analytics.store.pool import Connection, Pool
from sandbox.clickhouse import LocalClickHouse
from tests.grpc_world import (
    NOBODYS_WORKFLOW,
    STRANGER,
    USER,
    USER_TOTALS,
    WORKFLOW,
    WORKFLOW_TOTALS,
    FakeLookups,
    serving,
)
from tests.insights_calls import Asking, asking
from tests.processor_world import fresh_database, pools
from tests.shards_world import Sharded, ShardServers
from tests.shards_world import shard_servers as start_shard_servers

NIL = UUID(int=0)
AS_OF_S = 1_795_000_000  # 2026-11-18T11:06:40Z
"""Every event published before is counted, says the service of `insights`."""

_COLUMNS = "resolution, user_id, workflow_id, bucket_start, workflows, jobs, execution_seconds, log_lines"
_INSERT = f"INSERT INTO analytics ({_COLUMNS}) VALUES"


def insert_totals(settings: Settings, user_id: UUID, workflow_id: UUID, totals: Totals) -> None:
    """Write the totals as a processor does, but in two parts that ClickHouse has not merged yet."""
    connection = Connection(settings, timeout_s=10)
    for part in (Totals(jobs=1), Totals(*totals)._replace(jobs=totals.jobs - 1)):
        connection.insert(_INSERT, [["total"], [user_id], [workflow_id], [0], *([number] for number in part)])
    connection.close()


def insert_other_resolutions(settings: Settings, user_id: UUID, workflow_id: UUID) -> None:
    """Write rows that no total may count: a day, a quarter, a checkpoint of the same workflow id."""
    connection = Connection(settings, timeout_s=10)
    for resolution, owner in (("day", user_id), ("quarter", user_id), ("checkpoint", NIL)):
        connection.insert(_INSERT, [[resolution], [owner], [workflow_id], [0], [7], [7], [7], [7]])
    connection.close()


@pytest.fixture(params=["fake", pytest.param("clickhouse", marks=pytest.mark.integration)])
def lookups(request: pytest.FixtureRequest) -> Iterator[Lookups]:
    """A store that knows USER with WORKFLOW; STRANGER has NOBODYS_WORKFLOW."""
    if request.param == "fake":
        fake = FakeLookups()
        fake.users = {USER: USER_TOTALS, STRANGER: WORKFLOW_TOTALS}
        fake.workflows = {(USER, WORKFLOW): WORKFLOW_TOTALS, (STRANGER, NOBODYS_WORKFLOW): WORKFLOW_TOTALS}
        yield fake
        return
    settings: Settings = request.getfixturevalue("database")
    for user_id, workflow_id, totals in (
        (USER, NIL, USER_TOTALS),
        (USER, WORKFLOW, WORKFLOW_TOTALS),
        (STRANGER, NIL, WORKFLOW_TOTALS),
        (STRANGER, NOBODYS_WORKFLOW, WORKFLOW_TOTALS),
    ):
        insert_totals(settings, user_id, workflow_id, totals)
    insert_other_resolutions(settings, USER, WORKFLOW)
    runner = QueryRunner(settings, size=2, timeout_s=5)
    yield StoreLookups(runner, parallel=2, most_waiting=100)
    runner.close()


@pytest.fixture(scope="module")
def stores(clickhouse: LocalClickHouse) -> Iterator[tuple[Pool, Pool]]:
    """Connections to a database that the tests of a module share: each of them has a partition of its own."""
    with pools(fresh_database(clickhouse.address), size=4) as opened:
        yield opened


@pytest.fixture(scope="session")
def shard_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShardServers]:
    """Two servers that all tests share: use a database of your own, and do not stop them."""
    with start_shard_servers(tmp_path_factory.mktemp("shards")) as servers:
        yield servers


@pytest.fixture
def sharded(shard_servers: ShardServers) -> Iterator[Sharded]:
    """A fresh database, on the first of them so far."""
    with closing(shard_servers.database()) as found:
        yield found


@pytest.fixture
async def address(lookups: Lookups) -> AsyncIterator[str]:
    """Where the server over the store listens."""
    async with serving(lookups) as listening:
        yield listening


@pytest.fixture
async def channel(address: str) -> AsyncIterator[aio.Channel]:
    """A channel to the server."""
    async with aio.insecure_channel(address) as opened:
        yield opened


@pytest.fixture
def stub(channel: aio.Channel) -> Callable[..., object]:
    """The stub that a Python caller uses."""
    return AnalyticsServiceStub(channel)


@pytest.fixture(scope="module")
def insights(clickhouse: LocalClickHouse) -> Iterator[Asking]:
    """A service about ranges over a database that the tests of a module share: each of them has users of its own."""
    with asking(fresh_database(clickhouse.address), as_of_s=AS_OF_S) as one:
        yield one
