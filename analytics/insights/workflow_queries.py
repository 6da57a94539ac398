"""SELECTs that look at single workflows: how many there are by state, and in which order.

The functions are as those in `queries`.
"""

from typing import NamedTuple

from analytics.calendar import Span
from analytics.insights.conditions import STATE, parameters_of, scan_settings, workflows_condition
from analytics.insights.model import Scope, State, WorkflowCounts, WorkflowFacts
from analytics.store.pool import Connection

_COUNTS = """
SELECT countIf(state = 'active'), countIf(state = 'terminated'), countIf(state = 'deleted'),
       countIf(terminated_ms > 0 AND terminated_ms >= %(start_ms)s AND terminated_ms < %(end_ms)s),
       countIf(gone_ms > 0 AND gone_ms >= %(start_ms)s AND gone_ms < %(end_ms)s)
FROM
(
    SELECT if(facts.state = '', 'active', facts.state) AS state, terminated_ms, gone_ms
    FROM
    (
        SELECT workflow_id
        FROM analytics
        WHERE resolution = 'total' AND user_id = %(user_id)s AND {workflows}
        GROUP BY workflow_id
        HAVING sum(workflows) > 0
    ) AS named
    LEFT JOIN
    (
        SELECT workflow_id, {state} AS state, max(terminate).time_ms AS terminated_ms, max(deleted_ms) AS gone_ms
        FROM workflows
        WHERE user_id = %(user_id)s
        GROUP BY workflow_id
    ) AS facts USING (workflow_id)
)
"""


def workflow_counts(connection: Connection, scope: Scope, span: Span, within_s: float) -> WorkflowCounts:
    """Return how many workflows there are, by state; those that were last terminated, or deleted, within a span."""
    sql = _COUNTS.format(workflows=workflows_condition(scope, is_split=True), state=STATE)
    parameters = parameters_of(scope) | {"start_ms": span.start_s * 1000, "end_ms": span.end_s * 1000}
    ((*counts,),) = connection.query(sql, parameters, settings=scan_settings(within_s))
    return WorkflowCounts(*counts)


class Ordering(NamedTuple):
    """What workflows are ordered by: SQL over sums, see `orderings`; the value may be NULL."""

    sums: str
    value: str
    is_descending: bool


class Place(NamedTuple):
    """Where a page ended: the number of its last workflow, None when it has none, and its id."""

    value: float | int | None
    workflow_id: str


class Ranked(NamedTuple):
    """One workflow of a list, and the number that it is ordered by."""

    place: Place
    facts: WorkflowFacts


_RANKED = """
SELECT id, kind, state, value, total
FROM
(
    SELECT toString(workflow_id) AS id, facts.kind AS kind, if(facts.state = '', 'active', facts.state) AS state,
           {value} AS value, count() OVER () AS total
    FROM
    (
        SELECT workflow_id
        FROM analytics
        WHERE resolution = 'total' AND user_id = %(user_id)s AND {workflows}
        GROUP BY workflow_id
        HAVING sum(workflows) != 0 OR sum(jobs) != 0 OR sum(log_lines) != 0
    ) AS named
    LEFT JOIN
    (
        SELECT workflow_id, {sums}
        FROM analytics
        WHERE user_id = %(user_id)s AND {workflows} AND ({rows})
        GROUP BY workflow_id
    ) AS measured USING (workflow_id)
    LEFT JOIN
    (
        SELECT workflow_id, max(kind).kind AS kind, {state} AS state
        FROM workflows
        WHERE user_id = %(user_id)s
        GROUP BY workflow_id
    ) AS facts USING (workflow_id)
)
WHERE {behind}
ORDER BY isNull(value), value {direction}, id
LIMIT %(most)s
"""


def ranked(
    connection: Connection,
    scope: Scope,
    rows: str,
    ordering: Ordering,
    behind: Place | None,
    most: int,
    within_s: float,
) -> tuple[list[Ranked], int]:
    """Return at most so many workflows behind a place, in order, and how many there are on all pages."""
    sql = _RANKED.format(
        workflows=workflows_condition(scope, is_split=True),
        rows=rows,
        sums=ordering.sums,
        value=ordering.value,
        state=STATE,
        behind=_behind(behind, is_descending=ordering.is_descending),
        direction="DESC" if ordering.is_descending else "ASC",
    )
    parameters = parameters_of(scope) | {"most": most} | (behind or Place(None, ""))._asdict()
    found = connection.query(sql, parameters, settings=scan_settings(within_s))
    total = found[0][-1] if found else 0
    return [
        Ranked(Place(value, id_), WorkflowFacts(kind, State(state))) for id_, kind, state, value, _ in found
    ], total


def _behind(place: Place | None, *, is_descending: bool) -> str:
    if place is None:
        return "1"
    if place.value is None:
        return "isNull(value) AND id > %(workflow_id)s"
    further = "<" if is_descending else ">"
    return f"isNull(value) OR value {further} %(value)s OR (value = %(value)s AND id > %(workflow_id)s)"
