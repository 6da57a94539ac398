"""A ledger on a real ClickHouse, with a partition and a user of the test's own."""

from uuid import UUID, uuid4

import numpy as np

from processor.block import checkpoint_row, with_rows
from processor.fold import TOTAL, Rows
from processor.ledger import Condition, Ledger
from processor.model import Checkpoint, OffsetRange
from tests.processor_world import some_partition

MANY = 200_000  # rows: a join hands on 65,409 at a time
TOTALS = """
SELECT sum(jobs), count() FROM analytics WHERE resolution = 'total' AND user_id = %(user)s
"""
PARTS = """
SELECT uniqExact(_part) FROM analytics WHERE user_id = %(user)s OR (workflow_id = %(id)s AND offset_delta != 0)
"""
_ROGUE = """
INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, checkpoint_rows, offset_delta, next_offset) VALUES
"""


class LedgerWorld:
    """A ledger, a partition of the test's own, and a user whose jobs are counted."""

    def __init__(self, plain, columns):
        self.plain, self.ledger = plain, Ledger(plain, columns)
        self.partition, self.user = some_partition(), uuid4()

    def begun(self):
        """The same, begun at offset 0."""
        self.ledger.begin(self.partition, 0, 0)
        return self

    def rows(self, jobs, count=1):
        """Rows of `count` workflows with so many jobs each."""
        ids, zeros = np.arange(1, count + 1, dtype=np.uint64), np.zeros(count, np.int64)
        hi, lo = (
            np.full(count, half, np.uint64) for half in (self.user.int >> 64, self.user.int & 2**64 - 1)
        )
        return Rows(zeros + TOTAL, hi, lo, ids, ids, zeros, {"jobs": zeros + jobs}, {})

    def apply(self, first, end, rows=None, ghosts=0, generation=0):
        at = Checkpoint(first, 4, generation)
        return self.ledger.apply(self.partition, at, end, rows, leader_epoch=4, ghosts=ghosts)

    def freeze(self, first, generation=0):
        return self.ledger.freeze(self.partition, Checkpoint(first, 4, generation))

    def insert(self, first, end, rows, token):
        """The guarded insert alone, with any token."""
        checkpoint = checkpoint_row(self.partition.id, OffsetRange(first, end), leader_epoch=4)
        block = with_rows(checkpoint, rows)
        self.ledger.insert(self.partition, block, Condition(1, first, 0), token=token)

    def use_up(self, token, *, started=1, first=0):
        """Leave a token behind of which no row of the partition is there, as a server does that dies in between."""
        elsewhere = checkpoint_row(uuid4(), OffsetRange(0, 1), started=1)
        self.ledger.insert(self.partition, elsewhere, Condition(started, first, 0), token=token)

    def write_rogue_row(self, started, delta, next_offset):
        columns = [["checkpoint"], [UUID(int=0)], [self.partition.id], [0], [started], [delta], [next_offset]]
        with self.plain.lend(10) as connection:
            connection.insert(_ROGUE, columns)

    def one_row(self, sql):
        with self.plain.lend(10) as connection:
            (row,) = connection.query(sql, {"user": self.user, "id": self.partition.id})
        return row

    @property
    def next_offset(self):
        found = self.ledger.checkpoint(self.partition)
        return None if found is None else found.next_offset

    @property
    def jobs(self):
        return self.one_row(TOTALS)[0]
