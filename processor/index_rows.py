"""Which rows of the two indexes are evidence that an event came before.

A row is evidence only when its offset is below the checkpoint: rows are written, and synced, before the numbers
of their batch, so below the checkpoint they are complete, whoever wrote them. A row above it is true as well
(a record never changes), but not yet complete, so it is not asked. Where keys have moved between partitions, rows
of others are evidence too, up to the offsets that `lineage` gives.
"""

from typing import NamedTuple
from uuid import UUID

from processor.lineage import Evidence


class IndexRows(NamedTuple):
    """The index rows of a partition, and those of others that are evidence for it."""

    partition_id: UUID
    others: tuple[Evidence, ...] = ()

    def evidence(self, below: int, offset_column: str) -> str:
        """Return the SQL condition that a row is evidence; `below`: the checkpoint of the partition itself."""
        all_of_it = (Evidence(self.partition_id, below), *self.others)
        conditions = (
            f"(partition_id = toUUID('{one.partition_id}') AND {offset_column} < {one.below})"
            for one in all_of_it
        )
        return f"({' OR '.join(conditions)})"
