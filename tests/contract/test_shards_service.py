"""The service reads every shard from the moment on at which there is one, on real servers."""

from uuid import uuid4

import pytest

from analytics import queries
from analytics.errors import StoreMisconfigured, StoreUnavailable
from analytics.model import ALL_WORKFLOWS, Totals, WorkflowKey
from analytics.reads import QueryRunner
from analytics.shards import ShardWatch
from tests.contract.conftest import insert_totals

pytestmark = pytest.mark.integration

KEY = WorkflowKey(uuid4(), ALL_WORKFLOWS)


class Watched:
    """What a service has: a reader of numbers, and one that asks the home shard which servers there are."""

    def __init__(self, settings):
        self._numbers, self._home = (QueryRunner(settings, size=1, timeout_s=5) for _ in range(2))
        self._watch = ShardWatch(settings.clickhouse_database, [self._numbers])

    async def look(self):
        await self._watch.look(self._home, 5)

    async def jobs(self):
        found = await self._numbers.run(lambda store, left_s: queries.totals(store, [KEY], left_s), 5)
        return found[KEY].jobs

    def close(self):
        self._numbers.close()
        self._home.close()


@pytest.fixture
def watch():
    opened = []

    def begin(settings):
        opened.append(Watched(settings))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def count_on_both(sharded):
    for settings, jobs in ((sharded.settings, 5), (sharded.of_second, 7)):
        insert_totals(settings, KEY.user_id, KEY.workflow_id, Totals(jobs=jobs))


async def test_nothing_is_read_before_it_is_known_where(sharded, watch):
    """Else the first answers after a start would lack what is elsewhere."""
    with pytest.raises(StoreUnavailable, match="not known yet"):
        await watch(sharded.settings).jobs()


async def test_a_shard_is_read_as_soon_as_it_is_listed_without_a_restart(sharded, watch):
    service = watch(sharded.settings)
    insert_totals(sharded.settings, KEY.user_id, KEY.workflow_id, Totals(jobs=5))
    await service.look()
    assert await service.jobs() == 5
    sharded.add()
    insert_totals(sharded.of_second, KEY.user_id, KEY.workflow_id, Totals(jobs=7))
    await service.look()
    assert await service.jobs() == 12


async def test_where_the_cluster_does_not_reach_a_shard_nothing_is_answered(sharded, watch):
    """Totals without it would look right."""
    service = watch(sharded.settings)
    sharded.add()
    count_on_both(sharded)
    await service.look()
    sharded.query("INSERT INTO shards SELECT 3, generateUUIDv4(), 'elsewhere:9000', 1, now64(3), now64(3)")
    with pytest.raises(StoreUnavailable, match="does not reach shard 3 exactly once"):
        await service.look()  # the list has changed, so it looks whether all are reached
    with pytest.raises(StoreUnavailable, match="does not reach shard 3"):
        await service.jobs()


async def test_when_it_does_again_everything_is_answered(sharded, watch):
    service = watch(sharded.settings)
    sharded.add()
    count_on_both(sharded)
    sharded.query("INSERT INTO shards SELECT 3, generateUUIDv4(), 'elsewhere:9000', 1, now64(3), now64(3)")
    with pytest.raises(StoreUnavailable):
        await service.look()
    sharded.query("ALTER TABLE shards DELETE WHERE number = 3 SETTINGS mutations_sync = 2")
    await service.look()
    assert await service.jobs() == 12


async def test_a_service_that_is_given_another_shard_than_the_home_shard_answers_nothing(sharded, watch):
    sharded.add()
    service = watch(sharded.of_second)
    with pytest.raises(StoreMisconfigured, match="must name the home shard"):
        await service.look()
    with pytest.raises(StoreUnavailable):
        await service.jobs()
