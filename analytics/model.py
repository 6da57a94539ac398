"""The nouns of the service."""

from typing import Final, NamedTuple
from uuid import UUID

ALL_WORKFLOWS: Final = UUID(int=0)
"""In the place of a workflow's id: the sum over all workflows of a user."""


class WorkflowKey(NamedTuple):
    """A workflow and its owner."""

    user_id: UUID
    workflow_id: UUID


class Totals(NamedTuple):
    """All-time sums of a user or of a workflow."""

    workflows: int = 0
    jobs: int = 0
    execution_seconds: int = 0
    log_lines: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """Return the sum of both."""
        return Totals(*(one + more for one, more in zip(self, other, strict=True)))
