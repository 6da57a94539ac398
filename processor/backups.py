"""Backups of a database and back, by ClickHouse's own BACKUP and RESTORE, which know disks, buckets and increments.

Each table is copied as of one moment, part by part, and a part is whole: so numbers and checkpoints always belong
together. But every table is copied as of another moment, in an order that ClickHouse does not promise, while
processors count. So a backup is three, one after the other:

    progress    before the checkpoints: it must not say that more is counted than they do
    numbers     table `analytics`, with the checkpoints
    index       all other tables: index, facts of workflows and lineage must be complete below those checkpoints;
                what they have above is no evidence

The numbers are read back last: without an index there is no database with which somebody could go on.

Of several servers each is copied so, but numbers and index of the home shard last: see `copies_of`, and docs/backup.md.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from analytics.errors import Stop, StoreUnavailable
from analytics.store.pool import Connection
from analytics.store.shards import HOME

STAGES: Final[tuple[str, ...]] = ("progress", "numbers", "index")
"""In the order in which they are copied."""

_LOOK_EVERY_S: Final = 0.1

_TAKE: Final = {
    "progress": "BACKUP TABLE `{source}`.progress",
    "numbers": "BACKUP TABLE `{source}`.analytics",
    "index": "BACKUP DATABASE `{source}` EXCEPT TABLES `{source}`.progress, `{source}`.analytics",
}
_READ_BACK: Final = {
    "index": "RESTORE DATABASE `{source}` AS `{to}`",
    "progress": "RESTORE TABLE `{source}`.progress AS `{to}`.progress",
    "numbers": "RESTORE TABLE `{source}`.analytics AS `{to}`.analytics",
}
_TO: Final = " TO Disk(%(disk)s, %(path)s) SETTINGS id = %(id)s ASYNC"
_TO_WITH_BASE: Final = """
TO Disk(%(disk)s, %(path)s) SETTINGS id = %(id)s, base_backup = Disk(%(disk)s, %(base_path)s) ASYNC
"""
_FROM: Final = " FROM Disk(%(disk)s, %(path)s) SETTINGS id = %(id)s ASYNC"
_STATE: Final = "SELECT status, error, total_size, compressed_size FROM system.backups WHERE id = %(id)s"


class BackupFailed(Stop):
    """ClickHouse could not write a backup, or read it back."""


class Backup(NamedTuple):
    """A backup on a disk of ClickHouse's configuration. Names are letters, digits, dots, dashes and underscores.

    `shard`: the server of which it is; all may have one disk, such as a bucket.
    """

    name: str
    disk: str
    shard: int = HOME

    def path(self, stage: str) -> str:
        """Return where a stage lies on the disk."""
        return f"{self.name}/{stage}" if self.shard == HOME else f"{self.name}/shard-{self.shard}/{stage}"


class Copied(NamedTuple):
    """What a stage came to. `written`: without what was in the base already."""

    stage: str
    bytes: int
    written: int


Note = Callable[[str], None]
"""Is told each stage before it begins."""


def copies_of(others: Sequence[int]) -> list[tuple[int, tuple[str, ...]]]:
    """Return which stages of which shard are to be copied, in this order; `others` than the home shard. Pure.

    The home shard has progress, lineage and places for all of them: progress must be older than the numbers of each
    shard, lineage and places newer.
    """
    return [(HOME, STAGES[:1]), *((number, STAGES) for number in others), (HOME, STAGES[1:])]


def take(
    connection: Connection,
    database: str,
    backup: Backup,
    base: str | None,
    note: Note,
    stages: Sequence[str] = STAGES,
) -> list[Copied]:
    """Take a backup; `base`: the name of a former one, of which what has not changed is not copied again.

    Processors may count meanwhile. Raises BackupFailed, Retryable.
    """
    taken = []
    for stage in stages:
        note(stage)
        sql = _TAKE[stage].format(source=database) + (_TO if base is None else _TO_WITH_BASE)
        parameters = {"base_path": None if base is None else backup._replace(name=base).path(stage)}
        taken.append(_run(connection, sql, backup, stage, parameters))
    return taken


def read_back(connection: Connection, source: str, to: str, backup: Backup, note: Note) -> None:
    """Restore a backup of database `source` into a database that does not exist. Raises BackupFailed, Retryable."""
    for stage, sql in _READ_BACK.items():
        note(stage)
        _run(connection, sql.format(source=source, to=to) + _FROM, backup, stage, {})


def _run(
    connection: Connection, sql: str, backup: Backup, stage: str, parameters: dict[str, str | None]
) -> Copied:
    """Start a copy inside the server, and return when it is there: no connection has to live as long as that."""
    id_ = f"chronoverse-{secrets.token_hex(8)}"
    connection.query(sql, {"id": id_, "disk": backup.disk, "path": backup.path(stage), **parameters})
    while True:
        rows = connection.query(_STATE, {"id": id_})
        if not rows:
            raise StoreUnavailable(f"ClickHouse was restarted while it copied {backup.path(stage)}")
        ((status, error, size, written),) = rows
        if status in ("BACKUP_CREATED", "RESTORED"):
            return Copied(stage, size, written)
        if status not in ("CREATING_BACKUP", "RESTORING"):
            raise BackupFailed(f"{backup.path(stage)}: {status}: {_first_words(error)}")
        time.sleep(_LOOK_EVERY_S)


def _first_words(error: str) -> str:
    """Return what the server says, without its stack."""
    return error.split(", Stack trace")[0].strip()
