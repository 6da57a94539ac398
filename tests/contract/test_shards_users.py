"""Two servers with users of least privileges: a shard is added, counted on and read by those who may."""

import pytest

from analytics.reads import QueryRunner
from analytics.shards import ShardWatch
from analytics.store.migrate import migrate
from analytics.store.shards import whole_of
from processor.audit.auditor import Auditor, open_stored
from processor.checkpoints import ShardedLedger
from processor.operate.adding_shard import AddingShard, clusters_xml
from processor.settings import ProcessorSettings
from processor.shard_pools import ShardPools
from sandbox.ports import LOCALHOST, free_ports
from tests.processor_world import some_partition
from tests.shards_world import connect
from tests.users_world import DATABASE, PASSWORDS, clickhouse_with_users

pytestmark = pytest.mark.integration


@pytest.fixture
def users(tmp_path):
    """Settings by user. The home shard asks the other one as the processor's, who may read everything."""
    ports = free_ports(2)
    login = f"<user>processor</user><password>{PASSWORDS['processor']}</password></replica>"
    cluster = clusters_xml({whole_of(DATABASE): [f"{LOCALHOST}:{port}" for port in ports]})
    more = cluster.replace("</replica>", login)
    with (
        clickhouse_with_users(tmp_path / "home", port=ports[0], more=more) as home,
        clickhouse_with_users(tmp_path / "second", port=ports[1]) as second,
    ):
        migrate(home.users["migrator"])
        given = {name: ProcessorSettings(**one.model_dump()) for name, one in home.users.items()}
        pools = connect(given["migrator"])
        try:
            AddingShard(given["migrator"], second.server.address, pools, connect).add(
                lambda _: None, opens_after_s=0
            )
        finally:
            pools.close()
        yield given


async def test_everybody_can_do_what_he_must(users):
    shards = ShardPools(users["processor"], connect(users["processor"]), connect)
    runner = QueryRunner(users["service"], size=1, timeout_s=10)
    try:
        for number in (0, 1):
            ShardedLedger(shards).begin(some_partition()._replace(number=number), 0, 0)
        assert shards.numbers() == [1, 2]
        await ShardWatch(DATABASE, []).look(runner, 10)
        with open_stored(users["processor"], timeout_s=10) as stored:
            report = Auditor(stored, users["processor"], {}, None).audit(lambda _: None)
        assert {one.check for one in report.findings} == {"checkpoints"}  # of partitions of no topic
    finally:
        shards.close()
        runner.close()
