"""Backups of two servers: what both hold when they are restored, and in which order that comes about."""

from contextlib import closing
from uuid import uuid4

import pytest

from analytics.errors import StoreMisconfigured
from analytics.store.pool import Connection
from processor.backups import take
from processor.ledger import CheckpointMoved
from processor.operate.backup import DecidedMeanwhile, decisions, require_no_decision_since, run_backup
from processor.operate.entry import Refused
from processor.operate.restore import run_restore
from processor.operate.restore_servers import put_all_in_place, read_back_everywhere
from processor.placement import place
from processor.restoring import drop, names_of
from tests.backup_world import backup
from tests.operator_world import TOPICS, Counted, dump
from tests.processor_world import finished_job, log_line, step

pytestmark = pytest.mark.integration

NUMBERS = (0, 1)  # of the partitions: 0 is on the home shard, 1 on the second one
_ANOTHER_IDENTITY = "INSERT INTO shard_identity SELECT generateUUIDv4(), generateUUIDv4(), now64(3)"
_LIKE = "SELECT name FROM system.databases WHERE startsWith(name, %(name)s)"
_TIMES = "SELECT min(start_time), max(end_time) FROM system.backups WHERE name LIKE %(name)s AND status = 'BACKUP_CREATED'"


def world_of(sharded, shards):
    world = Counted(sharded.settings, *shards.home, shards=shards)
    world.sharded, world.shards, world.name = sharded, shards, f"of-{uuid4().hex[:8]}"
    return world


@pytest.fixture(scope="module")
def restored(shard_servers):
    """Counted, backed up, counted on, lost on both servers, and restored; with the numbers and checkpoints of the backup."""
    with closing(shard_servers.database()) as sharded:
        sharded.add()
        with sharded.opened() as shards:
            before = world_of(sharded, shards)
            count_some(before)
            before.count("workflows", step("JOB_COMPLETED", generation=0), number=1)
            run_backup(before.settings, backup(before.name), base=None)
            truth, at = numbers(sharded), checkpoints(before)
            before.count("analytics", finished_job(20), number=0)
            before.count("analytics", finished_job(21), number=1)
        lose(sharded)
        restore(before, before.name)
        with sharded.opened() as shards:
            world = Counted(sharded.settings, *shards.home, shards=shards, topics=before.topics)
            world.sharded, world.shards, world.name = sharded, shards, before.name
            world.truth, world.at_backup, world.at_restore = truth, at, checkpoints(world)
            yield world


@pytest.fixture(scope="module")
def lost(shard_servers):
    """Backed up and lost on both servers; `mixed`: a backup whose second shard is another one than the home shard lists."""
    with closing(shard_servers.database()) as sharded:
        sharded.add()
        with sharded.opened() as shards:
            world = world_of(sharded, shards)
            for number in NUMBERS:
                world.count("analytics", finished_job(number), number=number)
            run_backup(world.settings, backup(world.name), base=None)
        world.mixed = f"{world.name}-mixed"
        take_mixed(sharded, world.mixed)
        lose(sharded)
        yield world


@pytest.fixture(scope="module")
def broken_off(lost):
    """What a restore said that broke off when the second server was through, before the home shard was."""
    with read_back_everywhere(
        lost.settings, backup(lost.name), dry_run=False, note=lambda _: None
    ) as servers:
        home = servers[-1]
        drop(home.connection, home.names.staging)  # so it cannot be renamed
        with pytest.raises(Refused) as said:
            put_all_in_place(servers)
    return str(said.value)


def take_mixed(sharded, name):
    sharded.query("TRUNCATE TABLE shard_identity", on_second=True)
    sharded.query(_ANOTHER_IDENTITY, on_second=True)
    for number, settings in ((2, sharded.of_second), (1, sharded.settings)):
        with closing(Connection(settings, timeout_s=30)) as connection:
            of_shard = backup(name)._replace(shard=number)
            take(connection, settings.clickhouse_database, of_shard, None, lambda _: None)


def count_some(world):
    for number in NUMBERS:
        first = 100 * number
        world.count("analytics", *(finished_job(first + n) for n in range(5)), number=number)
        world.count("job_logs", *(log_line(first + n) for n in range(7)), number=number)


def numbers(sharded):
    return dump(sharded.settings, sharded.whole)


