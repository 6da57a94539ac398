"""What commands reach: ClickHouse and Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import AdminClient

from analytics.errors import StoreMisconfigured
from analytics.store.checks import check_schema
from analytics.store.pool import Connection, Pool
from analytics.store.shards import require_home, whole_connection
from processor.checkpoints import ShardedLedger
from processor.kafka import admin_config
from processor.lineage_table import Lineage, read_lineages
from processor.operate.entry import Refused
from processor.settings import ProcessorSettings
from processor.shard_pools import Pools, ShardPools

TIMEOUT_S: Final = 600.0
"""A command may ask for a lot at once."""

_AT_ONCE: Final = (
    4  # connections, for who has one may call who needs another; they connect when they are used
)


@dataclass(frozen=True)
class Access:
    """Connections of one command, for one thread."""

    settings: ProcessorSettings
    shards: ShardPools
    admin: AdminClient

    @property
    def plain(self) -> Pool:
        """Of the home shard."""
        return self.shards.home.plain

    @property
    def columns(self) -> Pool:
        """Of the home shard."""
        return self.shards.home.columns

    @property
    def ledger(self) -> ShardedLedger:
        """The checkpoints."""
        return ShardedLedger(self.shards)

    @contextmanager
    def whole(self) -> Iterator[Connection]:
        """Lend a connection to all that is counted: to the home shard, and where there are others, to all together."""
        shards = self.shards.shards()
        with whole_connection(self.settings, shards, timeout_s=TIMEOUT_S) as connection:
            yield connection

    def require_one_server(self, what: str) -> None:
        """Raise Refused where there are several shards."""
        if len(self.shards.numbers()) > 1:
            raise Refused(
                f"{what} works with one ClickHouse server only, and here are several: see docs/scale.md"
            )

    def lineages(self) -> dict[str, Lineage]:
        """Return the logs that are counted. Raises StoreMisconfigured for a database without a usable schema."""
        with self.plain.lend(TIMEOUT_S) as connection:
            check_schema(connection)
            require_home(connection)
        return read_lineages(self.plain)

    def counted_lineages(self) -> dict[str, Lineage]:
        """Return the logs that are counted. Raises StoreMisconfigured where none ever was."""
        lineages = self.lineages()
        if not lineages:
            database = self.settings.clickhouse_database
            raise StoreMisconfigured(f"no processor has ever counted into database {database}: nothing to do")
        return lineages


@contextmanager
def access(settings: ProcessorSettings) -> Iterator[Access]:
    """Give access to what the settings name; nothing is connected before it is used."""
    shards = ShardPools(settings, connect(settings), connect)
    try:
        yield Access(settings, shards, AdminClient(admin_config(settings) | {"log_level": 0}))
    finally:
        shards.close()


def connect(settings: ProcessorSettings) -> Pools:
    """Return connections for a command."""
    return Pools(
        Pool(settings, size=_AT_ONCE, timeout_s=TIMEOUT_S),
        Pool(settings, size=1, timeout_s=TIMEOUT_S, numpy=True),
    )
