"""The index against the numbers: what was counted must be in the index, and what is in the index was counted.

Below the checkpoint the index has a row for every event with a key, and the first one of each key was counted. So

    workflows    as many as keys of named workflows
    jobs         at least as many as distinct keys of topic `analytics`; at most those, and repeats beyond the horizon,
                 and records that have no row (those without EventKey among them)
    results      the same with topic `workflows`; what a former version applied has neither results nor rows
    log lines    at least as many as distinct lines; at most those and repeats beyond the horizon

The last upper bound holds only while no week of the index was dropped. Where keys have moved between partitions, a
key in two of them may have counted twice or once. Read the numbers and checkpoints first and the index afterwards,
below those checkpoints: there it does not change any more, but that old weeks may go, which loosens the bounds.

What was imported from the Go service is in the numbers without being in the index, and the other way round: its rows
are evidence only. So the numbers that are compared are those counted since, and keys that were imported do not count.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from analytics.store.pool import Connection, Table
from processor.audit.finding import Finding, Harm
from processor.audit.ledger_rows import Known, LedgerRows
from processor.importing.spool import Totals

_SETTINGS: Final = {"max_bytes_before_external_group_by": 1 << 30, "max_bytes_before_external_sort": 1 << 30}
_ASKED: Final = {"partition_id": "UUID", "below": "Int64", "is_imported": "UInt8"}

_KEYS = """
SELECT countIf(imported = 0), sum(partitions), sum(again), sum(all_records)
FROM
(
    SELECT key_hi, key_lo, countIf(NOT is_imported) AS partitions, countIf(is_imported) AS imported,
           sumIf(records - 1, is_spread AND NOT is_imported) AS again, sumIf(records, NOT is_imported) AS all_records
    FROM
    (
        SELECT key_hi, key_lo, partition_id, any(is_imported) AS is_imported, uniqExact(record_offset) AS records,
               max(time_ms) - min(time_ms) > %(horizon_ms)s AS is_spread
        FROM event_keys
        INNER JOIN asked USING (partition_id)
        WHERE record_offset < below AND (garbage_week = 65535) = %(named)s
        GROUP BY key_hi, key_lo, partition_id
    )
    GROUP BY key_hi, key_lo
)
"""

_LINES = """
SELECT sumIf(greatest(behind - greatest(first, covered), 0), NOT is_imported),
       sumIf(least(behind, covered) - first, NOT is_imported AND covered > first
             AND greatest(newest, newest_before) - least(oldest, oldest_before) > %(horizon_ms)s),
       sumIf(greatest(behind - greatest(first, covered), 0), is_imported)
