"""The command line of the service: `chronoverse-analytics serve` and `migrate`, and the commands that ask it."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from analytics import exit_codes
from analytics import settings as environment
from analytics.cli.commands import COMMANDS
from analytics.cli.range_commands import COMMANDS as RANGE_COMMANDS
from analytics.errors import AnalyticsError, Stop
from analytics.settings import InvalidSettings, ServiceSettings, Settings, SettingsT
from analytics.telemetry import configure_logging


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chronoverse-analytics")
def main() -> None:
    """Analytics of the Chronoverse job scheduler: run the service, or ask it. Configured by environment variables."""


@main.command()
def serve() -> None:
    """Answer the gRPC service until SIGTERM or SIGINT."""
    from analytics import server  # loads gRPC, which the other commands do not need

    with _ends():
        asyncio.run(server.serve(_load(ServiceSettings)))


@main.command()
@click.option(
    "--create-users",
    is_flag=True,
    help="Also create the users CLICKHOUSE_SERVICE_USERNAME and CLICKHOUSE_PROCESSOR_USERNAME, or bring their "
    "passwords and rights up to date.",
)
def migrate(*, create_users: bool) -> None:
    """Create the database and apply the missing migrations, on every shard; print their names."""
    from analytics.store.everywhere import migrate_everywhere, on_every_shard
    from analytics.store.users import UserSettings
    from analytics.store.users import create_users as apply_users

    with _ends():
        settings = _load(UserSettings if create_users else Settings)
        applied = migrate_everywhere(settings)
        for name in applied or ["nothing to apply: the schema is up to date"]:
            click.echo(name)
        if isinstance(settings, UserSettings):
            for name in on_every_shard(settings, apply_users):
                click.echo(f"user {name}: password and rights are up to date")


def _load(kind: type[SettingsT]) -> SettingsT:
    """Return the settings, with logging configured. Raises InvalidSettings."""
    loaded = environment.load(kind)
    configure_logging(loaded)
    return loaded


@contextmanager
def _ends() -> Iterator[None]:
    """Turn what a person can mend into a message and an exit code."""
    from analytics.store.pool import StatementFailed  # loads the driver

    try:
        yield
    except InvalidSettings as error:
        _end(error, exit_codes.INVALID_SETTINGS)
    except Stop as error:
        _end(error, exit_codes.STOP)
    except StatementFailed as error:
        _end(f"ClickHouse refuses: {error}", exit_codes.STOP)
    except AnalyticsError as error:
        raise click.ClickException(str(error)) from None


def _end(error: Exception | str, code: int) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    sys.exit(code)


for _command in (*COMMANDS, *RANGE_COMMANDS):
    main.add_command(_command)


if __name__ == "__main__":
    main()
