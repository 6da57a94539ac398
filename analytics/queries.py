"""Every SELECT of the service, as whole text beside the function that runs it.

All functions block, only read, and may be repeated. They raise StoreUnavailable, StoreTimeout or
StatementFailed.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from analytics.store.pool import Connection

_ALL_WORKFLOWS: Final = UUID(int=0)  # marks the row that sums over all workflows of a user
_SHORTEST_S: Final = 0.001  # zero would mean without limit


class Totals(NamedTuple):
    """All-time sums of a user or of a workflow."""

    workflows: int = 0
    jobs: int = 0
    execution_seconds: int = 0
    log_lines: int = 0


class Progress(NamedTuple):
    """How far one Kafka partition is counted."""

    topic: str
    partition: int
    partition_count: int
    as_of_ms: int


def user_totals(connection: Connection, user_id: UUID, within_s: float) -> Totals | None:
    """Return the totals over all workflows of a user; None when nothing was counted for that user."""
    return workflow_totals(connection, user_id, _ALL_WORKFLOWS, within_s)


_TOTALS = """
SELECT sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics
WHERE resolution = 'total' AND user_id = %(user_id)s AND workflow_id = %(workflow_id)s
GROUP BY user_id, workflow_id
"""


def workflow_totals(
    connection: Connection, user_id: UUID, workflow_id: UUID, within_s: float
) -> Totals | None:
    """Return the totals of a workflow; None when nothing was counted for that workflow under that user."""
    rows = connection.query(
        _TOTALS, {"user_id": user_id, "workflow_id": workflow_id}, settings=_point_read(within_s)
    )
    return Totals(*rows[0]) if rows else None


_PROGRESS = """
SELECT topic, partition, argMax(partition_count, updated_at), argMax(as_of_ms, updated_at)
FROM progress
GROUP BY topic, partition
"""


def progress(connection: Connection, within_s: float) -> list[Progress]:
    """Return the newest row of every partition that a processor ever reported."""
    return [Progress(*row) for row in connection.query(_PROGRESS, settings=_point_read(within_s))]


def _point_read(within_s: float) -> Mapping[str, object]:
    """One thread is fastest for a granule or two; the server gives up when the caller does."""
    return {"max_threads": 1, "max_execution_time": max(_SHORTEST_S, within_s)}
