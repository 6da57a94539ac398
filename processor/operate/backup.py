"""`chronoverse-processor backup`."""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import click

from analytics.errors import Retryable
from analytics.store.pool import Connection
from analytics.store.shards import HOME, read_shards
from processor.audit.ledger_rows import LedgerRows, read_ledger
from processor.backups import STAGES, Backup, Copied, copies_of, take
from processor.gaps import Gap, read_gaps
from processor.importing.spool import read_import
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.entry import Refused
from processor.operate.output import print_table, progress_bar
from processor.settings import ProcessorSettings

_EPOCHS: Final = "SELECT topic, max(epoch) FROM lineage GROUP BY topic ORDER BY topic"

CopiedByShard = list[tuple[int, Copied]]


class Decisions(NamedTuple):
    """What an operator has decided: an older table of numbers would contradict it."""

    epochs: list[tuple[str, int]]
    gaps: list[Gap]
    shards: list[tuple[int, UUID]]


class DecidedMeanwhile(Retryable):
    """An operator's command ran beside the backup, whose tables now tell of it in part."""


def run_backup(settings: ProcessorSettings, backup: Backup, *, base: str | None) -> None:
    """Take a backup while processors may count. Raises Refused while an import is under way, DecidedMeanwhile."""
    with access(settings) as to:
        to.lineages()  # the schema is what it must be
        with to.whole() as connection:
            ledger = read_ledger(connection)
        with to.plain.lend(TIMEOUT_S) as connection:
            before = decisions(connection)
            _require_no_import(connection, ledger)
        others = [number for number, _ in before.shards if number != HOME]
        copied = _take_all(to, backup, base, others)
        with to.plain.lend(TIMEOUT_S) as connection:
            require_no_decision_since(connection, before, backup)
    _show(backup, copied, ledger)


def _take_all(to: Access, backup: Backup, base: str | None, others: Sequence[int]) -> CopiedByShard:
    """Copy every shard, in the order that `copies_of` gives them."""
    database, done = to.settings.clickhouse_database, itertools.count()
    copied: CopiedByShard = []
    with progress_bar("backup", len(STAGES) * (len(others) + 1)) as advance:
        for number, stages in copies_of(others):
            one = backup._replace(shard=number)
            with to.shards.on(number).plain.lend(TIMEOUT_S) as connection:
                taken = take(
                    connection, database, one, base, lambda stage: advance(next(done), stage), stages
                )
            copied += [(number, stage) for stage in taken]
    return copied


def decisions(connection: Connection) -> Decisions:
    """Return what an operator has decided so far."""
    shards = [(one.number, one.shard_id) for one in read_shards(connection)]
    return Decisions(connection.query(_EPOCHS), read_gaps(connection), shards)


def require_no_decision_since(connection: Connection, before: Decisions, backup: Backup) -> None:
    """Raise DecidedMeanwhile when something was decided since `before` was read."""
    now = decisions(connection)
    if now != before:
        what = "`skip` or `adopt` was run" if now.shards == before.shards else "a shard was added"
        raise DecidedMeanwhile(
            f"{what} meanwhile, so backup {backup.name} must not be used: take another one, under another name"
        )


def _require_no_import(connection: Connection, ledger: LedgerRows) -> None:
    imported = read_import(connection)
    if imported is None:
        return
    applied = ledger.checkpoints.get(imported.partition.id)
    if applied is None or applied.total < imported.barrier:
        raise Refused(
            "an import is under way: finish it with `chronoverse-processor import`, then take a backup"
        )


def _show(backup: Backup, copied: CopiedByShard, ledger: LedgerRows) -> None:
    rows = [
        (number, one.stage, f"{one.bytes / 1e6:,.1f} MB", f"{one.written / 1e6:,.1f} MB")
        for number, one in copied
    ]
    print_table(f"backup {backup.name}", ("shard", "copy", "holds", "written"), rows)
    offsets = sum(row.reached for row in ledger.checkpoints.values())
    click.echo(
        f"Disk {backup.disk} of ClickHouse has what was counted of at least {offsets:,} offsets. It is read back by "
        f"`chronoverse-processor restore {backup.name}`; with --dry-run that proves it, and changes nothing."
    )
