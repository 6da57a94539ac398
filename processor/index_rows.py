"""Which rows of the two indexes are evidence that an event came before.

A row is evidence only when its offset is below the checkpoint: rows are written, and synced, before the numbers
of their batch, so below the checkpoint they are complete, whoever wrote them. A row above it is true as well
(a record never changes), but not yet complete, so it is not asked. Where keys have moved between partitions, rows
of others are evidence too, up to the offsets that `lineage` gives. Those may be on other shards: all of them are asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from analytics.store.pool import Pool
from processor.lineage import Evidence


class Elsewhere(NamedTuple):
    """Connections to another shard, and the rows there that are evidence."""

    plain: Pool
    columns: Pool
    rows: tuple[Evidence, ...]


class IndexRows(NamedTuple):
    """The index rows of a partition, and those of others that are evidence for it: beside them, and on other shards."""

    partition_id: UUID
    others: tuple[Evidence, ...] = ()
    elsewhere: Sequence[Elsewhere] = ()

    def evidence(self, below: int, offset_column: str) -> Iterator[tuple[Elsewhere | None, str]]:
        """Yield the SQL condition that a row is evidence, for the shard of the partition (None) and for each other one.

        `below`: the checkpoint of the partition itself.
        """
        own = Evidence(self.partition_id, below)
        yield None, _condition((own, *self.others), offset_column)
        for one in self.elsewhere:
            yield one, _condition(one.rows, offset_column)


def _condition(rows: Iterable[Evidence], offset_column: str) -> str:
    conditions = (
        f"(partition_id = toUUID('{one.partition_id}') AND {offset_column} < {one.below})" for one in rows
    )
    return f"({' OR '.join(conditions)})"
