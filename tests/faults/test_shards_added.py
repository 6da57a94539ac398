"""Two ClickHouse servers and three processors, on a real Kafka: whatever is killed, and whenever the second one comes."""

import random
import time
from contextlib import ExitStack

import msgspec
import pytest

from analytics.store.shards import whole_of
from sandbox.programs import LocalService
from sandbox.shards import add_shards, local_shards
from sandbox.tokens import create_key_pair
from sandbox.totals import Asker, ExpectedTotals
from tests.eventually import eventually
from tests.examples import examples
from tests.faults.log import some_events

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DATABASE = "faults_sharded"
NOTICES_SOON = {"crash": "nothing", "FAULT_CONSUMER": '{"topic.metadata.refresh.interval.ms": 1000}'}


class Shards:
    """A world whose home shard runs, three processors and a service that know of no other one yet."""

    def __init__(self, world, servers, directory):
        self.world, self.home, self.second = world, *servers
        keys = directory / "auth.ed", directory / "auth.ed.pub"
        create_key_pair(*keys)
        environment = world.environment() | {"AUTH_PUBLIC_KEY_PATH": str(keys[1]), "GRPC_HOST": "127.0.0.1"}
        self.service = LocalService(lambda: environment, directory / "service.log")
        self._keys = keys
        self._asker = None

    def add_second(self):
        """As `shards add` does; it opens after a second."""
        self.second.start()
        add_shards(self.world.settings, [self.second.address], opens_after_s=1.0)
        self.world.read_from = whole_of(DATABASE)

    def shards_of(self, topic):
        rows = self.world.query(
            f"SELECT partition, shard FROM {DATABASE}.partition_shards WHERE topic = %(topic)s",
            {"topic": topic},
        )
        return dict(rows)

    def require_exact(self, within_s=120.0):
        """The tables of both servers together, and what the service says of every user and workflow."""
        self.world.require_exact(within_s=within_s)
        expected = msgspec.convert(self.world.log.reference().expected(), ExpectedTotals)
        self._asker = self._asker or Asker(self.service.address, self._keys[0])
        eventually(lambda: self._asker.ask(expected.users, expected).equal(expected), within_s=15)

    def close(self):
        if self._asker is not None:
            self._asker.close()
        self.service.stop()


@pytest.fixture
def shards(make_world, tmp_path):
    with ExitStack() as stack:
        servers = local_shards(tmp_path / "clickhouse", DATABASE, 2)
        for server in servers:
            stack.callback(server.stop)
        servers[0].start()
        found = Shards(make_world(clickhouse=servers[0], database=DATABASE), servers, tmp_path)
        stack.callback(found.close)
        found.service.start()
        yield found


def kill_one_by_one(world, chance, *, rounds, meanwhile):
    for number in range(rounds):
        meanwhile(number)
        time.sleep(chance.uniform(0.1, 1.5))  # any moment will do
        victim = chance.choice(world.workers)
        victim.kill()
        victim.respawn()


def test_a_shard_is_added_while_events_flow_and_processors_and_the_shard_are_killed(shards):
    """Topics grow afterwards, so that new partitions go there, and keys move with their repeats."""
    world, chance = shards.world, random.Random(5)
    for _ in range(3):
        world.start(**NOTICES_SOON)
    world.publish(some_events(0, 100))
    world.await_applied(world.ends().total())
    shards.add_second()
    kill_one_by_one(world, chance, rounds=2, meanwhile=lambda n: world.publish(some_events(60 + 50 * n, 60)))
    world.add_partitions(4)
    kill_one_by_one(
        world,
        chance,
        rounds=examples(4, soak=12),
        meanwhile=lambda n: world.publish(some_events(chance.randrange(200), 60)),
    )
    eventually(lambda: set(shards.shards_of("analytics").values()) == {1, 2}, within_s=60)
    shards.second.kill()
    kill_one_by_one(world, chance, rounds=2, meanwhile=lambda n: world.publish(some_events(100 + 50 * n, 90)))
    shards.second.start()
    kill_one_by_one(
        world,
        chance,
        rounds=examples(2, soak=6),
        meanwhile=lambda n: world.publish(some_events(chance.randrange(300), 60)),
    )
    shards.require_exact()
    assert shards.shards_of("analytics") == {0: 1, 1: 1, 2: 2, 3: 2}
