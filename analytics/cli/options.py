"""Options that the questions about ranges share, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click

from analytics.cli import choices

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
DataT = TypeVar("DataT")
_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)
_MANY: Final = "May be repeated."


@dataclass(frozen=True, kw_only=True)
class When:
    """A range as it was said, and the zone in which it is meant."""

    start: str | None
    end: str | None
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which workflows."""

    workflow_ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a summary has beyond numbers: a comparison, and what they cost. Prices are decimal numbers as text."""

    compare: str | None = None
    rates: Path | None = None
    currency_code: str | None = None
    per_execution_hour: str | None = None
    per_job: str | None = None
    per_million_log_lines: str | None = None
    per_log_gibibyte: str | None = None


RANGE: Final = (
    click.option(
        "--from",
        "start",
        type=choices.WHEN,
        metavar="WHEN",
        help="Begin: a date, month, week, year or time, 7d (days ago), today, last-month … Without: where data begins.",
    ),
    click.option(
        "--to",
        "end",
        type=choices.WHEN,
        metavar="WHEN",
        help="End, in the same words; a date, a month or a word such as today is meant to its end. Without: now.",
    ),
    click.option(
        "--zone",
        type=choices.ZONE,
        default=choices.local_zone,
        show_default="that of this machine",
        metavar="NAME",
        help="IANA time zone of dates and times, such as Europe/London.",
    ),
)
FILTER: Final = (
    click.option(
        "--workflow", "workflow_ids", multiple=True, metavar="ID", help=f"Only this workflow. {_MANY}"
    ),
    click.option(
        "--kind",
        "kinds",
        type=choices.KIND,
        multiple=True,
        metavar="KIND",
        help=f"Only workflows of this kind. {_MANY}",
    ),
    click.option(
        "--state",
        "states",
        type=click.Choice(choices.STATES),
        multiple=True,
        help=f"Only workflows that are so now. {_MANY}",
    ),
)


def _percentiles(default: tuple[float, ...]) -> Callable[[Any], Any]:
    return click.option(
        "--percentiles",
        "ranks",
        type=choices.RANKS,
        default=default,
        show_default="50,95,99",
        metavar="RANKS",
        help="Percentiles of durations.",
    )


PERCENTILES: Final = (_percentiles((50.0, 95.0, 99.0)),)
WATCHED_PERCENTILES: Final = (_percentiles(()),)  # the service's own, unless they are said
TERMS: Final = (
    click.option(
        "--compare",
        type=click.Choice(choices.COMPARISONS),
        help="With the period just before, or the same a year ago.",
    ),
    click.option(
        "--rates", type=_FILE, help="TOML file with prices; its keys are currency and those below, with _."
    ),
    click.option("--currency", "currency_code", metavar="CODE", help="Of the prices; it is only repeated."),
    click.option(
        "--per-execution-hour", metavar="PRICE", help="Price of an hour of execution, such as 0.012."
    ),
    click.option("--per-job", metavar="PRICE", help="Price of a finished job."),
    click.option("--per-million-log-lines", metavar="PRICE", help="Price of a million log lines."),
    click.option("--per-log-gibibyte", metavar="PRICE", help="Price of 2^30 bytes of log lines."),
)


def with_options(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[CommandT], CommandT]:
    """Give a command these options, in this order."""

    def given(command: CommandT) -> CommandT:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return given


def taken(kind: type[DataT], values: dict[str, Any]) -> DataT:
    """Take the fields of a dataclass out of the values of options."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type] # any dataclass
    return kind(**{name: values.pop(name) for name in names if name in values})
