"""Every SELECT of the service, as whole text beside the function that runs it.

All functions block, only read, and may be repeated. They raise StoreUnavailable, StoreTimeout or
StatementFailed.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from analytics.model import Totals, WorkflowKey
from analytics.store.pool import Connection

_SHORTEST_S: Final = 0.001  # zero would mean without limit


class Progress(NamedTuple):
    """How far one Kafka partition is counted."""

    topic: str
    partition: int
    partition_count: int
    as_of_ms: int
    next_offset: int = 0
    end_offset: int = -1
    """The end of the log when it was last asked for, -1: unknown."""


_TOTALS = """
SELECT user_id, workflow_id, workflows, jobs, execution_seconds, log_lines
FROM analytics
WHERE resolution = 'total' AND (user_id, workflow_id) IN %(keys)s
"""  # a row or two a key: to sum them here takes a fifth less of the server than to plan an aggregation


def totals(
    connection: Connection, keys: Sequence[WorkflowKey], within_s: float
) -> Mapping[WorkflowKey, Totals]:
    """Return the totals of workflows, and of users under ALL_WORKFLOWS; a key for which nothing was counted is absent.

    Rows may hold other numbers only: a workflow that only topic `workflows` names has no analytics.
    """
    rows = connection.query(_TOTALS, {"keys": tuple(keys)}, settings=_point_read(within_s))
    sums: dict[WorkflowKey, Totals] = {}
    for user_id, workflow_id, *numbers in rows:
        key = WorkflowKey(user_id, workflow_id)
        sums[key] = sums.get(key, Totals()).plus(Totals(*numbers))
    return {key: one for key, one in sums.items() if one.workflows or one.jobs or one.log_lines}


_PROGRESS = """
SELECT topic, partition, argMax(partition_count, updated_at), argMax(as_of_ms, updated_at),
       argMax(next_offset, updated_at), argMax(end_offset, updated_at)
FROM progress
GROUP BY topic, partition
"""


def progress(connection: Connection, within_s: float) -> list[Progress]:
    """Return the newest row of every partition that a processor ever reported."""
    return [Progress(*row) for row in connection.query(_PROGRESS, settings=_point_read(within_s))]


def _point_read(within_s: float) -> Mapping[str, object]:
    """One thread is fastest for a granule or two; the server gives up when the caller does."""
    return {"max_threads": 1, "max_execution_time": max(_SHORTEST_S, within_s)}
