"""The servers that `chronoverse-processor restore` works on, with what it makes there beside the live databases.

The home shard's backup says which others there are. Its database comes into its place last: until then no processor
finds a checkpoint to go on from, on whichever shard.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Final, NamedTuple

from analytics.errors import Retryable
from analytics.store.migrate import migrate
from analytics.store.pool import Connection, Pool, StatementFailed
from analytics.store.shards import (
    HOME,
    Shard,
    make_whole,
    missing_shards,
    read_shards,
    settings_of,
    whole_of,
)
from processor.backups import Backup, read_back
from processor.operate.access import TIMEOUT_S
from processor.operate.adding_shard import clusters_xml
from processor.operate.entry import Refused
from processor.rebuilding import rebuild_settings
from processor.restoring import (
    Names,
    drop,
    exists,
    make_current,
    names_of,
    put_in_place,
    rows_in,
    staging_settings,
)
from processor.settings import ProcessorSettings

_SERVERS_OWN: Final = "default"  # a database that every server has, for ours may not exist
_NO_SUCH_CLUSTER: Final = 701


class Server(NamedTuple):
    """A server to which a backup is restored. `settings`: of its live database."""

    number: int
    settings: ProcessorSettings
    connection: Connection

    @property
    def names(self) -> Names:
        """Its databases."""
        return names_of(self.settings)

    def __str__(self) -> str:
        return f"shard {self.number} ({self.settings.clickhouse_hosts[0]})"


@contextmanager
def read_back_everywhere(
    settings: ProcessorSettings, backup: Backup, *, dry_run: bool, note: Callable[[str], None]
) -> Iterator[list[Server]]:
    """Read a backup back beside the live database of every server that it is of; yield them, the home shard last.

    In the end nothing of that is left but what was put in place. Raises Refused where a live database is in the way
    (harmless for a dry run), BackupFailed, Retryable.
    """
    with ExitStack() as opened:
        home = opened.enter_context(_staged(HOME, settings, dry_run=dry_run))
        _read_back(home, backup, note)
        shards = _shards_of(home)
        others = [
            opened.enter_context(_staged(one.number, settings_of(settings, one), dry_run=dry_run))
            for one in shards
            if one.number != HOME
        ]
        if others:
            _make_staging_whole(home, shards)
        for server in others:
            _read_back(server, backup, note)
        yield [*others, home]


@contextmanager
def _staged(number: int, settings: ProcessorSettings, *, dry_run: bool) -> Iterator[Server]:
    """Open a server without what is left of a run that was killed; what is made ready there is dropped in the end."""
    with closing(Connection(settings, timeout_s=TIMEOUT_S, database=_SERVERS_OWN)) as connection:
        server = Server(number, settings, connection)
        if not dry_run:
            require_room(server)
        _drop_staging(server)
        try:
            yield server
        except BaseException:
            with suppress(Retryable):  # what went wrong is to be told, and the next run drops it
                _drop_staging(server)
            raise
        _drop_staging(server)


def _drop_staging(server: Server) -> None:
    whole = whole_of(server.names.staging)
    if exists(server.connection, whole):
        drop(server.connection, whole)
    drop(server.connection, server.names.staging)


def require_room(server: Server) -> None:
    """Refuse to replace anything that somebody has counted."""
    live = server.names.live
    if rows := rows_in(server.connection, live):
        held = ", ".join(f"{table} ({count:,} rows)" for table, count in rows.items())
        where = "" if server.number == HOME else f" of {server}"
        raise Refused(
            f"database {live}{where} is not empty: {held}. Stop the processors; when nothing of it is needed, "
            f"`RENAME DATABASE {live} TO {live}_before` or drop it by hand{_when_in_place(server)}"
        )
    rebuilt = rebuild_settings(server.settings).clickhouse_database
    if exists(server.connection, rebuilt):
        raise Refused(
            f"database {rebuilt} is left of a rebuild that knows nothing of the backup: drop it by hand"
        )


def _when_in_place(server: Server) -> str:
    """Return what to know of a shard whose home shard has no room that is full: it may be restored already."""
    if server.number == HOME:
        return ""
    return (
        ". It may be in its place already: when a restore was killed before the database of the home shard was in its "
        "place, drop this one there, and run the command again. All shards are restored from one backup, also one that is "
        "not lost"
    )


def _read_back(server: Server, backup: Backup, note: Callable[[str], None]) -> None:
    names = server.names
    of_server = backup._replace(shard=server.number)
    read_back(server.connection, names.live, names.staging, of_server, note)


def _shards_of(home: Server) -> list[Shard]:
    """Return the shards that the backup lists. Brings its home shard to the present schema."""
    of_staging = staging_settings(home.settings)
    migrate(of_staging)
    with closing(Connection(of_staging, timeout_s=TIMEOUT_S)) as staging:
        return read_shards(staging)


def _make_staging_whole(home: Server, shards: Sequence[Shard]) -> None:
    """Make the tables over all shards of what is beside the live databases; the cluster is that of the live one."""
    cluster = whole_of(home.names.live)
    try:
        make_whole(home.connection, home.names.staging, cluster)
    except StatementFailed as error:
        if error.code != _NO_SUCH_CLUSTER:
            raise
        raise Refused(_remedy(home, shards, "has no such cluster")) from None


def require_whole(servers: Sequence[Server]) -> None:
    """Refuse where the cluster of the home shard's configuration does not reach each shard of the backup once."""
    home = servers[-1]
    of_staging = staging_settings(home.settings)
    with closing(Connection(of_staging, timeout_s=TIMEOUT_S)) as staging:
        shards = read_shards(staging)
        if len(shards) > 1 and missing_shards(staging, home.names.staging, {}):
            raise Refused(_remedy(home, shards, "does not have each shard in it exactly once"))


