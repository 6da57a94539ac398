"""`chronoverse-processor backup`."""

from typing import Final

import click

from analytics.errors import Retryable
from analytics.store.pool import Connection
from processor.audit.ledger_rows import LedgerRows, read_ledger
from processor.backups import STAGES, Backup, Copied, take
from processor.gaps import Gap, read_gaps
from processor.importing.spool import read_import
from processor.operate.access import TIMEOUT_S, access
from processor.operate.entry import Refused
from processor.operate.output import print_table, progress_bar
from processor.settings import ProcessorSettings

_EPOCHS: Final = "SELECT topic, max(epoch) FROM lineage GROUP BY topic ORDER BY topic"

Decisions = tuple[list[tuple[str, int]], list[Gap]]


class DecidedMeanwhile(Retryable):
    """An operator's command ran beside the backup, whose tables now tell of it in part."""


def run_backup(settings: ProcessorSettings, backup: Backup, *, base: str | None) -> None:
    """Take a backup while processors may count. Raises Refused while an import is under way."""
    with access(settings) as to, progress_bar("backup", len(STAGES)) as advance:
        to.lineages()  # the schema is what it must be
        to.require_one_server("backup")
        with to.plain.lend(TIMEOUT_S) as connection:
            ledger, before = read_ledger(connection), decisions(connection)
            _require_no_import(connection, ledger)
            copied = take(
                connection,
                settings.clickhouse_database,
                backup,
                base,
                lambda stage: advance(STAGES.index(stage), stage),
            )
            require_no_decision_since(connection, before, backup)
    _show(backup, copied, ledger)


def decisions(connection: Connection) -> Decisions:
    """Return what an operator has decided: an older table of numbers would contradict it."""
    return connection.query(_EPOCHS), read_gaps(connection)


def require_no_decision_since(connection: Connection, before: Decisions, backup: Backup) -> None:
    """Raise DecidedMeanwhile when something was decided since `before` was read."""
    if decisions(connection) != before:
        raise DecidedMeanwhile(
            f"`skip` or `adopt` was run meanwhile, so backup {backup.name} must not be used: take another one, under "
            "another name"
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


def _show(backup: Backup, copied: list[Copied], ledger: LedgerRows) -> None:
    rows = [(one.stage, f"{one.bytes / 1e6:,.1f} MB", f"{one.written / 1e6:,.1f} MB") for one in copied]
    print_table(f"backup {backup.name}", ("copy", "holds", "written"), rows)
    offsets = sum(row.reached for row in ledger.checkpoints.values())
    click.echo(
        f"Disk {backup.disk} of ClickHouse has what was counted of at least {offsets:,} offsets. It is read back by "
        f"`chronoverse-processor restore {backup.name}`; with --dry-run that proves it, and changes nothing."
    )
