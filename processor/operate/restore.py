"""`chronoverse-processor restore`."""

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import click

from analytics import exit_codes
from analytics.errors import LogMismatch, Retryable
from processor.audit.finding import Finding, Harm, Report
from processor.audit.ledger_rows import read_ledger
from processor.audit.log_range import LogRange, log_ranges
from processor.backups import Backup
from processor.lineage_table import read_lineages
from processor.model import Partition
from processor.operate.access import Access, access
from processor.operate.audit import audit_all, print_report
from processor.operate.entry import Refused
from processor.operate.output import print_table, progress_bar
from processor.operate.restore_servers import (
    Server,
    make_shard_current,
    put_all_in_place,
    read_back_everywhere,
    require_whole,
)
from processor.restoring import Names, make_ready, names_of, staging_settings
from processor.settings import ProcessorSettings
from processor.source import Place
from processor.topics import describe_topics


class GoesOn(NamedTuple):
    """Where a partition goes on after a restore; `log` None: nobody could be asked what Kafka has of it."""

    partition: Partition
    at: int
    log: LogRange | None


def run_restore(
    settings: ProcessorSettings,
    backup: Backup,
    *,
    dry_run: bool,
    despite_findings: bool,
    ask_kafka: bool = True,
) -> None:
    """Read a backup back, prove it, and put it in the place of an empty database, or of none; on each shard.

    `ask_kafka`: what it has of the log. Raises Refused where that would replace something, or where its numbers are or
    may become wrong.
    """
    with _read_back(settings, backup, dry_run=dry_run) as servers:
        report = _prove(settings, servers, ask_kafka=ask_kafka)
        if not dry_run:
            _require_right(report, despite_findings=despite_findings)
            put_all_in_place(servers)
    _say(names_of(settings), report, dry_run=dry_run)
    if not report.is_right:
        sys.exit(exit_codes.STOP)


@contextmanager
def _read_back(settings: ProcessorSettings, backup: Backup, *, dry_run: bool) -> Iterator[list[Server]]:
    done = itertools.count()
    with ExitStack() as opened:
        with progress_bar("restore") as advance:
            servers = opened.enter_context(
                read_back_everywhere(
                    settings, backup, dry_run=dry_run, note=lambda stage: advance(next(done), stage)
                )
            )
        yield servers


def _prove(settings: ProcessorSettings, servers: Sequence[Server], *, ask_kafka: bool) -> Report:
    """Make ready what was read back, print where it goes on, and return what its audit finds."""
    of_staging = staging_settings(settings)
    for server in servers[:-1]:
        make_shard_current(server)
    with access(of_staging) as staging:
        staging.shards.every()  # each is the one that the home shard lists
        require_whole(servers)
        make_ready(of_staging, staging.plain, staging.ledger)
        _show(_going_on(staging, ask_kafka=ask_kafka))
        report = audit_all(staging, ask_kafka=ask_kafka)
    print_report(report)
    return report


def _going_on(staging: Access, *, ask_kafka: bool) -> list[GoesOn]:
    """Return where each partition goes on that was ever begun."""
    with staging.whole() as connection:
        rows = read_ledger(connection).checkpoints
    at = {
        (one.topic, one.number): (one, rows[one.id].reached)
        for lineage in read_lineages(staging.plain).values()
        for one in lineage.all_partitions()
        if one.id in rows
    }
    logs = _logs(staging, {place: offset for place, (_, offset) in at.items()}) if ask_kafka else {}
    return [GoesOn(one, offset, logs.get(place)) for place, (one, offset) in sorted(at.items())]


def _logs(staging: Access, counted: Mapping[Place, int]) -> dict[Place, LogRange]:
    """Return what the very logs of the backup hold; without those that the broker does not have (the audit says so)."""
    try:
        found = describe_topics(staging.admin)
        same = {
            name
            for name, lineage in read_lineages(staging.plain).items()
            if lineage.topic_id == found[name].topic_id
        }
        there = {place: at for place, at in counted.items() if place[0] in same}
        return log_ranges(staging.admin, staging.settings, there)
    except (Retryable, LogMismatch):
        return {}


def _show(found: Sequence[GoesOn]) -> None:
    columns = "topic", "partition", "goes on at", "low", "end", "to be counted", "lost"
    print_table("restored", columns, [_cells(one) for one in found])


def _cells(one: GoesOn) -> list[str]:
    place = [one.partition.topic, str(one.partition.number), f"{one.at:,}"]
    if one.log is None:
        return [*place, "?", "?", "?", "?"]
    low, end = one.log
    to_be_counted, lost = max(0, end - max(low, one.at)), max(0, low - one.at)
    return [*place, f"{low:,}", f"{end:,}", f"{to_be_counted:,}", f"{lost:,}"]


def _hinders(one: Finding) -> bool:
    """Whether a finding is about the backup itself. What Kafka has lost is lost with or without it."""
    return one.harm != Harm.HARMLESS and one.check != "log"


def _require_right(report: Report, *, despite_findings: bool) -> None:
    wrong = [one for one in report.findings if _hinders(one)]
    if wrong and not despite_findings:
        raise Refused(
            f"the audit of the backup found {len(wrong)} problems, see above: nothing was changed. Take another backup, or "
            "say --despite-findings"
        )


def _say(names: Names, report: Report, *, dry_run: bool) -> None:
    if dry_run:
        click.echo("The backup can be read back. Nothing was changed.")
        return
    click.echo(
        f"Database {names.live} is what it was when the backup was taken. Start the processors: they count on from there."
    )
    if report.not_checked:
        click.echo("Run `chronoverse-processor audit` when Kafka answers.")
