"""Carrying a sealed import out: every step may be repeated, after any failure, by anybody, by several at once."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from analytics.store.pool import Pool
from processor.checkpoints import CheckpointLedger
from processor.event_index import EventIndex
from processor.importing.batches import Batch, batch_of
from processor.importing.errors import NotImportable
from processor.importing.rows import decode
from processor.importing.spool import WHERE_THE_LOG_BEGINS, Import, read_rows
from processor.index_rows import IndexRows
from processor.ledger import CheckpointMoved
from processor.line_index import LineIndex
from processor.lineage_table import read_lineages, store_generation
from processor.model import Checkpoint
from processor.workflow_facts import write_facts

_UNKNOWN_EPOCH: Final = -1
_NO_FILTER_BYTES: Final = 64  # the index is only written here


class Applying:
    """Applies an import. `note` is told the number of rows that are done."""

    def __init__(
        self,
        import_: Import,
        plain: Pool,
        columns: Pool,
        ledger: CheckpointLedger,
        note: Callable[[int], None],
    ) -> None:
        self._import, self._plain, self._ledger, self._note = import_, plain, ledger, note
        rows = IndexRows(import_.partition.id)
        self._events = EventIndex(rows, plain, columns, horizon_ms=0, filter_bytes=_NO_FILTER_BYTES)
        self._lines = LineIndex(rows, plain, horizon_ms=0)

    def apply(self) -> None:
        """Do what is left, and return when processors may go on. Raises NotImportable, Retryable."""
        self._store_lineages()
        at = self._ledger.begin(self._import.partition, 0, 0)
        self._begin_partitions()
        while at.next_offset < self._import.barrier:
            self._note(at.next_offset)
            with suppress(CheckpointMoved):  # another run is at work as well
                self._apply_from(at)
            at = self._ledger.checkpoint(self._import.partition) or at
        self._note(self._import.rows)

    def _store_lineages(self) -> None:
        """Store how the topics begin. From then on processors find them, and wait for the import."""
        wanted = self._import.lineages()
        for one in wanted:
            store_generation(self._plain, one)
        stored = read_lineages(self._plain)
        for one in wanted:
            found = stored[one.name]
            if (found.topic_id, found.generations[0]) != (one.topic_id, one.generations[0]):
                raise NotImportable(
                    f"a processor has begun to count topic {one.name} before the import: drop this database, make a new one "
                    "with `chronoverse-analytics migrate`, and import before any processor starts"
                )

    def _begin_partitions(self) -> None:
        for lineage, log in zip(self._import.lineages(), self._import.logs, strict=True):
            for number, start in enumerate(log.starts):
                if (
                    start != WHERE_THE_LOG_BEGINS
                    and self._ledger.checkpoint(lineage.partition(number)) is None
                ):
                    self._ledger.begin(lineage.partition(number), start, 0)

    def _apply_from(self, at: Checkpoint) -> None:
        """Apply the batch that begins at the checkpoint. Raises CheckpointMoved."""
        if at.next_offset == self._import.rows:
            self._move(at, self._import.barrier, Batch())
            return
        kind, end = self._import.batch(at.next_offset)
        contents = read_rows(self._plain, self._import.id, at.next_offset, end)
        if len(contents) != end - at.next_offset:
            return  # another run has finished, and dropped them: the checkpoint tells
        batch = batch_of(kind, [decode(kind, one) for one in contents], at.next_offset)
        write_facts(self._plain, batch.facts)
        self._events.write(batch.keyed, batch.named)
        if batch.lines is not None:
            self._lines.write(batch.lines, batch.streams)
        self._move(at, end, batch)

    def _move(self, at: Checkpoint, end: int, batch: Batch) -> None:
        ghosts, partition = 0, self._import.partition
        while not self._ledger.apply(
            partition, at, end, batch.rows, leader_epoch=_UNKNOWN_EPOCH, ghosts=ghosts
        ):
            ghosts += 1
