"""The commands as the shell sees them. What they do, and the clients for it, is loaded when one of them runs."""

from typing import Any, Final

import click

from analytics.cli.connection import Connection, connection_options
from analytics.cli.durations import GO_DURATION
from analytics.cli.options import (
    FILTER,
    RANGE,
    TERMS,
    WATCHED_PERCENTILES,
    Terms,
    When,
    Which,
    taken,
    with_options,
)

_PROGRAM: Final = "chronoverse-analytics"
EXIT_CODES: Final = """
\b
Exit codes:
   0  done; of watch: Ctrl-C, too
   1  the service cannot be reached, is overloaded or too slow: try again
   2  the command line is wrong, or an id is none
  66  nothing was ever counted for that user or workflow
  70  a fault of the service
  77  the token is absent or not valid, or is another user's
  78  a setting is invalid, or a file cannot be read or written
"""
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line, for scripts."
)


@click.command(epilog=EXIT_CODES)
@click.argument("user_id", required=False)
@json_option
@connection_options
def user(user_id: str | None, *, as_json: bool, **connection: Any) -> None:
    """Show the totals of a user, over all workflows and for all time.

    Without USER_ID it is the user whom the token names. An id is written as Postgres reads it: upper or lower case,
    with hyphens or without.
    """
    from analytics.cli.ask import ask

    ask(Connection(**connection), user_id, as_json=as_json)


@click.command(epilog=EXIT_CODES)
@click.argument("workflow_id")
@click.option("--user", "user_id", metavar="USER_ID", help="Whose it is; the token's user by default.")
@json_option
@connection_options
def workflow(workflow_id: str, *, user_id: str | None, as_json: bool, **connection: Any) -> None:
    """Show the totals of a workflow, for all time.

    A workflow of somebody else looks like one that does not exist.
    """
    from analytics.cli.ask import ask

    ask(Connection(**connection), user_id, workflow_id, as_json=as_json)


@click.command(epilog=EXIT_CODES)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--interval",
    type=GO_DURATION,
    default="2s",
    show_default=True,
    help="Least time from one answer to the next; of a summary 1s to 5m.",
)
@click.option("--count", type=click.IntRange(1), help="End after so many rounds; else Ctrl-C ends it.")
@with_options(RANGE, FILTER, WATCHED_PERCENTILES, TERMS)
@json_option
@connection_options
def watch(
    targets: tuple[str, ...], *, interval: float, count: int | None, as_json: bool, **options: Any
) -> None:
    """Show numbers as they change: the summary of a user, or totals of several users and workflows.

    One user's summary is sent by the service whenever it changes; the options of `summary` are for it. Totals are asked
    for at every interval, and shown with their change per second.

    A TARGET is USER_ID, USER_ID/WORKFLOW_ID, or /WORKFLOW_ID for a workflow of the token's user; without any it is that
    user. A service that is away for a while, and totals that do not exist yet, are waited for; with --json such a round
    is an object with the key error.

    In a terminal it is a table that is drawn anew, anywhere else a line for each target and round.
    """
    from analytics.cli.watch import Asked, Pace
    from analytics.cli.watch import watch as run

    connection, when, which = taken(Connection, options), taken(When, options), taken(Which, options)
    asked = Asked(when=when, which=which, terms=taken(Terms, options), **options)
    run(connection, targets, asked, pace=Pace(interval_s=interval, count=count), as_json=as_json)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes this program's commands and options in a shell.

    \b
    bash: chronoverse-analytics completion bash > ~/.local/share/bash-completion/completions/chronoverse-analytics
    zsh:  chronoverse-analytics completion zsh > "${fpath[1]}/_chronoverse-analytics"
    fish: chronoverse-analytics completion fish > ~/.config/fish/completions/chronoverse-analytics.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells of the choice"
    program = context.find_root().command
    click.echo(kind(program, {}, _PROGRAM, f"_{_PROGRAM.replace('-', '_').upper()}_COMPLETE").source())


COMMANDS: Final = (user, workflow, watch, completion)
