"""Rows that are imported: what becomes of them in ClickHouse, and what processors find."""

from contextlib import contextmanager
from uuid import UUID

import pytest

from analytics.errors import Stop
from processor.apply import PartitionWriter, Stores
from processor.importing.rows import ProcessedKey
from processor.importing.spool import is_whole
from processor.lineage_table import ImportUnderWay, identify, read_lineages, store_generation
from processor.opening import Held, Opener
from tests.import_world import STARTS, Imported, balance, job_key, past_job
from tests.processor_world import (
    HORIZON_MS,
    JOB,
    NOW_MS,
    USER,
    WORKFLOW,
    built,
    finished_job,
    fresh_database,
    gathered,
    log_line,
    pools,
    some_id,
    step,
)

pytestmark = pytest.mark.integration

NIL = "00000000-0000-0000-0000-000000000000"
SUMS = """
SELECT sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines), sum(jobs_completed), sum(jobs_failed)
FROM analytics WHERE resolution = %(resolution)s AND user_id = %(user)s AND workflow_id = %(workflow)s
"""
OF_USERS = (
    f"SELECT {{}} FROM analytics WHERE resolution = 'total' AND user_id != '{NIL}' AND workflow_id = '{NIL}'"
)
FACTS = """
SELECT max(kind).3, max(build).1, max(terminate).1, max(deleted_ms)
FROM workflows WHERE workflow_id = %(workflow)s
"""


@contextmanager
def imported(clickhouse, *rows):
    """A database with an import that is not carried out yet."""
    settings = fresh_database(clickhouse.address)
    with pools(settings) as (plain, columns):
        yield Imported(settings, plain, columns, rows)


@contextmanager
def done(clickhouse, *rows):
    """… and that is."""
    with imported(clickhouse, *rows) as world:
        world.seal()
        world.apply()
        yield world


def sums(world, resolution, workflow=NIL):
    (row,) = world.query(SUMS, resolution=resolution, user=USER, workflow=workflow)
    return row


def stores(world):
    topics = {one.topic.name: one.topic for one in world.import_.logs}
    return Stores(
        plain=world.plain,
        columns=world.columns,
        ledger=world.ledger,
        dead_letters=None,
        describe=lambda name: topics[name],
        horizon_ms=HORIZON_MS,
        filter_bytes=1 << 16,
    )


def count(world, topic, *events):
    """As a processor does that opens the first partition of a topic."""
    if topic == "workflows":  # of which it asks the broker where it begins
        world.ledger.begin(read_lineages(world.plain)[topic].partition(0), 0, 0)
    writer = Opener(None, stores(world), grace_s=0).open(topic, 0)
    assert isinstance(writer, PartitionWriter)
    writer.apply(gathered(topic, *events, first=writer.checkpoint.next_offset))


def test_balances_are_in_totals_and_openings_of_users_and_workflows_and_in_no_day(clickhouse):
    with done(clickhouse, balance(), balance(some_id(9), jobs=1)) as world:
        assert sums(world, "total", WORKFLOW) == sums(world, "opening", WORKFLOW) == (1, 2, 20, 3, 0, 0)
        assert sums(world, "total") == sums(world, "opening") == (2, 3, 40, 6, 0, 0)
        assert sums(world, "day") == sums(world, "quarter") == (0,) * 6


def test_past_jobs_are_in_totals_and_days_with_their_results(clickhouse):
    failed = past_job(4, has_failed=True, failure_kind="USER", error_code="Aborted", seconds=7)
    with done(clickhouse, balance(), past_job(3), failed) as world:
        assert sums(world, "total") == (1, 4, 32, 3, 1, 1)
        assert sums(world, "day") == sums(world, "quarter") == (0, 2, 12, 0, 1, 1)
        assert world.query(OF_USERS.format("sumMap(failures)")) == [({"USER Aborted": 1},)]


