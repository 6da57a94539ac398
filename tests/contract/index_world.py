"""An index of event keys under a test, on a real ClickHouse."""

from uuid import UUID

import numpy as np

from processor.decode.events import Keyed, Named
from processor.event_index import EventIndex
from processor.index_rows import IndexRows
from tests.processor_world import (
    HORIZON_MS,
    NOW_MS,
    WORKFLOW,
    FakeRecord,
    as_value,
    finished_job,
    gathered_of,
    some_partition,
)

LARGE, SMALL = 1 << 20, 64
"""Bytes of a filter: one that holds every key of these tests, and one that is full after 32 keys and loads 8."""
FLOW = UUID(WORKFLOW).int


def event(number, offset, time_ms=NOW_MS):
    """A job's end: its number, the place of its record, and the time of it."""
    return number, offset, time_ms


def decoded(*jobs):
    """Events as they come out of a decoder, given as (event, offset, time), but in the order of the log."""
    records = [FakeRecord(as_value(job), offset, time_ms) for job, offset, time_ms in jobs]
    columns = Keyed.concatenate(gathered_of("analytics", records).keyed)
    return columns.where(np.argsort(columns.offset))


def keyed(events):
    """The same, given as `event`; a number of None is an event without a key."""
    keys = [{"EventKey": ""} if number is None else {"number": number} for number, _, _ in events]
    return decoded(*((finished_job(**key), *place) for key, (_, *place) in zip(keys, events, strict=True)))


class World:
    """The index of a partition of the test's own; `restart` forgets what is in memory."""

    def __init__(self, stores, filter_bytes=LARGE):
        self.stores, self.filter_bytes, self.partition = stores, filter_bytes, some_partition()
        self.restart()

    def restart(self, partition=None, others=()):
        rows = IndexRows((partition or self.partition).id, others)
        self.index = EventIndex(rows, *self.stores, horizon_ms=HORIZON_MS, filter_bytes=self.filter_bytes)

    def firsts(self, events, below):
        return self.index.first_events(keyed(events), below).tolist()

    def write(self, *events):
        self.index.write(keyed(events), {})

    def apply(self, *events):
        """One batch, from its first offset on; which of its events count."""
        counts = self.firsts(events, events[0][1])
        self.write(*events)
        return counts

    def names(self, below, *workflows):
        return self.index.first_named({one: Named(0, NOW_MS, below) for one in workflows}, below)

    def rows(self, columns):
        with self.stores[0].lend(10) as connection:
            return connection.query(
                f"SELECT {columns} FROM event_keys WHERE partition_id = %(id)s ORDER BY record_offset",
                {"id": self.partition.id},
            )
