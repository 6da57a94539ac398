"""Several servers of ClickHouse: which there are, and the database in which all of them are read as one.

The *home shard* is the server in CLICKHOUSE_HOSTS. It has what there is once, and lists the others in table `shards`;
without a row there it is the only server. Numbers and index are local tables of each shard. Database
`<database>_shards` of the home shard has tables of the same names over all shards, so that no SELECT changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from analytics.errors import StoreMisconfigured
from analytics.settings import Settings
from analytics.store.pool import Connection, StatementFailed

HOME: Final = 1
"""The number of the home shard."""

DISTRIBUTED: Final = ("analytics", "workflows", "event_keys", "log_runs", "shard_identity")
"""Tables of which every shard has its own rows."""

OF_HOME: Final = ("lineage", "gaps", "imports", "progress")
"""Tables of the home shard that are read together with those."""

_UNKNOWN_TABLE: Final = 60

_SELECT = """
SELECT number, argMax(shard_id, changed_at), argMax(address, changed_at), argMax(is_open, changed_at),
       argMax(opens_at, changed_at) <= now64(3)
FROM shards
GROUP BY number
ORDER BY number
"""
_COUNT = "SELECT uniqExact(number) FROM shards"
_IDENTITY = "SELECT shard_id, home_id FROM shard_identity ORDER BY noted_at LIMIT 1"
_MISSING = """
SELECT DISTINCT number FROM shards
WHERE shard_id NOT IN (SELECT shard_id FROM `{whole}`.shard_identity GROUP BY shard_id HAVING count() = 1)
ORDER BY number
"""
_CREATE_DATABASE = "CREATE DATABASE IF NOT EXISTS `{whole}`"
_CREATE_TABLE = """
CREATE OR REPLACE TABLE `{whole}`.{table} AS `{database}`.{table}
ENGINE = Distributed('{cluster}', '{database}', '{table}')
"""
_CREATE_VIEW = "CREATE OR REPLACE VIEW `{whole}`.{table} AS SELECT * FROM `{database}`.{table}"

SettingsT = TypeVar("SettingsT", bound=Settings)


class Shard(NamedTuple):
    """A server, as the home shard lists it. `is_open` for partitions that were never begun, once it `is_ready`."""

    number: int
    shard_id: UUID
    address: str
    is_open: bool
    is_ready: bool


class Identity(NamedTuple):
    """What a server says of itself."""

    shard_id: UUID
    home_id: UUID

    @property
    def is_home(self) -> bool:
        """Whether it is the home shard."""
        return self.shard_id == self.home_id


def read_shards(connection: Connection) -> list[Shard]:
    """Return the shards by number; none where there is one server, or a schema from before there were several."""
    try:
        rows = connection.query(_SELECT)
    except StatementFailed as error:
        if error.code != _UNKNOWN_TABLE:
            raise
        return []
    return [
        Shard(number, id_, address, bool(is_open), bool(is_ready))
        for number, id_, address, is_open, is_ready in rows
    ]


def count_shards(connection: Connection, settings: dict[str, object]) -> int:
    """Return how many shards are listed; 0 where there is one server."""
    ((count,),) = connection.query(_COUNT, settings=settings)
    return int(count)


def missing_shards(connection: Connection, database: str, settings: dict[str, object]) -> list[int]:
    """Return which listed shards the tables over all shards do not reach exactly once.

    Raises StoreUnavailable when one of them is away.
    """
    sql = _MISSING.format(whole=whole_of(database))
    return [number for (number,) in connection.query(sql, settings=settings)]


def read_identity(connection: Connection) -> Identity | None:
    """Return which shard a server is; None when it is none yet."""
    rows = connection.query(_IDENTITY)
    return Identity(*rows[0]) if rows else None


def require_home(connection: Connection) -> None:
    """Raise StoreMisconfigured when the server in CLICKHOUSE_HOSTS is a shard of another one."""
    identity = read_identity(connection)
    if identity is not None and not identity.is_home:
        raise StoreMisconfigured(
            "CLICKHOUSE_HOSTS names a server that is a shard of another one: it must name the home shard"
        )


def settings_of(settings: SettingsT, shard: Shard) -> SettingsT:
    """Return how to reach a shard: as the home shard, but for the address."""
    if shard.number == HOME:
        return settings
    return settings.model_copy(update={"clickhouse_hosts": (shard.address,)})


def whole_of(database: str) -> str:
    """Return the name of the database over all shards, and of the cluster in the configuration of the home shard."""
    return f"{database}_shards"


@contextmanager
def whole_connection(
    settings: Settings, shards: Sequence[Shard], *, timeout_s: float
) -> Iterator[Connection]:
    """Open a connection to all that is counted, wherever it is. `shards`: as `read_shards` returns them."""
    database = settings.clickhouse_database
    connection = Connection(
        settings, timeout_s=timeout_s, database=whole_of(database) if len(shards) > 1 else database
    )
    try:
        yield connection
    finally:
        connection.close()


def make_whole(connection: Connection, database: str, cluster: str | None = None) -> None:
    """Make the tables over all shards, with the columns that the tables of the home shard have now. May be repeated.

    `cluster`: the one of another database that lies on the same servers. Raises StatementFailed where the configuration
    of the home shard does not have the cluster.
    """
    whole = whole_of(database)
    names = {"whole": whole, "cluster": cluster or whole, "database": database}
    names = {of: name.replace("`", "") for of, name in names.items()}
    connection.query(_CREATE_DATABASE.format(**names))
    for sql, tables in ((_CREATE_TABLE, DISTRIBUTED), (_CREATE_VIEW, OF_HOME)):
        _create(connection, sql, tables, names)


def _create(connection: Connection, sql: str, tables: Iterable[str], names: dict[str, str]) -> None:
    for table in tables:
        connection.query(sql.format(table=table, **names))
