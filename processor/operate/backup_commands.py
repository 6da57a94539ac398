"""The words and options of `chronoverse-processor backup` and `restore`."""

import re
from typing import Any, Final

import click

from processor.operate.entry import operate

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _checked(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _NAME.fullmatch(value):
        raise click.BadParameter(
            "letters, digits, dots, dashes and underscores, beginning with one of the first two",
            param=parameter,
        )
    return value


_name = click.argument("name", callback=_checked)
_disk = click.option(
    "--disk",
    default="backups",
    show_default=True,
    callback=_checked,
    help="The disk of ClickHouse's configuration that has backups.",
)


@click.command()
@_name
@_disk
@click.option(
    "--base", callback=_checked, help="A former backup: what has not changed since is not copied again."
)
def backup(name: str, disk: str, base: str | None) -> None:
    """Take backup NAME of all tables, on a disk that ClickHouse's configuration allows for that.

    When to use it: every day, from cron, and before an upgrade. Processors may count meanwhile. A restored backup goes on
    at its own checkpoints, so nothing is lost as long as Kafka still has the records from there on: take one more often
    than its topics are emptied (168 hours), and keep it elsewhere than the tables. See docs/backup.md.

    With several shards all are copied. It refuses while an import is under way. Do not run `skip`,
    `adopt` or `shards add` meanwhile.

    Exit codes: 0 when done, 65 when it refuses or ClickHouse cannot write it, 1 to take another one, 78 when a setting is
    invalid.
    """
    from processor.backups import Backup
    from processor.operate.backup import run_backup

    operate(lambda settings: run_backup(settings, Backup(name, disk), base=base))


@click.command()
@_name
@_disk
@click.option(
    "--despite-findings", is_flag=True, help="Also a backup whose audit finds that numbers are wrong."
)
@click.option("--dry-run", is_flag=True, help="Only read it back beside the database, and prove it.")
def restore(name: str, disk: str, **options: Any) -> None:
    """Put backup NAME in the place of a database that is empty, or is not there.

    When to use it: the tables are lost, or numbers are wrong and Kafka no longer has the whole log. With --dry-run, once a
    month, to know that backups can be read back: that may be done beside a live database.

    \b
    1. Stop the processors.
    2. `restore` reads the backup back into database <name>_restore, brings it to the schema of this version, audits it,
       and says from where each partition goes on and what of that Kafka has lost. Then it takes the place of <name>.
       With several shards that is done on each; the home shard's database takes its place last. It may be killed and run
       again; only between these it says what to do by hand.
    3. Start the processors.

    It refuses to replace rows that somebody has counted.

    Exit codes: 0 when done, 65 when it refuses, or when a person must look at what it says, 1 to run it again, 78 when a
    setting is invalid.
    """
    from processor.backups import Backup
    from processor.operate.restore import run_restore

    operate(lambda settings: run_restore(settings, Backup(name, disk), **options))
