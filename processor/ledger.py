"""The ledger: numbers and checkpoint of a batch land in one insert, together and once, or not at all.

    what dies or fails                            what is there afterwards           what happens next
    the insert, before it is sent                 checkpoint C                       the same batch again
    the insert, half sent                         checkpoint C: a block is whole     the same batch again
    the answer to a finished insert               checkpoint E                       error 395: go on from E
    the server, between token and part            checkpoint C, the token is used    "done", but C: token g + 1
    the server, after the part, token lost        checkpoint E                       error 395: go on from E
    this program, anywhere                        checkpoint C or E                  the next owner reads it
    ownership, unnoticed (a zombie)               checkpoint of the new owner        error 395: go on from there

The insert is a compare-and-swap with two guards. The condition in the statement refuses a batch whose first
offset is not the checkpoint, without using up the token. The token, made of the partition and that offset only,
lets one of two inserts pass that have both met the condition. Each alone has holes; see docs/design.md.
"""

from itertools import count
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from analytics.errors import LedgerBroken
from analytics.store.pool import Pool, StatementFailed
from processor.fold import CHECKPOINT, Rows
from processor.ids import halves
from processor.model import Checkpoint, OffsetRange, Partition

_LEND_WITHIN_S: Final = 60.0
_CONDITION_FAILED: Final = 395  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO

ONE_BLOCK: Final = {
    # A join hands on 65,409 rows or 4 MiB at a time. Squashing would make them one part again, but the server makes
    # the token of such a part from ours *and the pieces*, so that one in pieces and one whole pass beside each other.
    "max_joined_block_size_rows": 1_048_449,
    "max_joined_block_size_bytes": 268_435_456,
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 268_435_456,
    "max_insert_threads": 1,
    "deduplicate_insert": "enable",
    "async_insert": 0,
    "optimize_on_insert": 1,
}
"""Settings of every guarded insert: what it sends is one block, hence one part, hence atomic."""

_INSERT = """
INSERT INTO {table}
(
    resolution, user_id, workflow_id, bucket_start, workflows, jobs, execution_seconds, log_lines, log_bytes,
    checkpoint_rows, offset_delta, next_offset, leader_epoch
)
SELECT
    i.resolution,
    reinterpretAsUUID(bitOr(bitShiftLeft(toUInt128(i.user_lo), 64), toUInt128(i.user_hi))),
    reinterpretAsUUID(bitOr(bitShiftLeft(toUInt128(i.workflow_lo), 64), toUInt128(i.workflow_hi))),
    i.bucket_s, i.workflows, i.jobs, i.seconds, i.lines, i.line_bytes,
    i.checkpoint_rows, i.offset_delta, i.next_offset, i.leader_epoch
FROM input('resolution Int8, user_hi UInt64, user_lo UInt64, workflow_hi UInt64, workflow_lo UInt64, bucket_s UInt32,
            workflows Int64, jobs Int64, seconds Int64, lines Int64, line_bytes Int64,
            checkpoint_rows Int64, offset_delta Int64, next_offset Int64, leader_epoch Int32') AS i
CROSS JOIN
(
    SELECT sum(checkpoint_rows) AS started, sum(offset_delta) AS next_offset
    FROM {table}
    WHERE resolution = 'checkpoint'
      AND user_id = toUUID('00000000-0000-0000-0000-000000000000') AND workflow_id = toUUID('{partition_id}')
) AS c
WHERE throwIf(c.started != {started} OR c.next_offset != {first}, 'CHECKPOINT_MOVED') = 0
FORMAT Native
"""

_READ = """
SELECT sum(checkpoint_rows), sum(offset_delta), max(next_offset), argMax(leader_epoch, next_offset)
FROM {table}
WHERE resolution = 'checkpoint'
  AND user_id = toUUID('00000000-0000-0000-0000-000000000000') AND workflow_id = %(partition_id)s
"""


Column = npt.NDArray[Any]


