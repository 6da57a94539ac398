"""`chronoverse-processor adopt`."""

import sys
from collections.abc import Sequence
from typing import Final

import click
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from analytics import exit_codes
from analytics.store.checks import check_schema
from analytics.store.pool import Pool
from processor.adoption import Adoption, adopt, plan_adoptions
from processor.kafka import admin_config
from processor.ledger import Ledger
from processor.settings import ProcessorSettings
from processor.topics import describe_topics

_TIMEOUT_S: Final = 60.0
_console: Final = Console()


def run_adopt(
    settings: ProcessorSettings, topics: Sequence[str], *, dry_run: bool, lose_uncounted: bool
) -> None:
    """Show, and unless `dry_run` do it. Exits with 65 where records would be lost and nobody said so."""
    plain, columns = (Pool(settings, size=1, timeout_s=_TIMEOUT_S, numpy=numpy) for numpy in (False, True))
    try:
        with plain.lend(_TIMEOUT_S) as connection:
            check_schema(connection)
        ledger, admin = Ledger(plain, columns), AdminClient(admin_config(settings))
        adoptions = plan_adoptions(plain, ledger, admin, describe_topics(admin))
        adoptions = [one for one in adoptions if not topics or one.known.name in topics]
        if not adoptions:
            click.echo("Nothing to adopt: every topic is the log that is counted.")
            return
        _show(adoptions)
        if not dry_run:
            _require_no_loss(adoptions, lose_uncounted=lose_uncounted)
            for one in adoptions:
                adopt(plain, ledger, one)
                click.echo(
                    f"{one.known.name}: adopted. Start the processors again; they begin where the log begins."
                )
    finally:
        plain.close()
        columns.close()


def _require_no_loss(adoptions: Sequence[Adoption], *, lose_uncounted: bool) -> None:
    losses = [f"{one.uncounted:,} records of {one.known.name}" for one in adoptions if one.uncounted]
    if losses and not lose_uncounted:
        click.echo(
            f"Error: {', '.join(losses)} were not counted when a processor last looked at the former log, and never "
            "would be. Let the processors finish with it if it still exists, or say --lose-uncounted",
            err=True,
        )
        sys.exit(exit_codes.STOP)


def _show(adoptions: Sequence[Adoption]) -> None:
    table = Table("topic", "log that is counted", "log that is there", title="to adopt")
    for one in adoptions:
        before = f"{one.known.topic_id} on {one.known.cluster_id}\n{one.counted:,} offsets counted"
        if one.uncounted:
            before += f"\n{one.uncounted:,} not counted: lost"
        after = f"{one.found.topic_id} on {one.found.cluster_id}\n{one.to_read:,} records will be read"
        if one.gone:
            after += f"\n{one.gone:,} are gone from it already"
        table.add_row(one.known.name, before, after)
    _console.print(table)
    _console.print(
        "Of the records that will be read, events that were counted before under their EventKey, within the horizon, "
        "do not count again; those without an EventKey do."
    )