def test_a_past_job_is_the_same_in_every_bucket_as_if_its_events_had_been_counted(clickhouse):
    everything = (
        "SELECT resolution, workflow_id, bucket_start, sum(jobs), sum(execution_seconds), min(shortest_seconds), "
        "max(longest_seconds), sumMap(durations), sum(jobs_with_status), sum(jobs_completed) FROM analytics "
        "WHERE resolution IN ('total', 'day', 'quarter') GROUP BY ALL ORDER BY ALL"
    )
    with done(clickhouse, past_job(3)) as world, done(clickhouse) as other:
        event = finished_job(3, Data={"job_execution_duration": 5, "status": "COMPLETED"}, EventType="JOBS")
        count(other, "analytics", event)
        count(other, "workflows", step("JOB_COMPLETED", EventKey=f"workflow:job:{some_id(3)}:JOB_COMPLETED"))
        assert world.query(everything) == other.query(everything)


def test_events_that_the_go_programs_have_counted_do_not_count_again(clickhouse):
    lines = [ProcessedKey(log_line(number)["EventKey"], NOW_MS) for number in (0, 1, 2)]
    odd = ProcessedKey("log:odd", NOW_MS)
    with done(clickhouse, balance(), past_job(4), job_key(3), *lines, odd) as world:
        before = sums(world, "total")
        count(world, "analytics", built(), finished_job(3))
        count(world, "workflows", step("JOB_COMPLETED", EventKey=f"workflow:job:{some_id(4)}:JOB_COMPLETED"))
        count(world, "job_logs", *(log_line(number) for number in (0, 1, 2)), log_line(0, EventKey="log:odd"))
        assert sums(world, "total") == before


def test_events_that_they_have_not_counted_do(clickhouse):
    with done(clickhouse, balance(), job_key(3)) as world:
        count(world, "analytics", built(some_id(9)), finished_job(4))
        count(world, "job_logs", log_line(0), log_line(1))
        assert sums(world, "total") == (2, 3, 25, 5, 0, 0)
        assert world.findings() == []


def test_partitions_go_on_where_the_go_programs_stopped(clickhouse):
    with done(clickhouse, balance()) as world:
        found = [
            world.ledger.checkpoint(one).next_offset
            for one in read_lineages(world.plain)["job_logs"].all_partitions()
        ]
        assert found == list(STARTS)


def test_what_no_go_program_counts_begins_where_its_log_does_when_a_processor_comes(clickhouse):
    """Were it decided before the rows are copied, records that Kafka deletes meanwhile would halt it."""
    with done(clickhouse, balance()) as world:
        for one in read_lineages(world.plain)["workflows"].all_partitions():
            assert world.ledger.checkpoint(one) is None
        assert world.findings() == []


@pytest.mark.parametrize(
    ("row", "facts"),
    [
        (balance(), ("CONTAINER", 1, -1, 0)),
        (balance(kind=""), ("", 1, -1, 0)),
        (balance(generation=3, terminated_ms=NOW_MS), ("CONTAINER", 3, 3, 0)),
        (balance(created_ms=None, generation=None), ("CONTAINER", -1, -1, 1)),
    ],
    ids=["active", "of no kind", "terminated", "deleted"],
)
def test_what_is_known_of_a_workflow(clickhouse, row, facts):
    with done(clickhouse, row) as world:
        assert world.query(FACTS, workflow=WORKFLOW) == [facts]


def test_a_record_knows_the_kind_better_than_the_go_tables(clickhouse):
    with done(clickhouse, balance()) as world:
        count(world, "analytics", built(kind="HEARTBEAT"))
        assert world.query(FACTS, workflow=WORKFLOW)[0][0] == "HEARTBEAT"


def test_a_workflow_with_rows_of_two_users_counts_once(clickhouse):
    with done(clickhouse, balance(), balance(user=some_id(8), is_first=False)) as world:
        assert world.query(OF_USERS.format("sum(workflows)")) == [(1,)]
        assert world.findings() == []


def test_an_import_of_nothing_begins_the_partitions(clickhouse):
    with done(clickhouse) as world:
        count(world, "analytics", finished_job(3))
        assert sums(world, "total") == (1, 1, 5, 0, 0, 0)
        assert world.findings() == []


# --- while it is under way ---


class Stopped(Exception):
    """The import stops here."""


def stop_at(row):
    def note(done):
        if done >= row:
            raise Stopped

    return note


