"""The numbers against each other: totals, days and quarter hours, and users against their workflows.

What was imported without a time is in no day, but in a row `opening`, which counts as one.

Every query compares within itself, so within one snapshot of parts. They spill to disk where there is too much.
"""

from typing import Final, NamedTuple

from analytics.store.pool import Connection
from processor.audit.finding import RESTORE_OR_REBUILD, Check, Finding, Harm
from processor.measures import COUNTERS, MEASURES

_SPILL: Final = {"max_bytes_before_external_group_by": 1 << 30}
_GENTLE: Final = {"max_threads": 1, "priority": 10, "max_bytes_before_external_group_by": 256 << 20}
_SUMMED: Final = tuple(name for name, one in MEASURES.items() if one.aggregate == "sum")
_EXTREMES: Final = tuple(name for name in MEASURES if name not in _SUMMED)
_FINGERPRINT: Final = """arraySum(arrayMap(
    (thing, times) -> times * reinterpretAsInt64(sipHash64(thing)), mapKeys({0}), mapValues({0})
))"""
"""Of a counter: adds up as its counts do, and differs when something else was counted as often. It wraps around."""

_COUNTED: Final = tuple(_FINGERPRINT.format(name) for name in COUNTERS)
_AGGREGATES: Final = (
    *(f"sum({name})" for name in _SUMMED),
    *(f"{MEASURES[name].aggregate}({name})" for name in _EXTREMES),
    *(f"sum({fingerprint})" for fingerprint in _COUNTED),
)
_NIL: Final = "toUUID('00000000-0000-0000-0000-000000000000')"


class _Comparison(NamedTuple):
    """Rows in groups: in each, those with `plus` must come to the same as the other ones."""

    check: Check
    rows: str
    group: str
    plus: str
    what: str


_COMPARISONS: Final = (
    _Comparison(
        "totals",
        "resolution IN ('total', 'day', 'opening')",
        "user_id, workflow_id",
        "resolution = 'total'",
        "users or workflows have other all-time totals than their days add up to",
    ),
    _Comparison(
        "buckets",
        "resolution IN ('day', 'quarter')",
        "user_id, workflow_id, intDiv(toUInt32(bucket_start), 86400)",
        "resolution = 'day'",
        "days of users or workflows have other numbers than their quarter hours add up to",
    ),
    _Comparison(
        "users",
        "resolution != 'checkpoint'",
        "resolution, user_id, bucket_start",
        f"workflow_id = {_NIL}",
        "totals or buckets of users have other numbers than those of their workflows add up to",
    ),
)

_COMPARE = """
SELECT count() FROM
(
    SELECT 1
    FROM analytics
    WHERE {rows}
    GROUP BY {group}
    HAVING {differ}
)
"""

_NEGATIVE = "SELECT count() FROM analytics WHERE {}".format(
    " OR ".join(
        (
            *(f"{name} < 0" for name in _SUMMED),
            *(f"arrayExists(times -> times < 0, mapValues({name}))" for name in COUNTERS),
        )
    )
)

_SKETCH = f"""
SELECT resolution = 'total', workflow_id = {_NIL}, {", ".join(_AGGREGATES)}
FROM analytics
WHERE resolution IN ('total', 'day', 'opening')
GROUP BY 1, 2
"""


def comparison_names() -> tuple[Check, ...]:
    """Return the checks of `compare`."""
    return tuple(one.check for one in _COMPARISONS)


def compare(connection: Connection, check: Check) -> list[Finding]:
    """Return what one comparison finds; it reads the whole table."""
    (one,) = (one for one in _COMPARISONS if one.check == check)
    sql = _COMPARE.format(rows=one.rows, group=one.group, differ=_differ(one.plus))
    ((groups,),) = connection.query(sql, settings=_SPILL)
    return [_different(one.check, f"{groups:,} {one.what}")] if groups else []


def _differ(plus: str) -> str:
    """Return the SQL condition that the rows with `plus` do not come to the same as the others of their group."""
    sums = [f"sum(if({plus}, {one}, -{one})) != 0" for one in (*_SUMMED, *_COUNTED)]
    extremes = [
        f"{MEASURES[name].aggregate}If({name}, {plus}) != {MEASURES[name].aggregate}If({name}, NOT ({plus}))"
        for name in _EXTREMES
    ]
    return " OR ".join((*sums, *extremes))


def negative(connection: Connection) -> list[Finding]:
    """Return whether there are rows with negative numbers: nothing is ever taken away."""
    ((rows,),) = connection.query(_NEGATIVE, settings=_SPILL)
    if not rows:
        return []
    why = "nothing is ever subtracted, so a sum ran over, or somebody else wrote"
    what = f"{rows:,} rows of table analytics have negative numbers: {why}"
    return [Finding("negative", Harm.WRONG, what, RESTORE_OR_REBUILD)]


def sketch(connection: Connection) -> list[Finding]:
    """Compare numbers over everything, without quarter hours: cheap enough to be done while processors count."""
    found = {
        (is_total, is_user): sums for is_total, is_user, *sums in connection.query(_SKETCH, settings=_GENTLE)
    }
    return sketch_findings(found)


def sketch_findings(sums: dict[tuple[int, int], list[int]]) -> list[Finding]:
    """Return what is wrong with numbers by (is a total, is of a user), as _AGGREGATES has them. Pure."""
    none = [0] * len(_AGGREGATES)
    totals, days = sums.get((1, 1), none), sums.get((0, 1), none)
    findings = []
    if totals != days:
        findings.append(
            _different("totals", "all-time totals of users add up to other numbers than their days")
        )
    if sums.get((1, 0), none) != totals or sums.get((0, 0), none) != days:
        findings.append(_different("users", "users add up to other numbers than their workflows"))
    if any(number < 0 for row in sums.values() for number in row[: len(_SUMMED)]):
        findings.append(
            Finding("negative", Harm.WRONG, "sums over all users are negative", RESTORE_OR_REBUILD)
        )
    return findings


def _different(check: Check, what: str) -> Finding:
    why = "each batch adds the same to all of them in one part, so parts were lost or changed, or somebody else wrote"
    return Finding(check, Harm.WRONG, f"{what}: {why}", RESTORE_OR_REBUILD)