class CheckpointMoved(Exception):
    """Somebody else has applied records from this offset on, or we did and lost the answer: go on at the checkpoint."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        super().__init__(checkpoint)
        self.checkpoint = checkpoint


class Ledger:
    """Checkpoints of partitions in table `analytics`. Errors that leave an outcome unknown are Retryable."""

    def __init__(self, plain: Pool, columns: Pool, *, table: str = "analytics") -> None:
        self._plain, self._columns, self._table = plain, columns, table

    def checkpoint(self, partition: Partition) -> Checkpoint | None:
        """Return how far a partition is applied; None when it was never begun. Raises LedgerBroken."""
        sql = _READ.format(table=self._table)
        with self._plain.lend(_LEND_WITHIN_S) as connection:
            ((started, total, highest, leader_epoch),) = connection.query(sql, {"partition_id": partition.id})
        if started == 0 and total == 0:
            return None
        if started != 1 or total != highest:
            raise LedgerBroken(
                f"the checkpoint of {partition} contradicts itself: {started} first rows, its offsets add up to "
                f"{total}, its last row says {highest}. The numbers of this partition may be wrong: restore a backup"
            )
        return Checkpoint(total, leader_epoch)

    def begin(self, partition: Partition, low: int) -> Checkpoint:
        """Begin a partition at offset `low`, or return the checkpoint of whoever was faster."""
        first = checkpoint_row(partition.id, OffsetRange(0, low), started=1, leader_epoch=-1)
        for ghosts in count():
            try:
                self.insert(partition, first, started=0, first=0, token=f"init#{ghosts}")
            except CheckpointMoved as moved:
                found = moved.checkpoint
            else:
                found = self.checkpoint(partition)
            if found is not None:
                return found
        raise AssertionError("unreachable")

    def apply(
        self, partition: Partition, offsets: OffsetRange, rows: Rows | None, *, leader_epoch: int, ghosts: int
    ) -> bool:
        """Insert rows and checkpoint; return True when it is read back, False after a ghost token.

        After False the same call is right with `ghosts + 1`. Raises CheckpointMoved when the partition is not (or
        no longer) at the first offset, and Retryable when the outcome is unknown: then the same call again, with
        the same `ghosts`, is right.
        """
        columns = checkpoint_row(partition.id, offsets, started=0, leader_epoch=leader_epoch)
        if rows is not None:
            columns = _with_rows(columns, rows)
        token = f"{offsets.first}#{ghosts}"
        self.insert(partition, columns, started=1, first=offsets.first, token=token)
        found = self.checkpoint(partition)
        if found is not None and found.next_offset == offsets.first:
            return False
        if found is None or found.next_offset != offsets.end:
            raise CheckpointMoved(found)
        return True

    def insert(
        self, partition: Partition, columns: list[Column], *, started: int, first: int, token: str
    ) -> None:
        """Insert columns if `started` and `first` are the checkpoint's, and the token is new. See `apply`."""
        sql = _INSERT.format(table=self._table, partition_id=partition.id, started=started, first=first)
        settings = ONE_BLOCK | {"insert_deduplication_token": f"{partition.id}@{token}"}
        try:
            with self._columns.lend(_LEND_WITHIN_S) as connection:
                connection.insert(sql, columns, settings=settings)
        except StatementFailed as error:
            if error.code != _CONDITION_FAILED:
                raise
            raise CheckpointMoved(self.checkpoint(partition)) from None


def checkpoint_row(
    partition_id: UUID, offsets: OffsetRange, *, started: int, leader_epoch: int
) -> list[Column]:
    """Return the columns of the insert, with the row of the checkpoint alone."""
    (hi,), (lo,) = halves([partition_id.int])
    values: list[tuple[object, type]] = [
        (CHECKPOINT, np.int8),
        (0, np.uint64),
        (0, np.uint64),
        (hi, np.uint64),
        (lo, np.uint64),
        (0, np.uint32),
        *((0, np.int64) for _ in range(5)),
        (started, np.int64),
        (offsets.end - offsets.first, np.int64),
        (offsets.end, np.int64),
        (leader_epoch, np.int32),
    ]
    return [np.array([value], dtype) for value, dtype in values]


def _with_rows(checkpoint: list[Column], rows: Rows) -> list[Column]:
    """Return the columns with rows behind the row of the checkpoint."""
    none = np.zeros(len(rows.resolution), np.int64)
    unknown = np.full(len(rows.resolution), -1)  # of leader_epoch
    parts = [*rows, none, none, none, unknown]
    return [
        np.concatenate((one, part.astype(one.dtype))) for one, part in zip(checkpoint, parts, strict=True)
    ]
