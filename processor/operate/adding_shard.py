"""Adding a server to those that hold what is counted, while everything runs.

1. The new server gets its schema, and is proved as the home shard was.
2. Both note which shard they are, so that no other server, and no empty one, is ever taken for them.
3. The tables over all shards are made on the home shard, and must reach each shard exactly once.
4. Partitions that were begun before are noted to be on the home shard, so that they count when load is compared.
5. The shard is listed. From now on services read through the tables over all shards, within half a second.
6. Some time later, by the clock of the home shard, it is open for partitions that were never begun.

So there is no moment at which it holds rows that a service does not read. Who dies in between leaves a server that
holds nothing and is asked nothing; the same command goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Final, NamedTuple
from uuid import uuid4

from analytics.errors import Stop
from analytics.store.migrate import migrate, pending
from analytics.store.pool import Connection, StatementFailed
from analytics.store.shards import HOME, Identity, Shard, make_whole, read_identity, read_shards, whole_of
from processor.lineage_table import read_lineages
from processor.placement import place
from processor.settings import ProcessorSettings
from processor.shard_pools import Connect, Pools, prove_shard

OPENS_AFTER_S: Final = 30.0
"""A service that answers looks twice a second, and gives up a look after two; one that does not look says so."""

STEPS: Final = (
    "making its schema",
    "proving it",
    "telling the servers which shards they are",
    "making the tables over all shards",
    "noting where the partitions are",
    "listing it",
)
"""What `AddingShard.add` says that it does, in this order."""

_TIMEOUT_S: Final = 60.0
_NO_SUCH_CLUSTER: Final = 701
_FULL: Final = ("analytics", "workflows", "event_keys", "log_runs", "lineage", "gaps", "imports", "import_rows",
                "partition_shards", "progress", "shards")  # fmt: skip

_TABLES = """
SELECT name, uuid, ifNull(total_rows, 0) FROM system.tables WHERE database = %(database)s
"""
_NOTE_IDENTITY = "INSERT INTO shard_identity (shard_id, home_id, noted_at) SELECT %(id)s, %(home)s, now64(3)"
_REACHED = "SELECT shard_id, count() FROM `{whole}`.shard_identity GROUP BY shard_id"
_LIST = """
INSERT INTO shards (number, shard_id, address, is_open, opens_at, changed_at)
SELECT %(number)s, %(id)s, %(address)s, %(is_open)s, now64(3) + toIntervalMillisecond(%(after_ms)s), now64(3)
"""

Note = Callable[[str], None]


class NotAddable(Stop):
    """A server cannot become a shard, or not yet; the message says what to do."""


class Candidate(NamedTuple):
    """What is at an address. `missing`: names of migrations. `shard`: it is listed already, perhaps elsewhere."""

    address: str
    missing: list[str]
    identity: Identity | None
    shard: Shard | None


class AddingShard:
    """Adds the server at an address. Every method may be repeated, after any failure; `note` is told each step."""

    def __init__(self, settings: ProcessorSettings, address: str, home: Pools, connect: Connect) -> None:
        self._settings, self._address = settings, address
        self._of_new = settings.model_copy(update={"clickhouse_hosts": (address,)})
        self._home, self._connect = home, connect

    def look(self) -> Candidate:
        """Return what is there, without a change. Raises NotAddable, and StoreUnavailable."""
        name = self._settings.clickhouse_database
        with closing(Connection(self._of_new, timeout_s=_TIMEOUT_S, database="default")) as server:
            tables = {table: (uuid, rows) for table, uuid, rows in server.query(_TABLES, {"database": name})}
        with self._home.plain.lend(_TIMEOUT_S) as connection:
            of_home = {table: uuid for table, uuid, _ in connection.query(_TABLES, {"database": name})}
            home_identity, shards = read_identity(connection), read_shards(connection)
        if "schema_migrations" in tables and tables["schema_migrations"][0] == of_home["schema_migrations"]:
            raise NotAddable(f"{self._address} is the home shard itself: a shard is another server")
        missing, identity = self._state(tables)
        if identity is not None:
            if home_identity is None or identity.home_id != home_identity.home_id:
                raise NotAddable(f"{self._address} is a shard of another home shard, or a home shard itself")
        elif full := [table for table in _FULL if tables.get(table, (None, 0))[1]]:
            raise NotAddable(
                f"database {name} at {self._address} is not empty ({', '.join(full)}): what is there would be added to what "
                "is counted. A shard begins empty"
            )
        listed = [one for one in shards if identity is not None and one.shard_id == identity.shard_id]
        return Candidate(self._address, missing, identity, listed[0] if listed else None)

    def add(self, note: Note, *, opens_after_s: float = OPENS_AFTER_S) -> Shard:
        """Do what is left, and return the shard. Raises NotAddable, StoreMisconfigured, and Retryable."""
        note(STEPS[0])
        migrate(self._of_new)
        note(STEPS[1])
        new = self._connect(self._of_new)
        try:
            prove_shard(new, self._settings)
            note(STEPS[2])
            identity = self._identify(new)
        finally:
            new.close()
        note(STEPS[3])
        self._make_whole(identity)
        note(STEPS[4])
        self._place_begun()
        note(STEPS[5])
        return self._list(identity, opens_after_s)

    def _state(self, tables: dict[str, tuple[object, int]]) -> tuple[list[str], Identity | None]:
        if "schema_migrations" not in tables:
            return ["all"], None
        with closing(Connection(self._of_new, timeout_s=_TIMEOUT_S)) as connection:
            missing = [one.name for one in pending(connection)]
            return missing, read_identity(connection) if "shard_identity" in tables else None

    def _identify(self, new: Pools) -> Identity:
        home_id = uuid4()
        home = _note_identity(self._home, Identity(home_id, home_id))
        return _note_identity(new, Identity(uuid4(), home.home_id))

    def _make_whole(self, identity: Identity) -> None:
        name = self._settings.clickhouse_database
        with self._home.plain.lend(_TIMEOUT_S) as connection:
            listed = read_shards(connection)
            try:
                make_whole(connection, name)
            except StatementFailed as error:
                if error.code != _NO_SUCH_CLUSTER:
                    raise
                raise NotAddable(self._remedy(listed, "has no such cluster")) from None
            reached = dict(connection.query(_REACHED.format(whole=whole_of(name))))
        wanted = {one.shard_id for one in listed} | {identity.shard_id, identity.home_id}
        if reached != dict.fromkeys(wanted, 1):
            raise NotAddable(self._remedy(listed, "does not have each shard in it exactly once"))

    def _remedy(self, listed: Iterable[Shard], what: str) -> str:
        addresses = {HOME: self._settings.clickhouse_hosts[0]} | {one.number: one.address for one in listed}
        every = [*addresses.values()]
        if self._address not in every:
            every.append(self._address)
        return (
            f"{self._address} is prepared, but the configuration of the home shard {what}. Put this into it "
            f"(config.d/*.xml, with <user>, <password> and <secure>1</secure> as needed), and run the same command again:\n"
            f"{clusters_xml({whole_of(self._settings.clickhouse_database): every})}"
        )

    def _place_begun(self) -> None:
        """Note the partitions that were begun here before there were shards."""
        for lineage in read_lineages(self._home.plain).values():
            partitions = lineage.all_partitions()
            begun = self._home.ledger.checkpoints([one.id for one in partitions])
            for one in partitions:
                if one.id in begun:
                    place(self._home.plain, one, HOME)

    def _list(self, identity: Identity, opens_after_s: float) -> Shard:
        with self._home.plain.lend(_TIMEOUT_S) as connection:
            if not read_shards(connection):
                address = self._settings.clickhouse_hosts[0]
                list_shard(connection, Shard(HOME, identity.home_id, address, is_open=True, is_ready=True), 0)
            tried: Counter[int] = (
                Counter()
            )  # a token may be left behind without its row, as in `Ledger.begin`
            while True:
                listed = read_shards(connection)
                for one in listed:
                    if one.shard_id == identity.shard_id:
                        return self._moved(connection, one)
                number = max((one.number for one in listed), default=HOME) + 1
                new = Shard(number, identity.shard_id, self._address, is_open=True, is_ready=False)
                list_shard(connection, new, tried[number], opens_after_s=opens_after_s)
                tried[number] += 1

    def _moved(self, connection: Connection, listed: Shard) -> Shard:
        if listed.address != self._address:
            change_shard(connection, listed._replace(address=self._address))
        return listed._replace(address=self._address)


def list_shard(connection: Connection, shard: Shard, ghosts: int = 0, *, opens_after_s: float = 0.0) -> None:
    """List a new shard. Of two with one number the first is listed."""
    token = f"shard {shard.number}#{ghosts}"
    _write(
        connection,
        shard,
        opens_after_s,
        {"deduplicate_insert": "enable", "insert_deduplication_token": token},
    )


def change_shard(connection: Connection, shard: Shard) -> None:
    """Note what has changed of a shard; one that opens soon still waits."""
    _write(connection, shard, 0.0 if shard.is_ready else OPENS_AFTER_S, {})


def _write(connection: Connection, shard: Shard, opens_after_s: float, settings: dict[str, object]) -> None:
    values = {
        "number": shard.number,
        "id": shard.shard_id,
        "address": shard.address,
        "is_open": int(shard.is_open),
        "after_ms": round(opens_after_s * 1000),
    }
    connection.query(_LIST, values, settings={"async_insert": 0} | settings)


def clusters_xml(clusters: Mapping[str, Iterable[str]]) -> str:
    """Return the definition of clusters, addresses by name, as the configuration of ClickHouse takes it."""
    lines = ["<remote_servers>"]
    for name, addresses in clusters.items():
        lines.append(f"  <{name}>")
        for address in addresses:
            host, _, port = address.rpartition(":")
            lines.append(f"    <shard><replica><host>{host}</host><port>{port}</port></replica></shard>")
        lines.append(f"  </{name}>")
    return "\n".join([*lines, "</remote_servers>"])


def _note_identity(pools: Pools, identity: Identity) -> Identity:
    """Store which shard a server is, unless it knows: return what it knows."""
    with pools.plain.lend(_TIMEOUT_S) as connection:
        for ghosts in range(1_000):
            if (known := read_identity(connection)) is not None:
                return known
            token = f"identity#{ghosts}"
            settings = {
                "async_insert": 0,
                "deduplicate_insert": "enable",
                "insert_deduplication_token": token,
            }
            connection.query(
                _NOTE_IDENTITY, {"id": identity.shard_id, "home": identity.home_id}, settings=settings
            )
    raise AssertionError("unreachable")
