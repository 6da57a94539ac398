"""Pieces of SQL that the queries about ranges share. Pure."""

from collections.abc import Mapping
from typing import Final

from analytics.insights.model import Scope, State

_MOST_BYTES: Final = 1 << 30  # what one question about ranges may take of the memory that inserts need, too
_SHORTEST_S: Final = 0.001  # zero would mean without limit
_NIL: Final = "toUUID('00000000-0000-0000-0000-000000000000')"

STATE = """multiIf(
        max(deleted_ms) > 0, 'deleted',
        max(terminate).generation >= greatest(max(build).generation, 0), 'terminated',
        'active')"""
"""What became of a workflow, over its rows of table `workflows`."""

_MATCHING = """
SELECT workflow_id FROM workflows WHERE user_id = %(user_id)s GROUP BY workflow_id HAVING {condition}
"""


def workflows_condition(scope: Scope, *, is_split: bool) -> str:
    """Return the SQL condition for rows of table `analytics` that make up the scope."""
    if scope.is_everything and not is_split:
        return f"workflow_id = {_NIL}"
    conditions = [f"workflow_id != {_NIL}"]
    if scope.workflow_ids is not None:
        conditions.append("workflow_id IN %(workflow_ids)s")
    if scope.kinds or scope.states:
        conditions.append(_by_facts(scope))
    return " AND ".join(conditions)


def _by_facts(scope: Scope) -> str:
    """Workflows of which table `workflows` has no row are active, and of no kind."""
    matches = []
    if scope.kinds:
        matches.append("max(kind).kind IN %(kinds)s")
    if scope.states:
        matches.append(f"{STATE} IN %(states)s")
    condition = " AND ".join(matches)
    has_unknown = "" in scope.kinds or not scope.kinds
    if has_unknown and (not scope.states or State.ACTIVE in scope.states):
        return f"workflow_id NOT IN ({_MATCHING.format(condition=f'NOT ({condition})')})"
    return f"workflow_id IN ({_MATCHING.format(condition=condition)})"


def parameters_of(scope: Scope) -> dict[str, object]:
    """Return the values that the conditions of a scope name."""
    return {
        "user_id": scope.user_id,
        "workflow_ids": tuple(scope.workflow_ids or ()),
        "kinds": scope.kinds,
        "states": tuple(state.value for state in scope.states),
    }


def point_settings(within_s: float) -> Mapping[str, object]:
    """One thread is fastest for a granule or two; the server gives up when the caller does."""
    return {"max_threads": 1, "max_execution_time": max(_SHORTEST_S, within_s)}


def scan_settings(within_s: float) -> Mapping[str, object]:
    """As many threads as the server has; it gives up when the caller does.

    Where tables lie on several servers, facts of workflows are brought together before they are joined.
    """
    return {
        "max_execution_time": max(_SHORTEST_S, within_s),
        "max_memory_usage": _MOST_BYTES,
        "distributed_product_mode": "global",
    }


def sum_of(column: str) -> str:
    """Return the sum of a column as SQL; a sum of Int64 would wrap."""
    return f"sum(toInt128({column}))"


def level_text(level: float) -> str:
    """Return the level of a quantile as SQL, a trace smaller.

    ClickHouse takes the job of rank ceil(level x jobs), and in floating point 0.07 x 100 is more than 7.
    """
    return repr(level * (1 - 2**-50))
