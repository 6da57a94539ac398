"""The commands that ask about ranges, as the shell sees them. What they do is loaded when one of them runs."""

from pathlib import Path
from typing import Any, Final

import click

from analytics.cli import choices
from analytics.cli.commands import EXIT_CODES, json_option
from analytics.cli.connection import Connection, connection_options
from analytics.cli.options import FILTER, PERCENTILES, RANGE, TERMS, Terms, When, Which, taken, with_options

_LIMIT: Final = click.IntRange(1, 100_000)
_user = click.option(
    "--user", "user_id", metavar="USER_ID", help="Whose they are; the token's user by default."
)


@click.command(epilog=EXIT_CODES)
@click.argument("user_id", required=False)
@with_options(RANGE, FILTER, PERCENTILES, TERMS)
@json_option
@connection_options
def summary(user_id: str | None, *, ranks: tuple[float, ...], as_json: bool, **options: Any) -> None:
    """Show everything about a range of time: results, failures, durations, logs, workflows, changes, cost.

    Without --from and --to it is all time. Without USER_ID it is the user whom the token names.
    """
    from analytics.cli.summary import summary as run

    connection, terms = taken(Connection, options), taken(Terms, options)
    asked = (taken(When, options), taken(Which, options), terms)
    run(connection, user_id, asked, ranks, as_json=as_json)


@click.command(epilog=EXIT_CODES)
@click.argument("user_id", required=False)
@with_options(RANGE, FILTER, PERCENTILES)
@click.option(
    "--every",
    type=click.Choice(choices.INTERVALS),
    default="day",
    show_default=True,
    help="Length of the buckets, in civil time of the zone.",
)
@click.option("--by", type=click.Choice(choices.GROUPS), help="A series for each of these.")
@click.option(
    "--show",
    type=choices.MEASURE,
    multiple=True,
    metavar="NUMBER",
    help="What to show: jobs, jobs_failed, p95, log_lines … May be repeated.",
)
@click.option(
    "--complete", is_flag=True, help="Leave out buckets that the range cuts, and the one in progress."
)
@click.option("--chart", is_flag=True, help="Draw in the terminal, in the place of the table.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw into this file: .png, .svg or .pdf."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each group and bucket.")
@json_option
@connection_options
def series(user_id: str | None, **options: Any) -> None:
    """Show numbers by hour, day, week or month.

    Without --from it is the last 48 hours, 30 days, 12 weeks or 12 months. --chart and --plot draw jobs, or what --show
    says.
    """
    from analytics.cli.series import Buckets, Form
    from analytics.cli.series import series as run

    connection, asked = taken(Connection, options), (taken(When, options), taken(Which, options))
    run(connection, user_id, asked, taken(Buckets, options), taken(Form, options))


@click.command(epilog=EXIT_CODES)
@click.argument("workflow_ids", nargs=-1, metavar="[WORKFLOW_ID]...")
@_user
@with_options(RANGE, FILTER[1:], PERCENTILES)
@click.option(
    "--order-by",
    type=choices.MEASURE,
    default="jobs",
    show_default=True,
    metavar="NUMBER",
    help="Number to rank by: jobs_failed, p95, log_lines …",
)
@click.option("--ascending", is_flag=True, help="The smallest first.")
@click.option("--limit", type=_LIMIT, default=20, show_default=True, help="Workflows of a ranking.")
@json_option
@connection_options
def compare(user_id: str | None, *, ranks: tuple[float, ...], as_json: bool, **options: Any) -> None:
    """Compare workflows: some side by side, or all of them ranked by a number.

    With --json a page of the answer is an object.
    """
    from analytics.cli.compare import Ranking
    from analytics.cli.compare import compare as run

    connection, asked = taken(Connection, options), (taken(When, options), taken(Which, options))
    run(connection, user_id, asked, Ranking(**options), ranks=ranks, as_json=as_json)


@click.command(epilog=EXIT_CODES)
@click.argument("user_id", required=False)
@with_options(RANGE, FILTER[:1])
@click.option(
    "--measure",
    "measures",
    type=click.Choice(choices.ANOMALIES),
    multiple=True,
    help="Only this. May be repeated.",
)
@click.option(
    "--weeks", type=click.IntRange(4, 26), default=8, show_default=True, help="Earlier weeks to compare with."
)
@click.option(
    "--threshold",
    type=click.FloatRange(1, 1000),
    default=3.5,
    show_default=True,
    help="How far from the median, as a robust z-score.",
)
@click.option("--limit", type=_LIMIT, default=20, show_default=True, help="Rows to show.")
@json_option
@connection_options
def anomalies(user_id: str | None, *, as_json: bool, **options: Any) -> None:
    """Show hours that stand out from the same hour of earlier weeks, the largest deviation first.

    Without --from it is the last seven days and today. With --workflow each of them is judged by itself.
    """
    from analytics.cli.anomalies import Judging
    from analytics.cli.anomalies import anomalies as run

    connection, when = taken(Connection, options), taken(When, options)
    run(connection, user_id, when, Judging(**options), as_json=as_json)


COMMANDS: Final = (summary, series, compare, anomalies)
