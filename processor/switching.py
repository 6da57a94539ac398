"""Putting a rebuilt database in the place of the live one, table by table.

The index and `workflows` go first, `analytics` with the checkpoints last. So whoever dies between two exchanges leaves
a database that is right: the rebuilt checkpoints E' are at or beyond the live ones E, and a rebuilt index is complete
below E', hence below E; what a processor would ask it is answered rightly. After the last exchange all of it is at E'.

Before that both are fenced off (see `fence`): a processor that is stuck since then, with index rows of its batch in
tables that are exchanged meanwhile, must not bring its numbers in afterwards.

A small journal in the rebuilt database says which table is which, by the ids that tables keep when they change
their names. It is written before the first exchange, so that a run that was killed can be taken up by another one.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from uuid import UUID

from analytics.store.pool import Connection
from processor.checkpoints import CheckpointLedger
from processor.fence import freeze
from processor.lineage_table import Lineage

TABLES: Final = ("event_keys", "log_runs", "workflows", "analytics")
"""In the order in which they are exchanged."""

_CREATE_JOURNAL = """
CREATE TABLE IF NOT EXISTS `{rebuilt}`.switch
(
    table        String,
    rebuilt_uuid UUID COMMENT 'id of the table that was built anew',
    noted_at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY table
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""
_JOURNAL = "SELECT table, rebuilt_uuid FROM `{rebuilt}`.switch"
_NOTE = """
INSERT INTO `{rebuilt}`.switch (table, rebuilt_uuid)
SELECT name, uuid FROM system.tables WHERE database = '{rebuilt}' AND name IN {tables}
"""
_UUIDS = "SELECT name, uuid FROM system.tables WHERE database = '{live}' AND name IN {tables}"
_EXCHANGE = "EXCHANGE TABLES `{live}`.{table} AND `{rebuilt}`.{table}"
_EXISTS = "SELECT count() FROM system.tables WHERE database = '{rebuilt}' AND name = '{table}'"


class Databases(NamedTuple):
    """The names of the two."""

    live: str
    rebuilt: str


class Switched(NamedTuple):
    """What a switch has done so far. `begun`: its journal is written."""

    begun: bool
    exchanged: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the rebuilt tables are all in place: what is called the rebuilt database has the old ones."""
        return set(self.exchanged) == set(TABLES)


def read_switched(connection: Connection, names: Databases) -> Switched:
    """Return what was exchanged, by a run that may have been killed anywhere."""
    ((exists,),) = connection.query(_EXISTS.format(table="switch", **names._asdict()))
    journal = dict(connection.query(_JOURNAL.format(**names._asdict()))) if exists else {}
    uuids: dict[str, UUID] = dict(connection.query(_UUIDS.format(tables=TABLES, **names._asdict())))
    exchanged = tuple(table for table in TABLES if table in journal and uuids.get(table) == journal[table])
    return Switched(bool(journal), exchanged)


def begin(connection: Connection, names: Databases) -> None:
    """Write the journal: from now on the switch has to be finished. Harmless to do again."""
    connection.query(_CREATE_JOURNAL.format(**names._asdict()))
    if not read_switched(connection, names).begun:
        connection.query(_NOTE.format(tables=TABLES, **names._asdict()))


def fence_off(live: CheckpointLedger, rebuilt: CheckpointLedger, lineages: Iterable[Lineage]) -> None:
    """Let nothing that was prepared until now be applied, to the live tables or to the rebuilt ones."""
    for lineage in lineages:
        freeze(live, lineage)
        freeze(rebuilt, lineage)


def exchange(connection: Connection, names: Databases, note: Callable[[str], None]) -> None:
    """Exchange what is not exchanged yet; `note` is told each table afterwards. Harmless to do again."""
    exchanged = read_switched(connection, names).exchanged
    for table in TABLES:
        if table not in exchanged:
            connection.query(_EXCHANGE.format(table=table, **names._asdict()))
        note(table)


def drop(connection: Connection, database: str) -> None:
    """Drop a database with all its tables."""
    connection.query(f"DROP DATABASE IF EXISTS `{database}` SYNC")
