"""Old rows of the index are dropped by the log's own time, on a real ClickHouse."""

import uuid

import pytest

from analytics.store.pool import Pool
from processor.event_index import NEVER, WEEK_MS
from processor.garbage import LATEST_ARRIVAL, drop_garbage

pytestmark = pytest.mark.integration

HORIZON_MS = 336 * 3_600_000
KEPT_WEEKS = HORIZON_MS // WEEK_MS + LATEST_ARRIVAL.total_seconds() * 1000 // WEEK_MS + 1
INSERT = "INSERT INTO event_keys (key_hi, key_lo, partition_id, record_offset, time_ms, garbage_week) VALUES"
ONE, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def pool(database):
    opened = Pool(database, size=1, timeout_s=30)
    yield opened
    opened.close()


def insert(pool, partition_id, weeks, *, garbage_week=None):
    """One row a week, in the order of the log."""
    rows = range(len(weeks))
    columns = [list(rows), list(rows), [partition_id] * len(rows), list(rows)]
    columns += [[week * WEEK_MS for week in weeks], [garbage_week or week for week in weeks]]
    with pool.lend(1) as connection:
        connection.insert(INSERT, columns)


def kept_weeks(pool):
    with pool.lend(1) as connection:
        rows = connection.query("SELECT DISTINCT garbage_week FROM event_keys ORDER BY 1")
    return [week for (week,) in rows]


def test_weeks_that_no_record_needs_are_dropped(pool):
    """Horizon, retention and two days back from the newest records: what is older goes, whole weeks."""
    insert(pool, ONE, [100, 110, 117, 118, 120, 120, 120, 120, 120])
    assert drop_garbage([pool], HORIZON_MS)["event_keys"] == [100, 110]
    assert kept_weeks(pool) == [117, 118, 120]


def test_the_partition_that_is_furthest_behind_decides(pool):
    """A partition that is still at an old part of its log needs its rows."""
    insert(pool, ONE, [120] * 3)
    insert(pool, OTHER, [100] * 3)
    assert drop_garbage([pool], HORIZON_MS)["event_keys"] == []


def test_one_wrong_timestamp_drops_nothing(pool):
    """A record from the far future is not what time it is."""
    insert(pool, ONE, [100, 100, 100, 100, 9_000])
    assert drop_garbage([pool], HORIZON_MS)["event_keys"] == []


def test_rows_of_workflows_are_kept_for_ever(pool):
    """A workflow counts once, whenever it is named again."""
    insert(pool, ONE, [1], garbage_week=NEVER)
    insert(pool, ONE, [120] * 3)
    drop_garbage([pool], HORIZON_MS)
    assert kept_weeks(pool) == [120, NEVER]


def test_an_empty_index_has_no_garbage(pool):
    """Nothing to go by, nothing to drop."""
    assert drop_garbage([pool], HORIZON_MS) == {"event_keys": [], "log_runs": []}
