"""The auditor on a real ClickHouse: it finds what was broken on purpose, and nothing where nothing is wrong."""

import threading
from contextlib import contextmanager

import pytest

from processor.audit.finding import Harm
from processor.gaps import Gap, note_gap
from processor.model import Partition
from tests.operator_world import add, counted_copy
from tests.processor_world import NOW_MS, finished_job, log_line, some_id, some_partition

pytestmark = pytest.mark.integration

NIL = "toUUID('00000000-0000-0000-0000-000000000000')"
DAYS_15 = 15 * 86_400_000


@pytest.fixture
def world(clickhouse):
    with counted_copy(clickhouse.address) as world:
        yield world


def found(report):
    """Checks and harm of what was found."""
    return sorted((one.check, one.harm) for one in report.findings)


def add_checkpoint_row(world, partition_id, started, delta, next_offset):
    columns = "resolution, user_id, workflow_id, bucket_start, checkpoint_rows, offset_delta, next_offset"
    world.query(
        f"INSERT INTO analytics ({columns}) SELECT 'checkpoint', {NIL}, %(id)s, 0, %(started)s, %(delta)s, %(next)s",
        id=partition_id, started=started, delta=delta, next=next_offset,
    )  # fmt: skip


# --- nothing is wrong ---


def test_nothing_is_found_where_nothing_is_wrong(world):
    assert found(world.audit()) == found(world.sketch()) == []


def test_nothing_is_found_in_an_empty_database(clickhouse):
    with counted_copy(clickhouse.address) as world:
        for table in ("analytics", "event_keys", "log_runs", "workflows"):
            world.query(f"TRUNCATE TABLE {table}")
        assert found(world.audit()) == found(world.sketch()) == []


def test_repeats_beyond_the_horizon_count_again_and_are_allowed(world):
    world.count("analytics", finished_job(3), time_ms=NOW_MS + DAYS_15)
    world.count("job_logs", log_line(0), log_line(1), log_line(0, EventKey="odd"), time_ms=NOW_MS + DAYS_15)
    assert found(world.audit()) == []


def test_index_rows_above_the_checkpoint_are_nothing_to_find(world):
    """They are there after every crash between index and numbers."""
    world.query("INSERT INTO event_keys SELECT 1, 2, %(id)s, 10, 0, 5", id=world.partition_id("analytics"))
    world.query(
        "INSERT INTO log_runs SELECT 1, 2, 1, 'stdout', 0, 5, %(id)s, 99, 0, '', 5",
        id=world.partition_id("job_logs"),
    )
    assert found(world.audit()) == []


def test_weeks_that_were_dropped_are_allowed(world):
    """A line of a year later lets the first ones go from the index; their numbers stay."""
    world.count("job_logs", log_line(50), time_ms=NOW_MS + 365 * 86_400_000)
    ((week,),) = world.query("SELECT min(garbage_week) FROM log_runs")
    world.query(f"ALTER TABLE log_runs DROP PARTITION {week}")
    assert found(world.audit()) == []


def test_it_agrees_while_a_processor_counts(world):
    """One query is one snapshot, and what several of them see is compared so that the order does not matter."""
    stop = threading.Event()

    def count():
        for number in range(1_000, 1_100):
            if stop.is_set():
                return
            world.count("analytics", finished_job(number), finished_job(number))
            world.count("job_logs", log_line(number), log_line(number - 1))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        for _ in range(5):
            assert found(world.audit()) == found(world.sketch()) == []
    finally:
        stop.set()
        counting.join()


# --- checkpoints ---


@pytest.mark.parametrize(
    ("started", "delta", "next_offset"), [(1, 0, 10), (0, 1, 10), (0, 0, 99)],
    ids=["begun twice", "a delta too many", "an offset too far"],
)  # fmt: skip
def test_a_checkpoint_that_contradicts_itself_is_found(world, started, delta, next_offset):
    add_checkpoint_row(world, world.partition_id("workflows"), 1, 0, 0)
    add_checkpoint_row(world, world.partition_id("workflows"), started, delta, next_offset)
    assert found(world.audit()) == found(world.sketch()) == [("checkpoints", Harm.WRONG)]


def test_a_checkpoint_of_nobodys_partition_is_found(world):
    add_checkpoint_row(world, some_partition().id, 1, 7, 7)
    assert found(world.audit()) == [("checkpoints", Harm.MAY_BECOME_WRONG)]


def test_a_partition_of_a_log_before_an_adopted_one_is_known(world):
    world.query(
        "INSERT INTO lineage (topic, epoch, generation, cluster_id, topic_id, partitions, created_at) "
        "SELECT topic, epoch + 1, 0, cluster_id, generateUUIDv4(), partitions, created_at FROM lineage"
    )
    assert found(world.audit()) == []


def test_progress_that_claims_more_than_is_counted_is_found(world):
    world.query(
        "INSERT INTO progress SELECT 'analytics', 0, %(id)s, 2, 11, 11, 1, now64(3)",
        id=world.partition_id("analytics"),
    )
    assert found(world.audit()) == [("freshness", Harm.MAY_BECOME_WRONG)]


