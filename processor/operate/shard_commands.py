"""The commands of `chronoverse-processor shards`: their words and options, as in `operate.commands`."""

import click

from processor.operate.entry import operate

_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would happen.")


@click.group()
def shards() -> None:
    """List, add, close and open ClickHouse servers, over which partitions are spread.

    When to use it: one ClickHouse server is too small. See docs/scale.md, step by step.
    """


@shards.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def list_shards(*, as_json: bool) -> None:
    """List the servers, and how many partitions are on each.

    Exit codes: 0, 1 when ClickHouse is away, 65 when its tables are not as they must be, 78 when a setting is invalid.
    """
    from processor.operate.shards import run_list

    operate(lambda settings: run_list(settings, as_json=as_json))


@shards.command()
@click.argument("address", metavar="HOST:PORT")
@_dry_run
def add(address: str, *, dry_run: bool) -> None:
    """Add the server at HOST:PORT, which must be empty, while everything runs.

    It is reached with the user, password, TLS and database of the home shard. It may be killed and run again. Run as the
    migrating user. It refuses a server that is not empty or is a shard already, and says what to put into the
    configuration of the home shard.

    Exit codes: 0 when done, 65 when it refuses, 1 to run it again, 78 when a setting is invalid.
    """
    from processor.operate.shards import run_add

    operate(lambda settings: run_add(settings, address, dry_run=dry_run))


@shards.command()
@click.argument("number", type=click.IntRange(1))
@_dry_run
def close(number: int, *, dry_run: bool) -> None:
    """Let shard NUMBER take no new partitions; those that are there stay.

    Exit codes: 0 when done, 65 when it refuses, 1 to run it again, 78 when a setting is invalid.
    """
    from processor.operate.shards import run_set_open

    operate(lambda settings: run_set_open(settings, number, is_open=False, dry_run=dry_run))


@shards.command("open")
@click.argument("number", type=click.IntRange(1))
@_dry_run
def open_(number: int, *, dry_run: bool) -> None:
    """Let shard NUMBER, which was closed, take new partitions again.

    Exit codes: 0 when done, 65 when it refuses, 1 to run it again, 78 when a setting is invalid.
    """
    from processor.operate.shards import run_set_open

    operate(lambda settings: run_set_open(settings, number, is_open=True, dry_run=dry_run))
