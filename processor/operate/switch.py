"""`chronoverse-processor rebuild --switch`, `--drop-old` and `--abandon`: what comes after counting anew."""

import time
from collections.abc import Callable
from typing import Final

import click

from analytics.store.pool import Connection
from processor.audit.finding import Harm
from processor.audit.ledger_rows import read_ledger, read_progress
from processor.fence import is_frozen, release
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.audit import audit_all
from processor.operate.entry import Refused
from processor.operate.goal import Goal
from processor.operate.output import print_table, progress_bar
from processor.rebuilding import distance, has_same_lineage, reached, rebuild_settings
from processor.settings import ProcessorSettings
from processor.switching import TABLES, Databases, Switched, begin, drop, exchange, fence_off, read_switched

_REPORTS_WITHIN_S: Final = 4.0  # a processor reports once a second
_QUIET_AFTER_MS: Final = 60_000
_EXISTS: Final = "SELECT count() FROM system.databases WHERE name = %(name)s"


def run_switch(settings: ProcessorSettings, *, dry_run: bool) -> None:
    """Put the rebuilt tables in the place of the live ones. Raises Refused where that would lose something."""
    names = databases(settings)
    with access(settings) as live, access(rebuild_settings(settings)) as rebuilt:
        live.require_one_server("rebuild --switch")
        with live.plain.lend(TIMEOUT_S) as connection:
            _require_rebuilt(connection, names)
            done = read_switched(connection, names)
            if done.is_complete:
                if not dry_run:
                    _release(live)
                click.echo(
                    "It is done already. The old tables are dropped by `chronoverse-processor rebuild --drop-old`."
                )
                return
            if not done.begun:  # afterwards the one way is on: what is here and what is there belong together
                _require_equal(connection, live, rebuilt)
        _show(live, rebuilt, done)
        if dry_run:
            return
        _require_nobody_counts(live, rebuilt)
        with live.plain.lend(TIMEOUT_S) as connection, progress_bar("switch", len(TABLES)) as advance:
            begin(connection, names)
            fence_off(live.ledger, rebuilt.ledger, live.lineages().values())
            exchange(connection, names, lambda table: advance(TABLES.index(table) + 1, table))
        _release(live)
    click.echo(
        f"Database {names.live} has the rebuilt tables; the old ones are in {names.rebuilt} until `chronoverse-processor "
        "rebuild --drop-old`. Start the processors again."
    )


def run_drop_old(settings: ProcessorSettings, *, dry_run: bool) -> None:
    """Drop the old tables. Raises Refused unless all of them are the old ones."""

    def check(done: Switched) -> None:
        if not done.is_complete:
            raise Refused(
                f"{databases(settings).rebuilt} holds rebuilt tables that are not in their place: `rebuild --switch` puts "
                "them there, `rebuild --abandon` gives them up"
            )

    _drop(settings, check, dry_run=dry_run, what="the tables from before the rebuild")


def run_abandon(settings: ProcessorSettings, *, dry_run: bool) -> None:
    """Drop what was counted anew. Raises Refused when some of it is in its place already."""

    def check(done: Switched) -> None:
        if done.is_complete:
            raise Refused(
                "the rebuilt tables are in their place: what is left are the old ones, see `rebuild --drop-old`"
            )
        if done.begun:
            raise Refused(
                "a switch has begun, so live tables may be there: finish it with `rebuild --switch`"
            )

    _drop(settings, check, dry_run=dry_run, what="what was counted anew so far")


def databases(settings: ProcessorSettings) -> Databases:
    """Return the names of the live and of the rebuilt database."""
    return Databases(settings.clickhouse_database, rebuild_settings(settings).clickhouse_database)