def _remedy(home: Server, shards: Sequence[Shard], what: str) -> str:
    addresses = [*home.settings.clickhouse_hosts[:1], *(one.address for one in shards if one.number != HOME)]
    return (
        f"The configuration of the home shard {what}. Put this into it (docs/scale.md), and run the command again:\n"
        f"{clusters_xml({whole_of(home.names.live): addresses})}"
    )


def make_shard_current(server: Server) -> None:
    """Do to a shard that is not the home shard what `make_current` says."""
    of_staging = staging_settings(server.settings)
    with closing(Pool(of_staging, size=1, timeout_s=TIMEOUT_S)) as plain:
        make_current(of_staging, plain)


def put_all_in_place(servers: Sequence[Server]) -> None:
    """Let the databases that are ready be the live ones; `servers`: the home shard last.

    Raises Refused when it breaks off in between, and names what is in place: nobody else can know.
    """
    for server in servers:
        require_room(server)
    placed: list[Server] = []
    for server in servers:
        try:
            put_in_place(server.connection, server.names)
        except (Retryable, StatementFailed) as error:
            if not placed:
                raise
            raise Refused(_broken_off(server, placed, error)) from error
        placed.append(server)
    if len(servers) > 1:
        _make_live_whole(servers[-1])


def _broken_off(server: Server, placed: Sequence[Server], error: Exception) -> str:
    live, there = server.names.live, ", ".join(map(str, placed))
    return (
        f"{server} failed while the databases were put in their places: {error}. In place already: database {live} of "
        f"{there}. Start no processor. Drop it there (`DROP DATABASE {live}`), and run the command again; when the "
        f"database of {server} turns out to be in its place too, drop that as well"
    )


def _make_live_whole(home: Server) -> None:
    try:
        make_whole(home.connection, home.names.live)
    except (Retryable, StatementFailed) as error:
        raise Refused(
            f"All databases are in their places, but the tables over all shards were not made: {error}. "
            "`chronoverse-analytics migrate` makes them"
        ) from error
