"""Every SELECT about ranges, as whole text beside the function that runs it.

All functions block, only read, and may be repeated. They raise StoreUnavailable, StoreTimeout or StatementFailed.
What is put into the text by `format` is SQL of our own; values are parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from analytics.calendar import DAY_S, Span
from analytics.insights.model import Measured, Results, Scope, State, WorkflowCounts, WorkflowFacts
from analytics.store.pool import Connection

_SHORTEST_S: Final = 0.001  # zero would mean without limit
_NIL: Final = "toUUID('00000000-0000-0000-0000-000000000000')"

_STATE = """multiIf(
        max(deleted_ms) > 0, 'deleted',
        max(terminate).generation >= greatest(max(build).generation, 0), 'terminated',
        'active')"""

_EXTENT = """
SELECT toUnixTimestamp(min(bucket_start)), toUnixTimestamp(max(bucket_start)), count()
FROM analytics
WHERE resolution = 'day' AND user_id = %(user_id)s
  AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
"""


def extent(connection: Connection, user_id: UUID, within_s: float) -> Span | None:
    """Return the UTC days of the earliest and the latest thing counted for a user; None when nothing was."""
    ((first_s, last_s, rows),) = connection.query(_EXTENT, {"user_id": user_id}, settings=_point(within_s))
    return Span(first_s, last_s + DAY_S) if rows else None


_GROUP_COUNT = """
SELECT uniqExact({group})
FROM analytics
{facts}
WHERE user_id = %(user_id)s AND {workflows} AND ({rows})
"""


def group_count(connection: Connection, scope: Scope, rows: str, by: str, within_s: float) -> int:
    """Return how many groups `sums` would tell apart."""
    sql = _GROUP_COUNT.format(
        group=_GROUPS[by],
        facts=_KINDS if by == "kind" else "",
        workflows=_workflows(scope, is_split=True),
        rows=rows,
    )
    ((count,),) = connection.query(sql, _parameters(scope), settings=_scan(within_s))
    return int(count)


_BEGINNINGS = """
SELECT workflow_id, toUnixTimestamp(min(bucket_start))
FROM analytics
WHERE resolution = 'day' AND user_id = %(user_id)s AND workflow_id IN %(workflow_ids)s
GROUP BY workflow_id
"""


def beginnings(
    connection: Connection, user_id: UUID, workflow_ids: Sequence[UUID], within_s: float
) -> dict[str, int]:
    """Return the UTC day, in Unix seconds, of the earliest thing counted for each workflow."""
    parameters = {"user_id": user_id, "workflow_ids": tuple(workflow_ids)}
    found = connection.query(_BEGINNINGS, parameters, settings=_scan(within_s))
    return {str(workflow_id): start_s for workflow_id, start_s in found}


class Grouping(NamedTuple):
    """How sums are split: `workflow`, `kind` or nothing, and by buckets that begin at these Unix seconds.

    `most`: so many sums at the most.
    """

    by: str | None = None
    bucket_starts_s: Sequence[int] = ()
    most: int = 1


_MEASURED: Final = """{sums}, min(shortest_seconds), max(longest_seconds), sum(arraySum(durations.values)),
       quantilesExactWeightedArray({levels})(durations.keys, durations.values)"""
_SUMMED: Final = (
    "workflows",
    "jobs",
    "execution_seconds",
    "jobs_completed",
    "jobs_failed",
    "log_lines",
    "log_bytes",
    "stderr_lines",
    "stderr_bytes",
)


def sum_of(column: str) -> str:
    """Return the sum of a column as SQL; a sum of Int64 would wrap."""
    return f"sum(toInt128({column}))"


_SUMS = """
SELECT {group}, {bucket}, {measured}
FROM analytics
{facts}
WHERE user_id = %(user_id)s AND {workflows} AND ({rows})
GROUP BY 1, 2
LIMIT %(most)s
"""

_KINDS = """LEFT JOIN
(
    SELECT workflow_id, max(kind).kind AS kind FROM workflows WHERE user_id = %(user_id)s GROUP BY workflow_id
) AS facts USING (workflow_id)"""

_GROUPS: Final = {None: "''", "workflow": "toString(workflow_id)", "kind": "facts.kind"}


def sums(
    connection: Connection,
    scope: Scope,
    rows: str,
    grouping: Grouping,
    levels: Sequence[float],
    within_s: float,
) -> dict[tuple[str, int], Measured]:
    """Return sums by group and bucket (its start, 0 without buckets). What has no rows is absent."""
    sql = _SUMS.format(
        group=_GROUPS[grouping.by],
        bucket=_bucket(grouping.bucket_starts_s),
        measured=_measured(levels),
        facts=_KINDS if grouping.by == "kind" else "",
        workflows=_workflows(scope, is_split=grouping.by is not None),
        rows=rows,
    )
    parameters = _parameters(scope) | {"starts": list(grouping.bucket_starts_s), "most": grouping.most}
    found = connection.query(sql, parameters, settings=_scan(within_s))
    return {(group, start_s): _as_measured(row) for group, start_s, *row in found}


_RESULTS = """
SELECT {bucket}, sumMap(failures), sum(jobs_with_status), sum(arraySum(failed_durations.values)), sum(failed_seconds),
       quantilesExactWeightedArray({levels})(failed_durations.keys, failed_durations.values),
       quantilesExactWeightedArray({levels})(
           durations.keys,
           arrayMap((bin, number) -> toUInt64(number - failed_durations[bin]), durations.keys, durations.values))
