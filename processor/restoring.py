"""Making a restored database one that processors may go on with.

It is read back beside its place, under another name, where no processor can reach it, and put there by one RENAME
when it is ready. Before that:

- **Tokens.** A backup has no memory of tokens. For batches that is harmless: an insert that does not find its checkpoint
  is refused, and none is swallowed, for nothing is remembered. But of lineage, imports and places of partitions the
  first row of each kind must win, also against a processor that is stuck since before the backup. So these rows are
  stored again, with their tokens.
- **The fence.** A processor that is stuck with a batch from the very checkpoint of the backup has written its index rows
  into tables that are gone. Its numbers must not come in without them: every generation is raised.
- **The proof.** The server proves itself anew, for it may be another one of the same version.
"""

from typing import Final, NamedTuple

from analytics.store.checks import check_schema
from analytics.store.migrate import migrate
from analytics.store.pool import Connection, Pool
from processor.checkpoints import CheckpointLedger
from processor.fence import freeze, release
from processor.importing.spool import read_import, seal
from processor.lineage_table import read_lineages, store_again
from processor.placement import place_again
from processor.settings import ProcessorSettings

_LEND_WITHIN_S: Final = 60.0

_ROWS: Final = """
SELECT table, sum(rows)
FROM system.parts
WHERE database = %(database)s AND active AND table NOT IN ('schema_migrations', 'selftests')
  AND NOT startsWith(table, 'selftest_')
GROUP BY table
HAVING sum(rows) > 0
ORDER BY table
"""
_EXISTS: Final = "SELECT count() FROM system.databases WHERE name = %(database)s"
_DROP: Final = "DROP DATABASE IF EXISTS `{database}` SYNC"
_RENAME: Final = "RENAME DATABASE `{staging}` TO `{live}`"


class Names(NamedTuple):
    """The databases: where it belongs, and where it is made ready."""

    live: str
    staging: str


def staging_settings(settings: ProcessorSettings) -> ProcessorSettings:
    """Return the settings of the database in which a backup is made ready."""
    return settings.model_copy(update={"clickhouse_database": f"{settings.clickhouse_database}_restore"})


def names_of(settings: ProcessorSettings) -> Names:
    """Return both names."""
    return Names(settings.clickhouse_database, staging_settings(settings).clickhouse_database)


def rows_in(connection: Connection, database: str) -> dict[str, int]:
    """Return the tables that somebody has written to, with their rows; what `migrate` leaves does not count."""
    return dict(connection.query(_ROWS, {"database": database}))


def exists(connection: Connection, database: str) -> bool:
    """Whether there is such a database."""
    return connection.query(_EXISTS, {"database": database}) == [(1,)]


def drop(connection: Connection, database: str) -> None:
    """Drop a database, if there is one."""
    connection.query(_DROP.format(database=database))


def make_current(settings: ProcessorSettings, plain: Pool) -> None:
    """Bring what was read back on one server to this version's schema, and let the server prove itself anew.

    Raises StoreMisconfigured for a schema that is newer than this program, or not as it must be; Retryable.
    """
    migrate(settings)
    with plain.lend(_LEND_WITHIN_S) as connection:
        check_schema(connection)
        connection.query("TRUNCATE TABLE selftests SYNC")


def make_ready(settings: ProcessorSettings, plain: Pool, ledger: CheckpointLedger) -> None:
    """Bring the home shard to this version's schema, and let nothing pass anywhere that was prepared before. See above.

    Other shards, to which `ledger` leads, are current. Who dies in between reads the backup back once more. Raises
    LedgerBroken, and what `make_current` raises.
    """
    make_current(settings, plain)
    store_again(plain)
    _seal_again(plain)
    place_again(plain)
    for lineage in read_lineages(plain).values():
        freeze(ledger, lineage)
        release(plain, lineage)


def _seal_again(plain: Pool) -> None:
    with plain.lend(_LEND_WITHIN_S) as connection:
        imported = read_import(connection)
        connection.query("TRUNCATE TABLE imports SYNC")
    if imported is not None:
        seal(plain, imported)


def put_in_place(connection: Connection, names: Names) -> None:
    """Let the database that is ready be the live one, in place of an empty one."""
    drop(connection, names.live)
    connection.query(_RENAME.format(**names._asdict()))
