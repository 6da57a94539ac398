"""Two ClickHouse servers, and databases that lie on both of them; both may write backups."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from analytics.store.pool import Connection, Pool
from analytics.store.shards import Shard, whole_of
from processor.operate.adding_shard import AddingShard, clusters_xml
from processor.settings import ProcessorSettings
from processor.shard_pools import Pools, ShardPools
from sandbox.clickhouse import LocalClickHouse, local_settings
from sandbox.ports import LOCALHOST, free_ports
from tests import databases
from tests.backup_world import backup_config
from tests.copied_database import migrated
from tests.operator_world import processor_settings

_DATABASES: Final = 60


class Sharded:
    """A database whose home shard is migrated, and a second server beside it that is still empty."""

    def __init__(self, name: str, home: str, second: str) -> None:
        self.second = second
        self.settings: ProcessorSettings = processor_settings(local_settings(home, name))
        self.of_second = self.settings.model_copy(update={"clickhouse_hosts": (second,)})
        self.whole = whole_of(name)
        self._home = connect(self.settings)
        migrated(home, name)

    @contextmanager
    def opened(self) -> Iterator[ShardPools]:
        """As a processor that starts."""
        shards = ShardPools(self.settings, connect(self.settings), connect)
        try:
            yield shards
        finally:
            shards.close()

    def adding(self, address: str | None = None) -> AddingShard:
        return AddingShard(self.settings, address or self.second, self._home, connect)

    def close(self) -> None:
        self._home.close()

    def add(self, *, opens_after_s: float = 0.0) -> Shard:
        return self.adding().add(self.spare_proof, opens_after_s=opens_after_s)

    def spare_proof(self, step: str) -> None:
        """Told each step: the guards of the second server are proved in another test; that takes a second."""
        if step == "proving it":
            databases.note_selftest(self.of_second)

    def query(
        self, sql: str, parameters: Any = None, *, on_second: bool = False, database: str | None = None
    ) -> Any:
        settings = self.of_second if on_second else self.settings
        connection = Connection(settings, timeout_s=30, database=database)
        try:
            return connection.query(sql, parameters)
        finally:
            connection.close()


class ShardServers:
    """Two servers; the first knows the clusters of some databases, `unknown` is the name of one that it does not know."""

    unknown: Final = "sharded_without_cluster"

    def __init__(self, home: LocalClickHouse, second: LocalClickHouse) -> None:
        self.home, self.second = home, second
        self._names = iter(_names())

    def database(self, name: str = "") -> Sharded:
        """A database of a test's own."""
        return Sharded(name or next(self._names), self.home.address, self.second.address)


@contextmanager
def shard_servers(directory: Path) -> Iterator[ShardServers]:
    ports = free_ports(2)
    addresses = [f"{LOCALHOST}:{port}" for port in ports]
    config = clusters_xml({whole_of(name): addresses for name in _names()})
    with ExitStack() as running:
        config += backup_config(directory / "backups-of-home")
        home = running.enter_context(LocalClickHouse(directory / "home", ports[0], config=config))
        config = backup_config(directory / "backups-of-second")
        second = running.enter_context(LocalClickHouse(directory / "second", ports[1], config=config))
        yield ShardServers(home, second)


def connect(settings: ProcessorSettings) -> Pools:
    return Pools(Pool(settings, size=4, timeout_s=30), Pool(settings, size=2, timeout_s=30, numpy=True))


def _names() -> list[str]:
    return [f"sharded_{number}" for number in range(_DATABASES)]