FROM
(
    SELECT is_imported, toInt64(first_seq) AS first, toInt64(last_seq) + 1 AS behind, min_time_ms AS oldest,
           (toInt64(garbage_week) + 1) * 604800000 AS newest, max(toInt64(last_seq) + 1) OVER before AS covered,
           min(min_time_ms) OVER before AS oldest_before,
           max((toInt64(garbage_week) + 1) * 604800000) OVER before AS newest_before
    FROM log_runs
    INNER JOIN asked USING (partition_id)
    WHERE last_offset < below
    WINDOW before AS (PARTITION BY {partition} job_hi, job_lo, attempt, stream ORDER BY first_seq, last_seq
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
"""  # lines of a run are new as far as the runs before it (by number) do not cover them; no run before: `covered` is 0

_DROPPED = """
SELECT (SELECT max(week) FROM
            (SELECT min(toUInt32(partition)) AS week FROM system.parts
             WHERE database = currentDatabase() AND table IN ('log_runs', 'event_keys') AND partition != '65535' AND active
             GROUP BY table)),
       (SELECT toInt64(min(toUnixTimestamp(bucket_start))) FROM analytics WHERE resolution = 'day' AND log_lines != 0)
"""  # of one shard: weeks are dropped on all of them, where they are

_HIGHEST = """
SELECT partition_id, max(offset), count() FROM
(
    SELECT partition_id, record_offset AS offset FROM event_keys
    UNION ALL
    SELECT partition_id, last_offset AS offset FROM log_runs
)
GROUP BY partition_id
"""


class Bounds(NamedTuple):
    """How many the index allows; `most` None: it does not say."""

    least: int
    most: int | None


class Keys(NamedTuple):
    """Keys of some partitions, below their checkpoints.

    `distinct`: of all partitions together. `by_partition`: of each, added up. `again`: rows that may have counted
    again, for they are beyond the horizon. `records`: all of them.
    """

    distinct: int
    by_partition: int
    again: int
    records: int


class LineCounts(NamedTuple):
    """Log lines of regular keys, below the checkpoints: the first three as in `Keys`; whether weeks were dropped."""

    distinct: int
    by_partition: int
    again: int
    dropped: bool


def index_bounds(
    connection: Connection, ledger: LedgerRows, known: Mapping[UUID, Known], horizon_ms: int, *, dropped: bool
) -> dict[str, Bounds]:
    """Return bounds of `workflows`, `jobs`, `results` and `log_lines`, counted since an import, as the index gives them.

    `dropped`: whether weeks of the index are gone.
    """
    analytics, results, lines = (
        _below(ledger, known, topic) for topic in ("analytics", "workflows", "job_logs")
    )
    named = _keys(connection, analytics, horizon_ms, named=True)
    bounds = {"workflows": Bounds(named.distinct, named.by_partition)}
    for name, below in (("jobs", analytics), ("results", results)):
        keys = _keys(connection, below, horizon_ms, named=False)
        bounds[name] = job_bounds(keys, applied=sum(one.below for one in below if not one.is_imported))
    irregular = _keys(connection, lines, horizon_ms, named=False)
    counts = LineCounts(*_lines(connection, lines, horizon_ms), dropped)
    return bounds | {"log_lines": line_bounds(counts, irregular)}


def job_bounds(keys: Keys, applied: int) -> Bounds:
    """Return the bounds of jobs, or of their results; `applied`: offsets below the checkpoints. Pure."""
    return Bounds(keys.distinct, keys.by_partition + keys.again + applied - keys.records)


def line_bounds(regular: LineCounts, irregular: Keys) -> Bounds:
    """Return the bounds of log lines. Pure."""
    least = regular.distinct + irregular.distinct
    if regular.dropped:
        return Bounds(least, None)
    again = regular.again + irregular.again
    return Bounds(least, regular.by_partition + irregular.by_partition + again)


def bounds_findings(counted: Mapping[str, int], bounds: Mapping[str, Bounds]) -> list[Finding]:
    """Return which numbers the index does not allow. Pure."""
    findings = []
    for name, (least, most) in bounds.items():
        number = counted[name]
        words = name.replace("_", " ")
        if number < least:
            findings.append(
                Finding(
                    "index",
                    Harm.WRONG,
                    f"{number:,} {words} are counted, but the index knows {least:,} below the checkpoints: table "
                    "analytics lacks a batch, or is older than the index",
                    "If table analytics was restored from a backup, restore its checkpoints with it. Otherwise rebuild: "
                    "see `chronoverse-processor rebuild --help`",
                )
            )
        elif most is not None and number > most:
            findings.append(
                Finding(
                    "index",
                    Harm.MAY_BECOME_WRONG,
                    f"{number:,} {words} are counted, but by the index there are at most {most:,}: rows of the index "
                    "below the checkpoint are lost (their repeats will count again), or events counted twice. "
                    "PROCESSOR_HORIZON being shorter in the past would explain it as well",
                    "If table event_keys or log_runs was restored from a backup, it is older than table analytics: "
                    "restore all of them from one backup, or rebuild",
                )
            )
    return findings


def highest_rows(connection: Connection) -> dict[UUID, tuple[int, int]]:
    """Return the highest offset and the number of index rows of every partition."""
    return {id_: (highest, rows) for id_, highest, rows in connection.query(_HIGHEST, settings=_SETTINGS)}


def index_row_findings(
    highest: Mapping[UUID, tuple[int, int]], known: Mapping[UUID, Known], ends: Mapping[UUID, int]
) -> list[Finding]:
    """Return what is wrong with index rows by themselves. Pure; `ends`: where logs end, read after the rows."""
    findings = []
    strange = sum(rows for id_, (_, rows) in highest.items() if id_ not in known)
    if strange:
        what = f"{strange:,} rows of the index belong to partitions that this database does not know: nobody asks for them"
        findings.append(
            Finding("index", Harm.HARMLESS, what, "Nothing. They go when their weeks are dropped")
        )
    for id_, (offset, _) in highest.items():
        if id_ in ends and offset >= ends[id_]:
            findings.append(
                Finding(
                    "index",
                    Harm.MAY_BECOME_WRONG,
                    f"the index has records of {known[id_].partition} up to offset {offset}, but the log ends at "
                    f"{ends[id_]}: it was cut. When other records are written there, their repeats would be taken "
                    "for ones that came before",
                    "Stop the producers. Create the topic anew and adopt it (`chronoverse-processor adopt`)",
                )
            )
    return findings


class _Below(NamedTuple):
    """Rows of a partition as far as they are below its checkpoint; those that were imported are evidence for all topics."""

    partition_id: UUID
    below: int
    is_imported: bool


def _below(ledger: LedgerRows, known: Mapping[UUID, Known], topic: str) -> list[_Below]:
    """Return the partitions of a topic, former logs' and an import's too, with their checkpoints."""
    return [
        _Below(id_, row.total, known[id_].is_imported)
        for id_, row in ledger.checkpoints.items()
        if id_ in known and (known[id_].is_imported or known[id_].partition.topic == topic)
    ]


def _keys(connection: Connection, below: list[_Below], horizon_ms: int, *, named: bool) -> Keys:
    asked = Table("asked", _ASKED, below)
    parameters = {"horizon_ms": horizon_ms, "named": int(named)}
    ((distinct, by_partition, again, records),) = connection.query_with_table(_KEYS, asked, parameters)
    return Keys(distinct, by_partition, again, records)


def _lines(connection: Connection, below: list[_Below], horizon_ms: int) -> tuple[int, int, int]:
    """Return the first three of LineCounts."""
    asked, parameters = Table("asked", _ASKED, below), {"horizon_ms": horizon_ms}
    ((by_partition, again, imported),) = connection.query_with_table(
        _LINES.format(partition="partition_id,"), asked, parameters
    )
    ((some, _, others),) = connection.query_with_table(_LINES.format(partition=""), asked, parameters)
    return some + others - imported, by_partition, again


def weeks_are_dropped(shards: Iterable[Connection]) -> bool:
    """Whether weeks of the index may be gone, on any of these servers."""
    return any(_is_dropped(*connection.query(_DROPPED)[0]) for connection in shards)


def _is_dropped(oldest_week: int, first_day_s: int) -> bool:
    """Whether weeks may be gone: lines of the first day had records at most 25 hours after it began."""
    return oldest_week > (first_day_s + 25 * 3600) // (7 * 86_400)


def counted(ledger: LedgerRows, imported: Totals) -> dict[str, int]:
    """Return the numbers that the index bounds: without those that were imported."""
    numbers = ledger.totals._asdict()
    return numbers | {name: numbers[name] - number for name, number in imported._asdict().items()}


def ends_by_id(known: Mapping[UUID, Known], ends: Iterable[tuple[tuple[str, int], int]]) -> dict[UUID, int]:
    """Return the ends of logs by the ids of the partitions that are counted now."""
    ids = {(one.partition.topic, one.partition.number): id_ for id_, one in known.items() if one.is_current}
    return {ids[place]: end for place, end in ends if place in ids}
