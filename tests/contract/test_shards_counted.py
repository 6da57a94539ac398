"""Counting on two servers: what is on the other one is known, compared and kept there as if it were here."""

from uuid import uuid4

import pytest

from processor.adoption import Adoption, adopt
from processor.audit.finding import Harm
from processor.event_index import WEEK_MS
from processor.garbage import drop_garbage
from processor.operate.entry import Refused
from processor.operate.rebuild import run_rebuild
from processor.operate.switch import run_switch
from processor.skipping import Skip, Skipping
from tests.operator_world import Counted
from tests.processor_world import HORIZON_MS, NOW_MS, built, finished_job, log_line, step

pytestmark = pytest.mark.integration

_TOTALS = """
SELECT sum(workflows), sum(jobs), sum(jobs_completed), sum(log_lines) FROM analytics
WHERE resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')
"""
_INSERT_KEY = """
INSERT INTO event_keys (key_hi, key_lo, partition_id, record_offset, time_ms, garbage_week)
SELECT 1, 1, toUUID(%(id)s), %(week)s, %(week)s * 604800000, %(week)s
"""


@pytest.fixture
def world(sharded):
    """Of each topic partition 0 is on the home shard, partition 1 on the second one."""
    sharded.add()
    with sharded.opened() as shards:
        found = Counted(sharded.settings, *shards.home, shards=shards)
        found.sharded, found.shards = sharded, shards
        yield found


def totals(world):
    return world.sharded.query(_TOTALS, database=world.sharded.whole)[0]


def found(report):
    return [(one.check, one.harm) for one in report.findings]


def count_some(world, number, *, of=None):
    """Events of every kind in a partition: its own ones, or those `of` another one once more."""
    own = number if of is None else of
    first = 100 * own
    world.count("analytics", built(), *(finished_job(first + n) for n in range(5)), number=number)
    world.count("job_logs", *(log_line(first + n) for n in range(7)), number=number)
    done = step("JOB_COMPLETED", generation=0, EventKey=f"workflow:job:{own}:JOB_COMPLETED")
    world.count("workflows", done, number=number)


def test_partitions_are_spread_and_counted_together(world):
    world.count("analytics", finished_job(3), number=0)
    world.count("analytics", finished_job(4), finished_job(4), number=1)
    for on_second in (False, True):
        assert world.sharded.query(_TOTALS, on_second=on_second)[0][1] == 1
    assert totals(world)[1] == 2


def test_after_a_growth_repeats_of_what_the_other_server_counted_do_not_count(world):
    """Of every kind; the filter is loaded from both, too."""
    for number in (0, 1):
        count_some(world, number)
    before = totals(world)
    for topic in ("analytics", "job_logs", "workflows"):
        world.grow(topic, 3)
    for number in (0, 1):
        for repeated in (0, 1):
            count_some(world, number, of=repeated)
    assert totals(world) == before


def test_what_both_servers_counted_of_a_former_log_does_not_count_again(world):
    for number in (0, 1):
        count_some(world, number)
    before = totals(world)
    for topic, known in world.lineages.items():
        world.topics[topic] = world.topics[topic]._replace(topic_id=uuid4())
        adoption = Adoption(known, world.topics[topic], counted=0, uncounted=0, gone=0, to_read=0)
        world.lineages[topic] = adopt(world.plain, world.ledger, adoption)
    for number in (0, 1):
        count_some(world, number, of=1 - number)  # what the other server has counted
    assert totals(world) == before


def test_the_audit_finds_nothing_wrong_with_what_is_right(world):
    for number in (0, 1):
        count_some(world, number)
    assert found(world.audit()) == found(world.sketch()) == []


def test_the_audit_finds_what_is_lost_on_the_other_server(world):
    count_some(world, 1)
    world.sharded.query(
        "ALTER TABLE analytics DELETE WHERE resolution = 'day' SETTINGS mutations_sync = 2", on_second=True
    )
    assert ("totals", Harm.WRONG) in found(world.sketch())


def test_the_audit_finds_a_partition_that_is_on_both_servers(world):
    count_some(world, 1)
    partition = world.lineages["analytics"].partition(1)
    world.shards.home.ledger.begin(partition, 0, 0)
    assert ("checkpoints", Harm.WRONG) in found(world.sketch())


def test_the_audit_says_which_server_has_tables_that_are_not_as_they_must_be(world):
    world.sharded.query("ALTER TABLE analytics MODIFY SETTING fsync_after_insert = 0", on_second=True)
    (finding,) = world.sketch().findings
    assert finding.check == "schema"
    assert finding.what.startswith("shard 2: ")


def test_a_skip_removes_index_rows_where_the_partition_is(world):
    """Rows behind its checkpoint would be taken for events that were counted."""
    count_some(world, 1)
    lineage = world.lineages["analytics"]
    partition = lineage.partition(1)
    at = world.ledger.checkpoint(partition)
    insert_key(world, partition.id, at.next_offset + 1, on_second=True)
    rows = world.shards.of(partition.id).plain
    skipping = Skipping(world.plain, rows, world.ledger, lambda _: None)
    skipping.skip(Skip(lineage, partition, at, at.next_offset + 9, -1, "a test"))
    assert world.ledger.checkpoint(partition).next_offset == at.next_offset + 9
    assert skipping.rows_from(partition, at.next_offset) == 0
    assert found(world.audit()) == []


@pytest.mark.parametrize("command", [run_rebuild, run_switch])
def test_a_rebuild_refuses_several_servers(world, command):
    with pytest.raises(Refused, match="one ClickHouse server only"):
        command(world.settings, dry_run=False)


def test_weeks_are_dropped_that_no_partition_of_any_server_needs(world):
    """One whose log is far behind may need rows of another server: its topic may have grown."""
    now, pools = NOW_MS // WEEK_MS, [one.plain for one in world.shards.every().values()]
    partition = uuid4()
    for week in (now - 20, *[now] * 5):
        insert_key(world, partition, week)
    insert_key(world, uuid4(), now - 20, on_second=True)
    assert drop_garbage(pools, HORIZON_MS)["event_keys"] == []
    world.sharded.query("TRUNCATE TABLE event_keys", on_second=True)
    assert drop_garbage(pools, HORIZON_MS)["event_keys"] == [now - 20]


def insert_key(world, partition, week, **options):
    world.sharded.query(_INSERT_KEY, {"id": partition, "week": week}, **options)
