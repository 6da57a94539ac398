"""Table `gaps`: offsets of a partition that are not counted, as `chronoverse-processor skip` notes them."""

from datetime import UTC, datetime
from typing import NamedTuple

from analytics.store.pool import Connection
from processor.model import Partition

_SELECT = """
SELECT topic, partition, partition_id, first_offset, argMax(end_offset, (is_done, noted_at)),
       argMax(reason, (is_done, noted_at)), max(is_done), toUnixTimestamp64Milli(max(noted_at))
FROM gaps
GROUP BY topic, partition, partition_id, first_offset
ORDER BY topic, partition, first_offset
"""
_INSERT = """
INSERT INTO gaps (partition_id, topic, partition, first_offset, end_offset, reason, is_done, noted_at) VALUES
"""
_FORGET = """
DELETE FROM gaps WHERE partition_id = %(id)s AND first_offset = %(first)s SETTINGS lightweight_deletes_sync = 2
"""


class Gap(NamedTuple):
    """Offsets `first` to `end`, without `end`. Not `is_done`: the checkpoint may not have moved over them."""

    partition: Partition
    first: int
    end: int
    reason: str
    is_done: bool
    noted_ms: int = 0


def read_gaps(connection: Connection) -> list[Gap]:
    """Return all gaps."""
    return [
        Gap(Partition(topic, number, id_), first, end, reason, bool(is_done), noted_ms)
        for topic, number, id_, first, end, reason, is_done, noted_ms in connection.query(_SELECT)
    ]


def note_gap(connection: Connection, gap: Gap) -> None:
    """Write a gap; one of the same partition and first offset is replaced."""
    partition = gap.partition
    row = (partition.id, partition.topic, partition.number, gap.first, gap.end, gap.reason, int(gap.is_done))
    columns = [[value] for value in (*row, datetime.now(UTC))]
    connection.insert(_INSERT, columns, settings={"async_insert": 0})


def forget_gap(connection: Connection, gap: Gap) -> None:
    """Remove a gap that was begun, and then counted after all."""
    connection.query(_FORGET, {"id": gap.partition.id, "first": gap.first})
