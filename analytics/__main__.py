"""The command line of the service: `chronoverse-analytics serve` and `chronoverse-analytics migrate`."""

import asyncio
import sys
from typing import Final, NoReturn

import click

from analytics import settings as environment
from analytics.errors import AnalyticsError
from analytics.settings import InvalidSettings, ServiceSettings, Settings, SettingsT
from analytics.telemetry import configure_logging

EXIT_INVALID_SETTINGS: Final = 78  # EX_CONFIG of sysexits.h: a restart does not help


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chronoverse-analytics")
def main() -> None:
    """Analytics of the Chronoverse job scheduler. Configured by environment variables."""


@main.command()
def serve() -> None:
    """Answer the gRPC service until SIGTERM or SIGINT."""
    from analytics import server  # loads gRPC, which the other commands do not need

    try:
        asyncio.run(server.serve(_load(ServiceSettings)))
    except InvalidSettings as error:
        _refuse(error)
    except AnalyticsError as error:
        raise click.ClickException(str(error)) from None


@main.command()
def migrate() -> None:
    """Create the database and apply the missing migrations; print their names."""
    from analytics.store.migrate import migrate as apply_migrations

    try:
        applied = apply_migrations(_load(Settings))
    except AnalyticsError as error:
        raise click.ClickException(str(error)) from None
    for name in applied or ["nothing to apply: the schema is up to date"]:
        click.echo(name)


def _load(kind: type[SettingsT]) -> SettingsT:
    """Return the settings with logging configured, or end the program with the list of what is wrong."""
    try:
        loaded = environment.load(kind)
    except InvalidSettings as error:
        _refuse(error)
    configure_logging(loaded)
    return loaded


def _refuse(error: InvalidSettings) -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(EXIT_INVALID_SETTINGS)


if __name__ == "__main__":
    main()
