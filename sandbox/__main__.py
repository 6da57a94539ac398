"""The command line of the local stack: `chronoverse-sandbox`.

Each command imports what it alone needs: `token` stands inside other commands and must be quick.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analytics.settings import parse_go_duration_s
from sandbox.directory import SandboxDirectory
from sandbox.errors import SandboxError

_data = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the sandbox.",
)
_file = click.Path(path_type=Path, dir_okay=False, exists=True)
_port = click.IntRange(0, 65535)


class _Commands(click.Group):
    """Loads `generate` only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "generate"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "generate":
            from sandbox.generate.command import generate

            return generate
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A real ClickHouse, a real broker, the processor and the service on this machine."""


@cli.command()
@_data
@click.option(
    "--processors", default=1, show_default=True, type=click.IntRange(0), help="How many processors."
)
@click.option(
    "--shards", default=1, show_default=True, type=click.IntRange(1), help="How many ClickHouse servers."
)
@click.option("--events", type=_file, help="Play this corpus file after the start.")
@click.option("--demo", is_flag=True, help="Play events and compare the totals with the true ones.")
@click.option("--grpc-port", default=0, type=_port, help="Port of the service; any free one by default.")
@click.option("--kafka-port", default=0, type=_port, help="Port of the broker; any free one by default.")
@click.option("--clickhouse-port", default=0, type=_port, help="Port of ClickHouse; any free one by default.")
def up(
    data: Path,
    processors: int,
    shards: int,
    events: Path | None,
    demo: bool,
    grpc_port: int,
    kafka_port: int,
    clickhouse_port: int,
) -> None:
    """Bring everything up and stay until Ctrl-C or SIGTERM.

    While everything answers, sandbox.json in the directory says where. What a former run left there is
    deleted at the start.
    """
    from sandbox.screen import Screen
    from sandbox.stack import StackOptions
    from sandbox.up import run

    options = StackOptions(processors, shards, grpc_port, kafka_port, clickhouse_port)
    run(data, options, events=events, demo=demo, screen=Screen())


@cli.command()
@click.argument("file", type=_file)
@_data
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="At most so many records a second.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="By the records' timestamps, so many times as fast as life.",
)
def play(file: Path, data: Path, rate: float | None, speed: float | None) -> None:
    """Play a corpus FILE into the topics of a running sandbox."""
    from sandbox.play import play as play_file

    bootstrap = SandboxDirectory(data).running().kafka
    with _progress(file) as advance:
        report = play_file(file, bootstrap, rate=rate, speed=speed, progress=advance)
    click.echo(str(report))
    if not report.ok:
        sys.exit(1)


@cli.command()
@click.argument("user")
@_data
@click.option("--admin", is_flag=True, help="A token of a worker, which may read every user.")
@click.option("--ttl", default="15m", show_default=True, help="How long it is valid.")
def token(user: str, data: Path, admin: bool, ttl: str) -> None:
    """Print a bearer token of USER (a user's id; with --admin any name)."""
    from sandbox.tokens import Role, sign_token

    private_key = Path(SandboxDirectory(data).running().keys.private)
    role: Role = "admin" if admin else "user"
    click.echo(sign_token(private_key, user, now=datetime.now(UTC), role=role, ttl=_duration(ttl)))


@cli.command(hidden=True)
@_data
@click.option("--seed", required=True, type=int)
@click.option("--start-ms", required=True, type=int)
def trickle(data: Path, seed: int, start_ms: int) -> None:
    """Play a few generated events a second for as long as the sandbox runs: part of the demo."""
    from sandbox import trickle as trickling
    from sandbox.play import play_records

    bootstrap = SandboxDirectory(data).running().kafka
    click.echo(str(play_records(trickling.trickle(seed, start_ms), bootstrap, rate=trickling.RATE)))


def main() -> None:
    """Run the command line; what a person can mend is shown without a stack trace."""
    try:
        cli()
    except SandboxError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def _duration(text: str) -> timedelta:
    try:
        return timedelta(seconds=float(str(parse_go_duration_s(text))))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ttl") from None


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """Show how much of a file is played, on standard error when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda position: bar.update(task, completed=position)


if __name__ == "__main__":
    main()
