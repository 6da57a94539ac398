"""Results, failures, streams and durations as table `analytics` has them, beside what must be true of them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from analytics import histogram
from tests.reference import Reference

Query = Callable[[str, Mapping[str, object]], list[tuple[Any, ...]]]
"""Runs SQL on the tables that are judged."""

Json = Any
"""What must be true, in the shape of `*.expected.json`."""

RESOLUTIONS = ("total", "day", "quarter")
NIL = UUID(int=0)

_RESULTS = """
SELECT resolution, user_id, workflow_id, sum(jobs_completed), sum(jobs_failed), sumMap(failures),
       sum(log_lines) - sum(stderr_lines), sum(stderr_lines)
FROM analytics WHERE resolution IN ('total', 'day', 'quarter') GROUP BY resolution, user_id, workflow_id
"""
_DURATIONS = """
SELECT resolution, user_id, workflow_id, sumMap(durations), min(shortest_seconds), max(longest_seconds),
       sum(jobs_with_status), sum(failed_seconds), sumMap(failed_durations)
FROM analytics WHERE resolution IN ('total', 'day', 'quarter') GROUP BY resolution, user_id, workflow_id
HAVING sum(jobs) > 0
"""
_DAYS = """
SELECT user_id, toString(toDate(bucket_start)), sum(jobs), sum(execution_seconds), sum(log_lines) AS lines
FROM analytics
WHERE resolution = 'day' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY user_id, bucket_start HAVING sum(jobs) + lines > 0
"""

Pair = tuple[str, str]
"""A user, and a workflow or (of all of them) nothing."""


Durations = dict[str, dict[Pair, tuple[Any, ...]]]
"""By resolution: bins, shortest, longest; of jobs that tell their result: how many, and seconds and bins of failed ones."""


class Results(NamedTuple):
    """What became of jobs, and where log lines went."""

    completed: int
    failed: int
    by_kind: Counter[str]
    by_code: Counter[str]
    stdout_lines: int
    stderr_lines: int

    def __add__(self, other: object) -> "Results":
        assert isinstance(other, Results)
        return Results(*(one + more for one, more in zip(self, other, strict=True)))


_NONE = Results(0, 0, Counter(), Counter(), 0, 0)


def require_insights(query: Query, expected: Json, durations: Durations | None = None) -> None:
    """Compare everything that expected files tell beyond totals. `durations`: as stored, if they were asked for already."""
    results, durations = stored_results(query), durations or stored_durations(query)
    for resolution in RESOLUTIONS:
        _require_results(results[resolution], expected)
        _require_percentiles(durations[resolution], expected)
    _require_days(query, expected)


def stored_results(query: Query) -> dict[str, dict[Pair, Results]]:
    """By resolution: what is counted, of whoever it is not nothing."""
    found: dict[str, dict[Pair, Results]] = {resolution: {} for resolution in RESOLUTIONS}
    for resolution, user, flow, completed, failed, ways, stdout, stderr in query(_RESULTS, {}):
        by_kind, by_code = Counter[str](), Counter[str]()
        for way, times in ways.items():
            kind, _, code = way.partition(" ")
            by_kind[kind] += times
            by_code[code] += times
        one = Results(completed, failed, by_kind, by_code, stdout, stderr)
        if one != _NONE:
            found[resolution][_pair(user, flow)] = one
    return found


def stored_durations(query: Query) -> Durations:
    """By resolution: what is stored of the durations of whoever has jobs."""
    found: Durations = {resolution: {} for resolution in RESOLUTIONS}
    for resolution, user, flow, *numbers in query(_DURATIONS, {}):
        found[resolution][_pair(user, flow)] = tuple(numbers)
    return found


def require_durations(durations: Durations, reference: Reference) -> None:
    """Compare bins, shortest and longest durations exactly."""
    jobs: defaultdict[Pair, tuple[list[int], list[int], list[int]]] = defaultdict(lambda: ([], [], []))
    for id_, flow in reference.workflows.items():
        for pair in ((str(flow.user), str(id_)), (str(flow.user), "")):
            completed, failed = flow.durations_by_status["COMPLETED"], flow.durations_by_status["FAILED"]
            for kept, more in zip(jobs[pair], (flow.durations, completed, failed), strict=True):
                kept += more
    expected = {
        pair: (_bins(all_), min(all_), max(all_), len(completed) + len(failed), sum(failed), _bins(failed))
        for pair, (all_, completed, failed) in jobs.items()
        if all_
    }
    for resolution in RESOLUTIONS:
        assert durations[resolution] == expected, resolution


def _require_results(stored: dict[Pair, Results], expected: Json) -> None:
    """A workflow without analytics may have results too, which expected files do not tell."""
    flows = {(row["user_id"], row["workflow_id"]): _expected(row) for row in expected["workflows"]}
    untold = {(row["user_id"], row["workflow_id"]) for row in expected["workflows_without_analytics"]}
    flows |= {pair: stored[pair] for pair in untold & stored.keys()}
    users: defaultdict[Pair, Results] = defaultdict(lambda: _NONE)
    for (user, _), one in flows.items():
        users[user, ""] += one
    assert stored == {pair: one for pair, one in (flows | users).items() if one != _NONE}


def _expected(row: Json) -> Results:
    by_kind, by_code = Counter(row["failures_by_kind"]), Counter(row["failures_by_code"])
    lines = row["stdout_lines"], row["stderr_lines"]
    return Results(row["jobs_completed"], row["jobs_failed"], by_kind, by_code, *lines)


def _require_percentiles(stored: dict[Pair, tuple[Any, ...]], expected: Json) -> None:
    """Within one percent, by nearest rank, and as many jobs."""
    flows = {row["workflow_id"]: row["user_id"] for row in expected["workflows"]}
    told = expected["duration_percentiles"]
    exact = {(user, ""): row for user, row in told["users"].items()}
    exact |= {(flows[flow], flow): row for flow, row in told["workflows"].items()}
    for pair, row in exact.items():
        bins = stored[pair][0]
        assert sum(bins.values()) == row["jobs"], pair
        for rank in (50, 95, 99):
            found, wanted = nearest_rank(bins, rank), row[f"p{rank}"]
            assert abs(found - wanted) <= histogram.RELATIVE_ERROR * wanted, (pair, rank)


def nearest_rank(bins: Mapping[int, int], rank: int) -> float:
    """The percentile that bins tell."""
    left = -(-rank * sum(bins.values()) // 100)
    for number in sorted(bins):
        left -= bins[number]
        if left <= 0:
            return histogram.value_s(number)
    raise AssertionError("there are no durations")


def _require_days(query: Query, expected: Json) -> None:
    days: defaultdict[Pair, Counter[int]] = defaultdict(Counter)
    for user, rows in expected["jobs_by_utc_day"].items():
        for day, numbers in rows.items():
            days[user, day].update(dict(enumerate(numbers)))
    for user, rows in expected["job_log_lines_by_utc_day"].items():
        for day, lines in rows.items():
            days[user, day][2] += lines
    stored = {(str(user), day): numbers for user, day, *numbers in query(_DAYS, {})}
    assert stored == {place: [row[at] for at in range(3)] for place, row in days.items()}


def _bins(seconds: Iterable[int]) -> dict[int, int]:
    return dict(Counter(_bin(one) for one in seconds))


@cache
def _bin(seconds: int) -> int:
    return next(at for at, bound in enumerate(histogram._UPPER_BOUNDS) if seconds <= bound)


def _pair(user: UUID, flow: UUID) -> Pair:
    return str(user), "" if flow == NIL else str(flow)