def require_not_switched(connection: Connection, settings: ProcessorSettings) -> None:
    """Raise Refused while the second database holds tables that are not of a rebuild under way."""
    names = databases(settings)
    if not _exists(connection, names.rebuilt):
        return
    done = read_switched(connection, names)
    if done.is_complete:
        raise Refused(f"{names.rebuilt} holds the old tables of the last rebuild: `rebuild --drop-old` first")
    if done.begun:
        raise Refused("a switch has begun and is not complete: finish it with `rebuild --switch`")


def _drop(
    settings: ProcessorSettings, check: Callable[[Switched], None], *, dry_run: bool, what: str
) -> None:
    names = databases(settings)
    with access(settings) as live, live.plain.lend(TIMEOUT_S) as connection:
        if not _exists(connection, names.rebuilt):
            click.echo(f"There is no database {names.rebuilt}: nothing to drop.")
            return
        check(read_switched(connection, names))
        if dry_run:
            click.echo(f"Would drop database {names.rebuilt}: {what}.")
            return
        drop(connection, names.rebuilt)
    click.echo(f"Database {names.rebuilt} is dropped: {what}.")


def _exists(connection: Connection, name: str) -> bool:
    return connection.query(_EXISTS, {"name": name}) == [(1,)]


def _require_rebuilt(connection: Connection, names: Databases) -> None:
    if not _exists(connection, names.rebuilt):
        raise Refused(f"there is no database {names.rebuilt}: run `chronoverse-processor rebuild` first")


def _require_equal(connection: Connection, live: Access, rebuilt: Access) -> None:
    """Refuse a rebuild that is behind, or that is not right in itself."""
    if not has_same_lineage(connection, live.settings):
        raise Refused(
            "the topics have grown, or were adopted, since the rebuild was begun, and it knows nothing of that: give it up "
            "with `rebuild --abandon`, and begin again"
        )
    with rebuilt.plain.lend(TIMEOUT_S) as other:
        far = distance(Goal(live).wanted(connection), reached(other))
    if far.missing:
        raise Refused(
            f"{far.missing} partitions are not counted anew as far as the live ones ({far.total - far.done:,} offsets are "
            "missing): stop the processors, and run `chronoverse-processor rebuild` once more"
        )
    wrong = [one for one in audit_all(rebuilt, ask_kafka=False).findings if one.harm != Harm.HARMLESS]
    if wrong:
        raise Refused(
            f"the audit of the rebuilt database found {len(wrong)} problems, the first: {wrong[0].what}"
        )


def _require_nobody_counts(*both: Access) -> None:
    """Refuse while a processor, or a rebuild, reports progress."""
    before = [_last_report_ms(one) for one in both]
    now_ms = time.time_ns() // 1_000_000
    if all(now_ms - last_ms > _QUIET_AFTER_MS for last_ms in before):
        return
    time.sleep(_REPORTS_WITHIN_S)
    for one, last_ms in zip(both, before, strict=True):
        if _last_report_ms(one) != last_ms:
            raise Refused(
                f"a processor counts into database {one.settings.clickhouse_database}: stop it first"
            )


def _last_report_ms(reach: Access) -> int:
    with reach.plain.lend(TIMEOUT_S) as connection:
        return max((one.updated_ms for one in read_progress(connection).values()), default=0)


def _release(live: Access) -> None:
    """Let processors go on with the topics that the switch has frozen."""
    for lineage in live.lineages().values():
        if is_frozen(live.ledger, lineage):
            release(live.plain, lineage)


def _show(live: Access, rebuilt: Access, done: Switched) -> None:
    totals = []
    for one in (live, rebuilt):
        with one.plain.lend(TIMEOUT_S) as connection:
            totals.append(read_ledger(connection).totals)
    names = "live" if not done.begun else "was live", "rebuilt"
    rows = [
        (field.replace("_", " "), f"{before:,}", f"{after:,}")
        for field, before, after in zip(totals[0]._fields, *totals, strict=True)
    ]
    print_table("all users together", ("", *names), rows)
    left = [table for table in TABLES if table not in done.exchanged]
    click.echo(f"tables to be exchanged, in this order: {', '.join(left)}")
