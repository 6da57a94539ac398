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
offset, or generation, is not the checkpoint's, without using up the token. The token, made of the partition and
that checkpoint only, lets one of two inserts pass that have both met the condition. Each alone has holes; see
docs/exactly-once.md.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple
from uuid import UUID

from analytics.errors import LedgerBroken
from analytics.store.pool import Pool, StatementFailed
from processor.block import Block, checkpoint_row, with_rows
from processor.fold import Rows
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
    "optimize_on_insert": 0,  # the rows of a block have distinct keys: to sum them takes longer than to write them
    # The condition is compared when the insert begins, the token when it ends. One whose client stalls between the two
    # must not live on until its token is forgotten.
    "max_execution_time": 60,
}
"""Settings of every guarded insert: what it sends is one block, hence one part, hence atomic."""

_INSERT = """
INSERT INTO {table} ({into})
SELECT
    {selected}
FROM input('{structure}') AS i
CROSS JOIN
(
    SELECT sum(checkpoint_rows) AS started, sum(offset_delta) AS next_offset, sum(generation) AS generation
    FROM {table}
    WHERE resolution = 'checkpoint'
      AND user_id = toUUID('00000000-0000-0000-0000-000000000000') AND workflow_id = toUUID('{partition_id}')
) AS c
WHERE throwIf(c.started != {started} OR c.next_offset != {first} OR c.generation != {generation}, 'CHECKPOINT_MOVED') = 0
FORMAT Native
"""

_READ = """
SELECT workflow_id, sum(checkpoint_rows), sum(offset_delta), max(next_offset), argMax(leader_epoch, next_offset),
       sum(generation)
FROM {table}
WHERE resolution = 'checkpoint'
  AND user_id = toUUID('00000000-0000-0000-0000-000000000000') AND workflow_id IN %(partition_ids)s
GROUP BY workflow_id
"""


class CheckpointMoved(Exception):
    """Somebody else has applied records from this offset on, or we did and lost the answer: go on at the checkpoint."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        super().__init__(checkpoint)
        self.checkpoint = checkpoint


class Condition(NamedTuple):
    """What an insert finds when nobody was faster."""

    started: int
    first: int
    generation: int


_NOT_BEGUN: Final = Condition(started=0, first=0, generation=0)


class Ledger:
    """Checkpoints of partitions in table `analytics`. Errors that leave an outcome unknown are Retryable."""

    def __init__(self, plain: Pool, columns: Pool, *, table: str = "analytics") -> None:
        self._plain, self._columns, self._table = plain, columns, table

    def checkpoint(self, partition: Partition) -> Checkpoint | None:
        """Return how far a partition is applied; None when it was never begun. Raises LedgerBroken."""
        return self.checkpoints([partition.id]).get(partition.id)

    def checkpoints(self, partition_ids: Sequence[UUID]) -> dict[UUID, Checkpoint]:
        """Return how far partitions are applied; one that was never begun is missing. Raises LedgerBroken."""
        sql = _READ.format(table=self._table)
        with self._plain.lend(_LEND_WITHIN_S) as connection:
            rows = connection.query(sql, {"partition_ids": tuple(partition_ids)})
        return {partition_id: _checkpoint(partition_id, *row) for partition_id, *row in rows}

    def begin(self, partition: Partition, low: int, generation: int) -> Checkpoint:
        """Begin a partition at offset `low`, or return the checkpoint of whoever was faster."""
        first = checkpoint_row(partition.id, OffsetRange(0, low), started=1, generation=generation)
        for ghosts in count():
            try:
                self.insert(partition, first, _NOT_BEGUN, token=f"init#{ghosts}")
            except CheckpointMoved as moved:
                found = moved.checkpoint
            else:
                found = self.checkpoint(partition)
            if found is not None:
                return found
        raise AssertionError("unreachable")

    def apply(
        self,
        partition: Partition,
        at: Checkpoint,
        end: int,
        rows: Rows | None,
        *,
        leader_epoch: int,
        ghosts: int,
    ) -> bool:
        """Insert rows and move the checkpoint from `at` to `end`; return True when that is read back.

        False follows a ghost token: then the same call is right with `ghosts + 1`. Raises CheckpointMoved when
        the partition is not (or no longer) at `at`, and Retryable when the outcome is unknown: then the same
        call again, with the same `ghosts`, is right.
        """
        offsets = OffsetRange(at.next_offset, end)
        block = checkpoint_row(partition.id, offsets, leader_epoch=leader_epoch)
        if rows is not None:
            block = with_rows(block, rows)
        return self._move(
            partition, at, block, at._replace(next_offset=end, leader_epoch=leader_epoch), ghosts
        )

    def freeze(self, partition: Partition, at: Checkpoint) -> Checkpoint:
        """Raise the generation of a partition where its checkpoint is; return the new checkpoint.

        Nothing that was prepared under the former generation can be applied any more. The token is the one that
        applying a batch from there would use, so that of the two only one passes. Raises CheckpointMoved, Retryable.
        """
        offsets = OffsetRange(at.next_offset, at.next_offset)
        row = checkpoint_row(partition.id, offsets, leader_epoch=at.leader_epoch, generation=1)
        frozen = at._replace(generation=at.generation + 1)
        ghosts = 0
        while not self._move(partition, at, row, frozen, ghosts):
            ghosts += 1
        return frozen

    def raise_generation(self, partition: Partition, generation: int) -> Checkpoint | None:
        """Freeze a partition until its generation is at least so high; return where it is, None if never begun."""
        while (at := self.checkpoint(partition)) is not None and at.generation < generation:
            with suppress(CheckpointMoved):
                self.freeze(partition, at)
        return at

    def insert(self, partition: Partition, block: Block, condition: Condition, *, token: str) -> None:
        """Insert a block if it finds what it must, and the token is new. See `apply`."""
        sql = _INSERT.format(
            table=self._table,
            into=block.into,
            selected=block.selected,
            structure=block.structure,
            partition_id=partition.id,
            **condition._asdict(),
        )
        settings = ONE_BLOCK | {"insert_deduplication_token": f"{partition.id}@{token}"}
        try:
            with self._columns.lend(_LEND_WITHIN_S) as connection:
                connection.insert(sql, list(block.columns.values()), settings=settings)
        except StatementFailed as error:
            if error.code != _CONDITION_FAILED:
                raise
            raise CheckpointMoved(self.checkpoint(partition)) from None

    def _move(self, partition: Partition, at: Checkpoint, block: Block, to: Checkpoint, ghosts: int) -> bool:
        condition = Condition(1, at.next_offset, at.generation)
        self.insert(partition, block, condition, token=f"{at.next_offset}#{at.generation}#{ghosts}")
        found = self.checkpoint(partition)
        if found is None or _place(found) not in (_place(at), _place(to)):
            raise CheckpointMoved(found)
        return _place(found) == _place(to)


def _checkpoint(
    partition_id: UUID, started: int, total: int, highest: int, leader_epoch: int, generation: int
) -> Checkpoint:
    if started != 1 or total != highest:
        raise LedgerBroken(
            f"the checkpoint of partition {partition_id} contradicts itself: {started} first rows, its offsets add "
            f"up to {total}, its last row says {highest}. The numbers of this partition may be wrong: restore a backup"
        )
    return Checkpoint(total, leader_epoch, generation)


def _place(checkpoint: Checkpoint) -> tuple[int, int]:
    return checkpoint.next_offset, checkpoint.generation