FROM analytics
WHERE user_id = %(user_id)s AND {workflows} AND ({rows})
GROUP BY 1
"""


def results(
    connection: Connection,
    scope: Scope,
    rows: str,
    bucket_starts_s: Sequence[int],
    levels: Sequence[float],
    within_s: float,
) -> dict[int, Results]:
    """Return what is known of results beside their numbers, by bucket (its start, 0 without buckets)."""
    sql = _RESULTS.format(
        bucket=_bucket(bucket_starts_s),
        levels=_levels(levels),
        workflows=_workflows(scope, is_split=False),
        rows=rows,
    )
    parameters = _parameters(scope) | {"starts": list(bucket_starts_s)}
    found = connection.query(sql, parameters, settings=_scan(within_s))
    return {
        start_s: Results(
            _as_failures(failures), with_status, failed_jobs, seconds, tuple(failed), tuple(completed)
        )
        for start_s, failures, with_status, failed_jobs, seconds, failed, completed in found
    }


_COUNTS = """
SELECT ({total}), countIf(state = 'terminated'), countIf(state = 'deleted'),
       countIf(terminated_ms > 0 AND terminated_ms >= %(start_ms)s AND terminated_ms < %(end_ms)s),
       countIf(gone_ms > 0 AND gone_ms >= %(start_ms)s AND gone_ms < %(end_ms)s)
FROM
(
    SELECT workflow_id, {state} AS state, max(terminate).time_ms AS terminated_ms, max(deleted_ms) AS gone_ms
    FROM workflows
    WHERE user_id = %(user_id)s
    GROUP BY workflow_id
    HAVING terminated_ms > 0 OR gone_ms > 0
)
WHERE workflow_id IN ({named})
"""

_TOTAL = """
SELECT sum(workflows)
FROM analytics
WHERE resolution = 'total' AND user_id = %(user_id)s
  AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
"""

_NAMED = """
SELECT workflow_id
FROM analytics
WHERE resolution = 'total' AND user_id = %(user_id)s AND {workflows}
GROUP BY workflow_id
HAVING sum(workflows) > 0
"""


def workflow_counts(connection: Connection, scope: Scope, span: Span, within_s: float) -> WorkflowCounts:
    """Return how many workflows there are, by state; those that were last terminated, or deleted, within a span."""
    named = _NAMED.format(workflows=_workflows(scope, is_split=True))
    total = _TOTAL if scope.is_everything else f"SELECT count() FROM ({named})"
    sql = _COUNTS.format(total=total, named=named, state=_STATE)
    parameters = _parameters(scope) | {"start_ms": span.start_s * 1000, "end_ms": span.end_s * 1000}
    ((total, terminated, deleted, *in_range),) = connection.query(sql, parameters, settings=_scan(within_s))
    return WorkflowCounts(total - terminated - deleted, terminated, deleted, *in_range)


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
        workflows=_workflows(scope, is_split=True),
        rows=rows,
        sums=ordering.sums,
        value=ordering.value,
        state=_STATE,
        behind=_behind(behind, is_descending=ordering.is_descending),
        direction="DESC" if ordering.is_descending else "ASC",
    )
    parameters = _parameters(scope) | {"most": most} | (behind or Place(None, ""))._asdict()
    found = connection.query(sql, parameters, settings=_scan(within_s))
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


def _bucket(starts_s: Sequence[int]) -> str:
    return "roundDown(toUInt32(bucket_start), %(starts)s)" if starts_s else "toUInt32(0)"


def _measured(levels: Sequence[float]) -> str:
    return _MEASURED.format(sums=", ".join(map(sum_of, _SUMMED)), levels=_levels(levels))


def _levels(levels: Sequence[float]) -> str:
    return ", ".join(map(level_text, levels))


def level_text(level: float) -> str:
    """Return the level of a quantile as SQL, a trace smaller.

    ClickHouse takes the job of rank ceil(level x jobs), and in floating point 0.07 x 100 is more than 7.
    """
    return repr(level * (1 - 2**-50))


def _as_measured(row: Sequence[Any]) -> Measured:
    return Measured(*row)._replace(percentile_bins=tuple(row[-1]))


def _as_failures(found: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Return counts by failure kind and error code, which are stored with a blank between."""
    pairs = ((name.partition(" "), jobs) for name, jobs in found.items())
    return {(kind, code): jobs for (kind, _, code), jobs in pairs}


_MATCHING = """
SELECT workflow_id FROM workflows WHERE user_id = %(user_id)s GROUP BY workflow_id HAVING {condition}
"""


def _workflows(scope: Scope, *, is_split: bool) -> str:
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
        matches.append(f"{_STATE} IN %(states)s")
    condition = " AND ".join(matches)
    has_unknown = "" in scope.kinds or not scope.kinds
    if has_unknown and (not scope.states or State.ACTIVE in scope.states):
        return f"workflow_id NOT IN ({_MATCHING.format(condition=f'NOT ({condition})')})"
    return f"workflow_id IN ({_MATCHING.format(condition=condition)})"


def _parameters(scope: Scope) -> dict[str, object]:
    return {
        "user_id": scope.user_id,
        "workflow_ids": tuple(scope.workflow_ids or ()),
        "kinds": scope.kinds,
        "states": tuple(state.value for state in scope.states),
    }


def _point(within_s: float) -> Mapping[str, object]:
    """One thread is fastest for a granule or two; the server gives up when the caller does."""
    return {"max_threads": 1, "max_execution_time": max(_SHORTEST_S, within_s)}


def _scan(within_s: float) -> Mapping[str, object]:
    return {"max_execution_time": max(_SHORTEST_S, within_s)}
