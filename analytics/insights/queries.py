"""SELECTs of sums over ranges, as whole text beside the function that runs it; those of workflows: `workflow_queries`.

All functions block, only read, and may be repeated. They raise StoreUnavailable, StoreTimeout or StatementFailed.
What is put into the text by `format` is SQL of our own; values are parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from analytics.calendar import DAY_S, Span
from analytics.insights.conditions import (
    level_text,
    parameters_of,
    point_settings,
    scan_settings,
    sum_of,
    workflows_condition,
)
from analytics.insights.model import Measured, Results, Scope
from analytics.store.pool import Connection

_EXTENT = """
SELECT toUnixTimestamp(min(bucket_start)), toUnixTimestamp(max(bucket_start)), count()
FROM analytics
WHERE resolution = 'day' AND user_id = %(user_id)s
  AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
"""


def extent(connection: Connection, user_id: UUID, within_s: float) -> Span | None:
    """Return the UTC days of the earliest and the latest thing counted for a user; None when nothing was."""
    ((first_s, last_s, rows),) = connection.query(
        _EXTENT, {"user_id": user_id}, settings=point_settings(within_s)
    )
    return Span(first_s, last_s + DAY_S) if rows else None


_BALANCE = """
SELECT toUnixTimestamp(now()), count()
FROM analytics
WHERE resolution = 'total' AND user_id = %(user_id)s
  AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
"""


def balance(connection: Connection, user_id: UUID, within_s: float) -> Span | None:
    """Return the present UTC day for a user who has nothing but imported totals, which have no time; None without any."""
    ((now_s, rows),) = connection.query(_BALANCE, {"user_id": user_id}, settings=point_settings(within_s))
    return Span(now_s // DAY_S * DAY_S, now_s // DAY_S * DAY_S + DAY_S) if rows else None


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
        workflows=workflows_condition(scope, is_split=True),
        rows=rows,
    )
    ((count,),) = connection.query(sql, parameters_of(scope), settings=scan_settings(within_s))
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
    found = connection.query(_BEGINNINGS, parameters, settings=scan_settings(within_s))
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
    ranks: Sequence[float],
    within_s: float,
) -> dict[tuple[str, int], Measured]:
    """Return sums by group and bucket (its start, 0 without buckets). What has no rows is absent."""
    sql = _SUMS.format(
        group=_GROUPS[grouping.by],
        bucket=_bucket(grouping.bucket_starts_s),
        measured=_measured(ranks),
        facts=_KINDS if grouping.by == "kind" else "",
        workflows=workflows_condition(scope, is_split=grouping.by is not None),
        rows=rows,
    )
    parameters = parameters_of(scope) | {"starts": list(grouping.bucket_starts_s), "most": grouping.most}
    found = connection.query(sql, parameters, settings=scan_settings(within_s))
    return {(group, start_s): _as_measured(row) for group, start_s, *row in found}


_OUTCOMES = """
SELECT {bucket}, {measured}, sumMap(failures), sum(jobs_with_status), sum(arraySum(failed_durations.values)),
       sum(failed_seconds), quantilesExactWeightedArray({levels})(failed_durations.keys, failed_durations.values),
       quantilesExactWeightedArray({levels})(
           durations.keys,
           arrayMap((bin, number) -> toUInt64(number - failed_durations[bin]), durations.keys, durations.values))
FROM analytics
WHERE user_id = %(user_id)s AND {workflows} AND ({rows})
GROUP BY 1
"""
_OF_RESULTS: Final = len(Results._fields)


def outcomes(
    connection: Connection,
    scope: Scope,
    rows: str,
    bucket_starts_s: Sequence[int],
    ranks: Sequence[float],
    within_s: float,
) -> dict[int, tuple[Measured, Results]]:
    """Return sums together with what is known of results, by bucket (its start, 0 without buckets): of one moment."""
    sql = _OUTCOMES.format(
        bucket=_bucket(bucket_starts_s),
        measured=_measured(ranks),
        levels=_levels(ranks),
        workflows=workflows_condition(scope, is_split=False),
        rows=rows,
    )
    parameters = parameters_of(scope) | {"starts": list(bucket_starts_s)}
    found = connection.query(sql, parameters, settings=scan_settings(within_s))
    return {
        start_s: (_as_measured(row[:-_OF_RESULTS]), _as_results(*row[-_OF_RESULTS:]))
        for start_s, *row in found
    }


def _bucket(starts_s: Sequence[int]) -> str:
    return "roundDown(toUInt32(bucket_start), %(starts)s)" if starts_s else "toUInt32(0)"


def _measured(ranks: Sequence[float]) -> str:
    return _MEASURED.format(sums=", ".join(map(sum_of, _SUMMED)), levels=_levels(ranks))


def _levels(ranks: Sequence[float]) -> str:
    return ", ".join(level_text(rank / 100) for rank in ranks)


def _as_measured(row: Sequence[Any]) -> Measured:
    return Measured(*row)._replace(percentile_bins=tuple(row[-1]))


def _as_results(
    failures: Mapping[str, int], with_status: int, failed: int, seconds: int, *bins: Sequence[int]
) -> Results:
    return Results(_as_failures(failures), with_status, failed, seconds, *map(tuple, bins))


def _as_failures(found: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Return counts by failure kind and error code, which are stored with a blank between."""
    pairs = ((name.partition(" "), jobs) for name, jobs in found.items())
    return {(kind, code): jobs for (kind, _, code), jobs in pairs}
