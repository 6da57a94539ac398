"""How an operator's command begins and ends: settings from the environment, and what stops it as an exit code."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click

from analytics import exit_codes
from analytics import settings as environment
from analytics.errors import Retryable, Stop
from analytics.settings import InvalidSettings
from analytics.telemetry import configure_logging
from processor.settings import ProcessorSettings

SettingsT = TypeVar("SettingsT", bound=ProcessorSettings)


class Refused(Stop):
    """A command would lose something that nobody gave up explicitly, or what it needs is not so."""


def operate(command: Callable[[ProcessorSettings], None]) -> None:
    """Run an operator's command with the settings of the environment; what stops it becomes an exit code."""
    operate_with(ProcessorSettings, command)


def operate_with(kind: type[SettingsT], command: Callable[[SettingsT], None]) -> None:
    """Do so with settings of another kind."""
    from analytics.store.pool import StatementFailed  # loads the driver, which --help does not need

    try:
        settings = environment.load(kind)
        configure_logging(_quiet(settings))
        command(settings)
    except InvalidSettings as error:
        end(str(error), exit_codes.INVALID_SETTINGS)
    except Stop as error:
        end(str(error), exit_codes.STOP)
    except StatementFailed as error:
        end(f"ClickHouse refuses: {error}", exit_codes.STOP)
    except Retryable as error:
        end(f"{error}. Nothing is half done: try again", 1)


def end(message: str, code: int) -> NoReturn:
    """Say why, and end the program."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


def _quiet(settings: ProcessorSettings) -> ProcessorSettings:
    """A command talks by itself; the log is for what goes wrong, unless more is asked for."""
    changes: dict[str, Any] = {"log_level": "warning"} if settings.log_level == "info" else {}
    return settings.model_copy(update=changes)
