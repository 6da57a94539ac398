"""Checkpoints and grand totals as they are stored, in one snapshot, and what contradicts itself there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from analytics.store.pool import Connection
from processor.audit.finding import RESTORE_OR_REBUILD, Finding, Harm
from processor.model import Partition, import_partition, partition_id

_KNOWN = """
SELECT topic, epoch, any(cluster_id), any(topic_id), max(partitions), epoch = max(epoch) OVER (PARTITION BY topic)
FROM lineage
GROUP BY topic, epoch
"""

_IMPORTED = "SELECT import_id FROM imports"

_LEDGER = """
SELECT resolution = 'checkpoint', workflow_id, sum(checkpoint_rows), sum(offset_delta), max(next_offset),
       sum(generation), sum(workflows), sum(jobs), sum(jobs_completed) + sum(jobs_failed), sum(execution_seconds),
       sum(log_lines), sum(log_bytes)
FROM analytics
WHERE resolution = 'checkpoint'
   OR (resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000'))
GROUP BY 1, 2
"""


class CheckpointRow(NamedTuple):
    """The rows of a partition, added up: `started` must be 1, and `total` equal to `highest`."""

    partition_id: UUID
    started: int
    total: int
    highest: int
    generation: int

    @property
    def is_sound(self) -> bool:
        """Whether the rows agree with each other."""
        return self.started == 1 and self.total == self.highest

    @property
    def reached(self) -> int:
        """The next offset; of a broken one the higher of the two that it may be."""
        return max(self.total, self.highest)


class GrandTotals(NamedTuple):
    """Sums over all users."""

    workflows: int = 0
    jobs: int = 0
    results: int = 0
    execution_seconds: int = 0
    log_lines: int = 0
    log_bytes: int = 0


class LedgerRows(NamedTuple):
    """One snapshot of table `analytics`: the checkpoints and what was counted up to them."""

    checkpoints: Mapping[UUID, CheckpointRow]
    totals: GrandTotals


class Known(NamedTuple):
    """A partition that was ever counted. Not `is_current`: of a log before one that was adopted, or of an import."""

    partition: Partition
    is_current: bool
    is_imported: bool = False


def known_partitions(connection: Connection) -> dict[UUID, Known]:
    """Return all partitions of all logs that were ever counted, by id."""
    imported = [import_partition(import_id) for (import_id,) in connection.query(_IMPORTED)]
    known = {one.id: Known(one, is_current=False, is_imported=True) for one in imported}
    for topic, epoch, cluster_id, topic_id, partitions, is_current in connection.query(_KNOWN):
        for number in range(partitions):
            id_ = partition_id(cluster_id, topic_id, epoch, number)
            known[id_] = Known(Partition(topic, number, id_), bool(is_current))
    return known


def read_ledger(connection: Connection) -> LedgerRows:
    """Return checkpoints and grand totals, read together."""
    checkpoints, totals = {}, GrandTotals()
    for is_checkpoint, id_, started, total, highest, generation, *sums in connection.query(_LEDGER):
        if is_checkpoint:
            checkpoints[id_] = CheckpointRow(id_, started, total, highest, generation)
        else:
            totals = GrandTotals(*sums)
    return LedgerRows(checkpoints, totals)


def checkpoint_findings(rows: Iterable[CheckpointRow], known: Mapping[UUID, Known]) -> list[Finding]:
    """Return what is wrong with checkpoints by themselves. Pure."""
    findings = []
    for row in rows:
        if row.partition_id not in known:
            findings.append(_orphan(row))
        elif not row.is_sound:
            findings.append(_contradiction(row, known[row.partition_id].partition))
    return findings


def _contradiction(row: CheckpointRow, partition: Partition) -> Finding:
    wrong = []
    if row.started != 1:
        wrong.append(f"it has {row.started} first rows instead of one")
    if row.total != row.highest:
        wrong.append(f"its offsets add up to {row.total}, but its last row says {row.highest}")
    return Finding(
        "checkpoints",
        Harm.WRONG,
        f"the checkpoint of {partition} contradicts itself: {' and '.join(wrong)}. A batch was lost or written twice, "
        "so numbers of this partition lack or double events",
        RESTORE_OR_REBUILD,
    )


def _orphan(row: CheckpointRow) -> Finding:
    return Finding(
        "checkpoints",
        Harm.MAY_BECOME_WRONG,
        f"there is a checkpoint at {row.reached} of partition {row.partition_id}, which belongs to no topic that this "
        "database knows: rows of table lineage are lost, or another program writes into table analytics",
        "Restore table lineage from a backup; if nothing is missing there, find out who writes into table analytics",
    )


class Progress(NamedTuple):
    """What table `progress` claims of a partition."""

    partition_id: UUID
    next_offset: int
    end_offset: int
    as_of_ms: int
    updated_ms: int


_PROGRESS = """
SELECT partition_id, max(next_offset), argMax(end_offset, updated_at), argMax(as_of_ms, updated_at),
       toUnixTimestamp64Milli(max(updated_at))
FROM progress
GROUP BY partition_id
"""


def read_progress(connection: Connection) -> dict[UUID, Progress]:
    """Return what the processors reported last."""
    return {row[0]: Progress(*row) for row in connection.query(_PROGRESS)}


_NO_ROW: Final = CheckpointRow(UUID(int=0), 0, 0, 0, 0)


def freshness_findings(
    before: Mapping[UUID, Progress], ledger: LedgerRows, known: Mapping[UUID, Known]
) -> list[Finding]:
    """Return partitions that were reported further than they are counted. Pure; `before`: read before the ledger."""
    ahead: Sequence[Progress] = [
        one
        for id_, one in before.items()
        if id_ in known and one.next_offset > ledger.checkpoints.get(id_, _NO_ROW).reached
    ]
    return [
        Finding(
            "freshness",
            Harm.MAY_BECOME_WRONG,
            f"{known[one.partition_id].partition} was reported as counted up to {one.next_offset}, but its checkpoint "
            f"is {ledger.checkpoints.get(one.partition_id, _NO_ROW).reached}: table analytics has lost what it had "
            "acknowledged, or is older than the others (a backup?). The records are counted again, but the index may "
            "have lost rows below the checkpoint as well, and answers say that they are newer than they are",
            "Look into the log of ClickHouse for broken or detached parts. If table event_keys or log_runs was restored "
            "too, make sure that it is not older than table analytics",
        )
        for one in ahead
    ]
