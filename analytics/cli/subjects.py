"""Whom a command asks about: a user, or a workflow of a user."""

from dataclasses import dataclass
from uuid import UUID

import click

from analytics.cli.connection import Connection
from analytics.client import AnalyticsClient, UserAnalytics, WorkflowAnalytics

Found = UserAnalytics | WorkflowAnalytics


@dataclass(frozen=True)
class Subject:
    """A user (`workflow_id` None) or a workflow, spelled as it was given: the service says what is wrong with it."""

    user_id: str
    workflow_id: str | None = None

    def ask(self, client: AnalyticsClient) -> Found:
        """Return its totals. Raises ClientError."""
        if self.workflow_id is None:
            return client.user(self.user_id)
        return client.workflow(self.user_id, self.workflow_id)

    def canonical(self) -> "Subject":
        """Return it in canonical spelling, once the service has understood it."""
        return Subject(str(UUID(self.user_id)), self.workflow_id and str(UUID(self.workflow_id)))


def subject_of(connection: Connection, user_id: str | None, workflow_id: str | None = None) -> Subject:
    """Return the subject; without a user it is the token's. Raises UsageError when that has none."""
    user_id = user_id or connection.user_of_token()
    if user_id is None:
        raise click.UsageError("say which user: there is no token that names one")
    if not f"{user_id}{workflow_id}".isascii():  # maybe no text at all, which could not be sent
        raise click.UsageError("an id must be a UUID")
    return Subject(user_id, workflow_id)


def parse_target(connection: Connection, text: str) -> Subject:
    """Return what USER_ID, USER_ID/WORKFLOW_ID or /WORKFLOW_ID (of the token's user) names."""
    user_id, slash, workflow_id = text.partition("/")
    return subject_of(connection, user_id, workflow_id if slash else None)