def test_no_processor_stores_a_lineage_once_an_import_is_sealed(clickhouse):
    with imported(clickhouse, balance()) as world:
        world.seal()
        with pytest.raises(ImportUnderWay):
            identify(world.plain, {one.topic.name: one.topic for one in world.import_.logs})
        assert read_lineages(world.plain) == {}


def test_a_processor_waits_until_everything_is_imported(clickhouse):
    with imported(clickhouse, balance(), job_key(3)) as world:
        world.seal()
        with pytest.raises(Stopped):
            world.apply(stop_at(1))
        with pytest.raises(Held):
            count(world, "analytics", finished_job(3))
        world.apply()
        count(world, "analytics", finished_job(3))
        assert sums(world, "total") == (1, 2, 20, 3, 0, 0)


@pytest.mark.parametrize("rows", [(), (balance(),)], ids=["nothing", "a balance"])
def test_no_processor_begins_a_partition_of_a_topic_whose_lineage_an_import_has_stored(clickhouse, rows):
    with imported(clickhouse, *rows) as world:
        for lineage in world.import_.lineages():
            store_generation(world.plain, lineage)
        with pytest.raises(Held, match="import"):
            count(world, "analytics", finished_job(3))
        partition = read_lineages(world.plain)["analytics"].partition(0)
        assert world.ledger.checkpoint(partition) is None


def test_the_audit_says_that_an_import_is_under_way(clickhouse):
    with imported(clickhouse, balance(), job_key(3)) as world:
        world.seal()
        with pytest.raises(Stopped):
            world.apply(stop_at(1))
        (finding,) = world.findings()
        assert "1 of 2 rows" in finding.what


def test_two_runs_at_the_same_time_import_everything_once(clickhouse):
    with imported(clickhouse, balance(), job_key(3), past_job(4)) as world:
        world.seal()

        def another_run_is_faster(row):
            if row == 1:
                world.apply()

        world.apply(another_run_is_faster)
        assert sums(world, "total") == (1, 3, 25, 3, 1, 0)
        assert world.findings() == []


def test_of_two_imports_the_first_one_that_is_sealed_is_carried_out(clickhouse):
    with imported(clickhouse, balance()) as world:
        world.seal()
        world.import_ = world.import_._replace(id=UUID(JOB))
        with pytest.raises(Stop, match="another import was faster"):
            world.seal()


def test_an_import_finds_that_a_processor_has_begun_before_it(clickhouse):
    with imported(clickhouse, balance()) as world:
        identify(world.plain, {one.topic.name: one.topic for one in world.import_.logs})
        world.seal()
        with pytest.raises(Stop, match="a processor has begun"):
            world.apply()
        assert sums(world, "total") == (0,) * 6


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE import_rows DELETE WHERE row_number = 1 SETTINGS mutations_sync = 2",
        "ALTER TABLE import_rows UPDATE content = replace(content, '20', '21') WHERE true SETTINGS mutations_sync = 2",
        "INSERT INTO import_rows SELECT import_id, row_number + 2, content FROM import_rows",
    ],
    ids=["a row is gone", "a row is another one", "there are more rows"],
)
def test_copied_rows_that_are_not_those_that_were_read_are_noticed(clickhouse, change):
    with imported(clickhouse, balance(), job_key(3)) as world:
        assert is_whole(world.plain, world.import_.id, world.import_.copy)
        world.query(change)
        assert not is_whole(world.plain, world.import_.id, world.import_.copy)


# --- what the audit makes of it ---


def test_the_audit_finds_an_opening_that_is_lost(clickhouse):
    with done(clickhouse, balance()) as world:
        world.query("ALTER TABLE analytics DELETE WHERE resolution = 'opening' SETTINGS mutations_sync = 2")
        assert {one.check for one in world.findings()} == {"totals"}


def test_the_audit_finds_index_rows_that_are_lost_after_an_import(clickhouse):
    with done(clickhouse, balance(), job_key(3)) as world:
        count(world, "analytics", built(some_id(9)), finished_job(4))
        id_ = world.partition_id("analytics")
        world.query(
            "ALTER TABLE event_keys DELETE WHERE partition_id = %(id)s SETTINGS mutations_sync = 2", id=id_
        )
        assert {one.check for one in world.findings()} == {"index"}
