"""Everything about one range: what the command `summary` does."""

from datetime import UTC, datetime

import click

from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.notes import json_of
from analytics.cli.options import Terms, When, Which
from analytics.cli.questions import summary_request
from analytics.cli.screen import screen
from analytics.cli.subjects import subject_of
from analytics.cli.summary_tables import summary_view

Asked = tuple[When, Which, Terms]


def summary(
    connection: Connection, user_id: str | None, asked: Asked, ranks: tuple[float, ...], *, as_json: bool
) -> None:
    """Print the numbers of a range; ends the program with a code of `exit_codes` when there are none."""
    with explained(connection), connection.client() as client:
        subject = subject_of(connection, user_id)
        found = client.summary(summary_request(subject.user_id, asked, ranks, datetime.now(UTC)))
    if as_json:
        click.echo(json_of(found))
    else:
        screen().print(summary_view(subject.canonical().user_id, found, asked[0].zone))