def checkpoints(world):
    return {(topic, number): at(world, topic, number) for topic in TOPICS for number in NUMBERS}


def at(world, topic, number):
    return world.ledger.checkpoint(world.lineages[topic].partition(number))


def lose(sharded):
    for second in (False, True):
        sharded.query(
            f"DROP DATABASE {sharded.settings.clickhouse_database} SYNC", on_second=second, database="default"
        )


def restore(world, name, *, dry_run=False):
    run_restore(world.settings, backup(name), dry_run=dry_run, despite_findings=False, ask_kafka=False)


def left(sharded):
    """The databases that are left, on either server, of what was made beside the live ones."""
    staging = names_of(sharded.settings).staging
    return [
        name
        for second in (False, True)
        for (name,) in sharded.query(_LIKE, {"name": staging}, on_second=second, database="default")
    ]


# --- what is restored ---


def test_the_numbers_of_both_servers_are_those_of_the_backup(restored):
    """As a service reads them, through the tables over all shards."""
    assert numbers(restored.sharded) == restored.truth


def test_each_partition_goes_on_where_it_was_when_the_backup_was_taken(restored):
    offsets = [
        {place: one and one.next_offset for place, one in found.items()}
        for found in (restored.at_restore, restored.at_backup)
    ]
    assert offsets[0] == offsets[1]


def test_what_either_server_counted_before_the_backup_is_a_repeat_after_it(restored):
    count_some(restored)
    assert numbers(restored.sharded) == restored.truth


def test_a_batch_of_the_other_server_that_was_prepared_before_is_refused(restored):
    partition, before = restored.lineages["workflows"].partition(1), restored.at_backup["workflows", 1]
    with pytest.raises(CheckpointMoved):
        restored.ledger.apply(partition, before, before.next_offset + 1, None, leader_epoch=-1, ghosts=0)


def test_a_place_that_was_decided_before_is_not_decided_again(restored):
    """By a processor that was stuck: the restored table has the tokens of its rows."""
    assert place(restored.plain, restored.lineages["analytics"].partition(1), 1) == 2


def test_nothing_is_left_beside_the_live_databases(restored):
    assert left(restored.sharded) == []


# --- the order ---


def test_the_index_of_the_home_shard_is_copied_after_the_other_one_is_through(restored):
    """Lineage and places, which it has for all of them, must be newer than the numbers of each."""
    assert copied(restored, "shard-2/%", on_second=True)[1] <= copied(restored, "numbers")[0]


def test_the_progress_of_the_home_shard_is_copied_before_the_other_one(restored):
    """It says up to when everything is counted, on each."""
    assert copied(restored, "progress")[1] <= copied(restored, "shard-2/%", on_second=True)[0]


def copied(restored, what, **options):
    """When copies were begun and ended."""
    ((begun, ended),) = restored.sharded.query(_TIMES, {"name": f"%{restored.name}/{what}%"}, **options)
    return begun, ended


def test_a_backup_during_which_a_shard_was_added_must_not_be_used(sharded):
    with sharded.opened() as shards, shards.home.plain.lend(10) as connection:
        before = decisions(connection)
        sharded.add()
        with pytest.raises(DecidedMeanwhile, match="a shard was added meanwhile"):
            require_no_decision_since(connection, before, backup("any"))


def test_a_restore_that_breaks_off_between_the_shards_says_which_is_in_place(lost, broken_off):
    database, second = lost.settings.clickhouse_database, lost.sharded.second
    assert f"In place already: database {database} of shard 2 ({second}). Start no processor" in broken_off


@pytest.mark.usefixtures("broken_off")
def test_what_is_in_place_on_the_other_server_is_not_replaced(lost):
    """The restored database as any other one; so there must be room on each."""
    with pytest.raises(Refused, match=r"of shard 2 .* is not empty: .*It may be in its place already"):
        restore(lost, lost.name)


# --- what changes nothing ---


def test_a_dry_run_leaves_nothing_on_either_server(restored):
    restore(restored, restored.name, dry_run=True)
    assert (numbers(restored.sharded), left(restored.sharded)) == (restored.truth, [])


def test_a_backup_of_another_server_is_not_taken_for_the_shard(lost):
    with pytest.raises(StoreMisconfigured, match="is not shard 2: it is another one"):
        restore(lost, lost.mixed, dry_run=True)
