"""The nouns of questions about ranges."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from analytics.calendar import Span


class State(Enum):
    """What became of a workflow."""

    ACTIVE = "active"
    TERMINATED = "terminated"
    DELETED = "deleted"


class Scope(NamedTuple):
    """Whose numbers: workflows of a user that meet every condition. None and empty: no condition."""

    user_id: UUID
    workflow_ids: tuple[UUID, ...] | None = None
    kinds: tuple[str, ...] = ()
    states: tuple[State, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether these are all workflows of the user, whose sums are kept."""
        return self.workflow_ids is None and not self.kinds and not self.states


class Measured(NamedTuple):
    """Sums over some rows of table `analytics`.

    `binned_jobs`: those of the jobs whose duration was counted; jobs of former versions were not.
    `percentile_bins`: one duration bin for each rank asked for; meaningless without binned jobs.
    """

    workflows: int = 0
    jobs: int = 0
    execution_seconds: int = 0
    jobs_completed: int = 0
    jobs_failed: int = 0
    log_lines: int = 0
    log_bytes: int = 0
    stderr_lines: int = 0
    stderr_bytes: int = 0
    shortest_seconds: int = 0
    longest_seconds: int = 0
    binned_jobs: int = 0
    percentile_bins: tuple[int, ...] = ()


class Results(NamedTuple):
    """What is known of results besides their numbers. `failures` by (failure kind, error code)."""

    failures: Mapping[tuple[str, str], int]
    jobs_with_status: int = 0
    failed_jobs: int = 0
    failed_seconds: int = 0
    failed_bins: tuple[int, ...] = ()
    completed_bins: tuple[int, ...] = ()


class WorkflowCounts(NamedTuple):
    """Workflows by what became of them; the last two within a range."""

    active: int = 0
    terminated: int = 0
    deleted: int = 0
    terminated_in_range: int = 0
    deleted_in_range: int = 0


class WorkflowFacts(NamedTuple):
    """What is known of a workflow besides its numbers. `kind` empty: none was sent yet."""

    kind: str
    state: State


class Range(NamedTuple):
    """A range as it was asked for, with both ends. `is_all_time`: then `span` only says how long that was."""

    span: Span
    is_all_time: bool
