"""Going on behind records that will not be counted: the log lost them, or an operator gives them up.

1. The gap is noted, as begun.
2. All partitions of the topic are frozen: see `fence`. The partition's checkpoint C stays where it is.
3. Index rows of the partition from C on are removed. They are no evidence now, but would become so when the checkpoint
   passes them, of events that were never counted.
4. The checkpoint is moved from C to the end of the gap, by an insert like that of any batch.
5. Rows inside the gap are removed once more, which a processor may have written that was stuck since before step 2.
6. The gap is noted as done, and the topic is released.

Whoever dies in between leaves a topic whose partitions wait, and numbers that are right: the same command again goes
on where it was.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from analytics.errors import Retryable
from analytics.store.pool import Pool
from processor.checkpoints import CheckpointLedger
from processor.fence import freeze, release
from processor.gaps import Gap, forget_gap, note_gap, read_gaps
from processor.ledger import CheckpointMoved
from processor.lineage_table import Lineage, read_lineages
from processor.model import Checkpoint, Partition

_LEND_WITHIN_S: Final = 600.0

_COUNT = (
    "SELECT count() FROM {table} WHERE partition_id = %(id)s AND {offset} >= %(first)s AND {offset} < %(end)s"
)
_REMOVE = """
ALTER TABLE {table} DELETE
WHERE partition_id = %(id)s AND {offset} >= %(first)s AND {offset} < %(end)s
SETTINGS mutations_sync = 2
"""
_INDEXES: Final = {"event_keys": "record_offset", "log_runs": "last_offset"}
_FOR_EVER: Final = 2**63 - 1

STEPS: Final = 6  # of which `note` is told

Note = Callable[[str], None]


class Skip(NamedTuple):
    """What is to be done: move the checkpoint of a partition from `at` to `to`. `leader_epoch`: of the log now."""

    lineage: Lineage
    partition: Partition
    at: Checkpoint
    to: int
    leader_epoch: int
    reason: str

    @property
    def gap(self) -> Gap:
        """What will not be counted."""
        return Gap(self.partition, self.at.next_offset, self.to, self.reason, is_done=False)


class Overtaken(Retryable):
    """A processor has counted records of the gap after all: look again."""


class Skipping:
    """Does it. Every method may be repeated, after any failure; `note` is told each step before it is done.

    `pool`: of the home shard; `rows`: of the shard that has the index rows of the partition.
    """

    def __init__(self, pool: Pool, rows: Pool, ledger: CheckpointLedger, note: Note) -> None:
        self._pool, self._rows, self._ledger, self._note = pool, rows, ledger, note

    def skip(self, skip: Skip) -> None:
        """Skip, and return when processors may go on. Raises Overtaken and other Retryables, and Stop."""
        self._note("noting the gap")
        self._forget_others(skip)
        with self._pool.lend(_LEND_WITHIN_S) as connection:
            note_gap(connection, skip.gap)
        lineage, at = self._fence_and_remove(skip)
        self._note("moving the checkpoint")
        self._move(skip, at)
        self.finish(lineage, skip.gap)

    def finish(self, lineage: Lineage, gap: Gap) -> None:
        """Do what comes after the move; `lineage`: as it was read before the topic was frozen."""
        self._note("removing what was written since")
        is_frozen = self._read(lineage.name).generation == lineage.generation
        self.remove(gap.partition, gap.first, _FOR_EVER if is_frozen else gap.end)
        with self._pool.lend(_LEND_WITHIN_S) as connection:
            note_gap(connection, gap._replace(is_done=True))
        self._note("letting the processors go on")
        release(self._pool, lineage)

    def remove(self, partition: Partition, first: int, end: int) -> None:
        """Remove index rows at offsets that nobody has counted, and nobody is counting."""
        for table, offset in _INDEXES.items():
            if self._count(table, partition, first, end):
                sql = _REMOVE.format(table=table, offset=offset)
                with self._rows.lend(_LEND_WITHIN_S) as connection:
                    connection.query(sql, {"id": partition.id, "first": first, "end": end})

    def rows_from(self, partition: Partition, first: int, end: int = _FOR_EVER) -> int:
        """Return how many index rows a removal would remove."""
        return sum(self._count(table, partition, first, end) for table in _INDEXES)

    def _forget_others(self, skip: Skip) -> None:
        """Remove the notes of gaps that were begun elsewhere in the partition and then counted by a processor."""
        with self._pool.lend(_LEND_WITHIN_S) as connection:
            for gap in read_gaps(connection):
                if gap.partition == skip.partition and not gap.is_done and gap.first != skip.at.next_offset:
                    forget_gap(connection, gap)

    def _fence_and_remove(self, skip: Skip) -> tuple[Lineage, Checkpoint]:
        """Freeze the topic and remove index rows behind the checkpoint; return the generation before, and where it is.

        Processors bring a topic that stays frozen for long into its next generation by themselves. When they have
        done so meanwhile, a batch may be under way whose rows were removed: then all of it is done again.
        """
        while True:
            lineage = self._read(skip.lineage.name)
            self._note("freezing the topic")
            at = self._freeze_all(lineage, skip)
            self._note("removing index rows behind the checkpoint")
            self.remove(skip.partition, skip.at.next_offset, _FOR_EVER)
            if self._read(lineage.name).generation == lineage.generation:
                return lineage, at

    def _freeze_all(self, lineage: Lineage, skip: Skip) -> Checkpoint:
        """Freeze every partition that was begun; return the checkpoint of the one that is skipped."""
        freeze(self._ledger, lineage)
        at = self._ledger.checkpoint(skip.partition)
        if at is None or at.next_offset != skip.at.next_offset:
            raise Overtaken(f"{skip.partition} was counted up to {at and at.next_offset} in the meantime")
        return at

    def _read(self, topic: str) -> Lineage:
        return read_lineages(self._pool)[topic]

    def _move(self, skip: Skip, at: Checkpoint) -> None:
        ghosts = 0
        try:
            while not self._ledger.apply(
                skip.partition, at, skip.to, None, leader_epoch=skip.leader_epoch, ghosts=ghosts
            ):
                ghosts += 1
        except CheckpointMoved as moved:
            if moved.checkpoint is None or moved.checkpoint.next_offset != skip.to:
                raise Overtaken(f"{skip.partition} was counted further in the meantime") from None

    def _count(self, table: str, partition: Partition, first: int, end: int) -> int:
        sql = _COUNT.format(table=table, offset=_INDEXES[table])
        with self._rows.lend(_LEND_WITHIN_S) as connection:
            ((rows,),) = connection.query(sql, {"id": partition.id, "first": first, "end": end})
        return int(rows)