# --- numbers ---

EACH_COLUMN = pytest.mark.parametrize(
    "column", ["workflows", "execution_seconds", "log_lines", "jobs_failed", "failures"]
)


@EACH_COLUMN
def test_a_total_that_is_not_the_sum_of_its_days_is_found(world, column):
    """Of the user, so it is not the sum of the workflows either."""
    add(world, "total", column)
    assert {("totals", Harm.WRONG), ("users", Harm.WRONG)} <= set(found(world.audit()))


@EACH_COLUMN
def test_a_day_that_is_not_the_sum_of_its_quarter_hours_is_found(world, column):
    add(world, "quarter", column)
    add(world, "quarter", column, of_workflow=True)
    assert found(world.audit()) == [("buckets", Harm.WRONG)]


@EACH_COLUMN
def test_a_user_who_is_not_the_sum_of_the_workflows_is_found(world, column):
    for resolution in ("total", "day", "quarter"):
        add(world, resolution, column, of_workflow=True)
    assert found(world.audit()) == [("users", Harm.WRONG)]


def test_differences_that_cancel_each_other_out_are_found(world):
    """In the sums over everything they are not: the whole audit looks at each."""
    world.count("analytics", finished_job(77, UserID=some_id(500), WorkflowID=some_id(501)))
    for user, number in (("min", 1), ("max", -1)):
        world.query(
            "INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, jobs) "
            f"SELECT 'day', {user}(user_id), {NIL}, 0, %(number)s FROM analytics WHERE resolution = 'day'",
            number=number,
        )
    assert {check for check, _ in found(world.audit())} == {"totals", "buckets", "users", "negative"}


def test_the_cheap_part_finds_a_lost_part_too(world):
    add(world, "total", "jobs")
    assert found(world.sketch()) == [("totals", Harm.WRONG), ("users", Harm.WRONG)]


def test_negative_numbers_are_found(world):
    for resolution in ("total", "day", "quarter"):
        for of_workflow in (False, True):
            add(world, resolution, "execution_seconds", -100_000, of_workflow=of_workflow)
    assert ("negative", Harm.WRONG) in found(world.audit())


# --- index ---


def add_everywhere(world, column, number):
    """Add to all resolutions of a user and of a workflow, so that only the index can tell."""
    for resolution in ("total", "day", "quarter"):
        for of_workflow in (False, True):
            add(world, resolution, column, number, of_workflow=of_workflow)


@pytest.mark.parametrize("column", ["workflows", "jobs", "log_lines"])
def test_fewer_than_the_index_knows_are_found(world, column):
    ((number,),) = world.query(
        f"SELECT sum({column}) FROM analytics WHERE resolution = 'total' AND workflow_id = {NIL}"
    )
    keyless = 2 if column == "jobs" else 0
    add_everywhere(world, column, -1 - keyless)
    assert ("index", Harm.WRONG) in found(world.audit())
    assert number > 1 + keyless or column == "workflows"


@pytest.mark.parametrize("column", ["workflows", "jobs", "log_lines"])
def test_more_than_the_index_allows_are_found(world, column):
    add_everywhere(world, column, 1)
    assert found(world.audit()) == [("index", Harm.MAY_BECOME_WRONG)]


@pytest.mark.parametrize("table", ["event_keys", "log_runs"])
def test_lost_index_rows_are_found(world, table):
    """A job's row that is gone looks like a job without EventKey, so only named workflows and lines tell."""
    world.query(f"TRUNCATE TABLE {table}")
    assert set(found(world.audit())) == {("index", Harm.MAY_BECOME_WRONG)}


def test_index_rows_of_nobodys_partition_are_harmless(world):
    world.query("INSERT INTO event_keys SELECT 1, 2, generateUUIDv4(), 0, 0, 5")
    report = world.audit()
    assert (found(report), report.is_right) == ([("index", Harm.HARMLESS)], True)


# --- schema and gaps ---


def test_a_table_that_does_not_keep_the_promise_is_found(world):
    world.query("ALTER TABLE analytics MODIFY SETTING fsync_after_insert = 0")
    assert found(world.audit()) == found(world.sketch()) == [("schema", Harm.MAY_BECOME_WRONG)]


@contextmanager
def gap(world, first, end, *, is_done):
    partition = Partition("analytics", 0, world.partition_id("analytics"))
    with world.plain.lend(10) as connection:
        note_gap(connection, Gap(partition, first, end, "of a test", is_done))
    yield


def test_index_rows_in_a_gap_are_found(world):
    with gap(world, 3, 5, is_done=True):
        assert found(world.audit()) == [("gaps", Harm.MAY_BECOME_WRONG)]


def test_a_gap_without_rows_is_nothing_to_find(world):
    with gap(world, 200, 300, is_done=True):
        assert found(world.audit()) == []


def test_a_gap_that_was_only_begun_is_named(world):
    with gap(world, 10, 300, is_done=False):
        assert found(world.audit()) == [("gaps", Harm.HARMLESS)]
