"""Ask once and print: what the commands `user` and `workflow` do."""

import json
from datetime import UTC, datetime

import click
from rich.console import Console

from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.objects import totals_object
from analytics.cli.subjects import subject_of
from analytics.cli.tables import totals_table


def ask(
    connection: Connection, user_id: str | None, workflow_id: str | None = None, *, as_json: bool
) -> None:
    """Print the totals; ends the program with a code of `exit_codes` when there are none."""
    with explained(connection), connection.client() as client:
        subject = subject_of(connection, user_id, workflow_id)
        asked_at = datetime.now(UTC)
        found = subject.ask(client)
    if as_json:
        click.echo(json.dumps(totals_object(subject, found, asked_at)))
    else:
        Console().print(totals_table(subject.canonical(), found))
