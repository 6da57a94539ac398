"""Backups on a real ClickHouse: what a restored database holds, and what can no longer be applied to it."""

import itertools
import threading
from contextlib import contextmanager
from uuid import uuid4

import pytest

from analytics.errors import StoreMisconfigured
from analytics.store.pool import Connection
from processor.audit.finding import Harm
from processor.backups import BackupFailed, read_back, take
from processor.gaps import Gap, note_gap
from processor.importing.spool import read_import, seal
from processor.ledger import CheckpointMoved
from processor.lineage_table import read_lineages, store_generation
from processor.operate.access import access
from processor.operate.audit import audit_all
from processor.operate.backup import DecidedMeanwhile, decisions, require_no_decision_since, run_backup
from processor.operate.entry import Refused
from processor.operate.restore import run_restore
from processor.restoring import drop, make_ready, names_of, put_in_place, staging_settings
from sandbox.clickhouse import LocalClickHouse
from tests.backup_world import backup, backup_config
from tests.eventually import eventually
from tests.operator_world import Counted, counted_copy, dump
from tests.processor_world import finished_job, log_line, pools

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("with-backups")
    with LocalClickHouse(directory, config=backup_config(directory / "backups")) as server:
        yield server


@pytest.fixture
def world(server):
    with counted_copy(server.address) as world:
        yield world


@pytest.fixture
def connection(world):
    connection = Connection(world.settings, timeout_s=30, database="default")
    yield connection
    connection.close()


@pytest.fixture
def name():
    return f"of-{uuid4().hex[:8]}"


def take_backup(connection, world, name, base=None, note=lambda _: None):
    return take(connection, world.settings.clickhouse_database, backup(name), base, note)


def stage(connection, world, name):
    """Read a backup back beside the live database, and make it ready."""
    names, settings = names_of(world.settings), staging_settings(world.settings)
    read_back(connection, names.live, names.staging, backup(name), lambda _: None)
    with access(settings) as staging:
        make_ready(settings, staging.plain, staging.ledger)


def restore(connection, world, name):
    """Put a backup in the place of what is there now."""
    stage(connection, world, name)
    put_in_place(connection, names_of(world.settings))


def more():
    return finished_job(20), finished_job(21, seconds=8), finished_job(EventKey="")


# --- what a restored database holds ---


def test_it_goes_on_as_if_nothing_had_been(world, connection, name):
    take_backup(connection, world, name)
    world.count("analytics", *more())
    truth = dump(world.settings)
    restore(connection, world, name)
    with pools(world.settings) as (plain, columns):
        again = Counted(world.settings, plain, columns, topics=world.topics)
        again.count("analytics", *more())
        assert (dump(world.settings), again.audit().findings) == (truth, [])


def test_what_was_counted_before_the_backup_is_a_repeat_after_it(world, connection, name):
    truth = dump(world.settings)
    take_backup(connection, world, name)
    restore(connection, world, name)
    with pools(world.settings) as (plain, columns):
        again = Counted(world.settings, plain, columns, topics=world.topics)
        again.count("analytics", *(finished_job(number) for number in range(3, 9)))
        again.count("job_logs", *(log_line(number) for number in range(4)))
        assert dump(world.settings) == truth


def test_an_increment_holds_everything_and_copies_little(world, connection, name):
    whole = take_backup(connection, world, name)
    world.count("analytics", *more())
    truth = dump(world.settings)
    increment = take_backup(connection, world, f"{name}-2", base=name)
    assert sum(one.written for one in increment) < sum(one.written for one in whole)
    restore(connection, world, f"{name}-2")
    assert dump(world.settings) == truth


def test_an_index_that_is_older_than_the_numbers_is_found(world, connection, name):
    """What would come of a backup in another order of tables."""
    live = world.settings.clickhouse_database
    others = f"BACKUP DATABASE {live} EXCEPT TABLES {live}.progress, {live}.analytics"
    connection.query(f"{others} TO Disk('backups', '{name}/index')")
    world.count("job_logs", *(log_line(number) for number in range(20, 30)))
    for table, copy in (("progress", "progress"), ("analytics", "numbers")):
        connection.query(f"BACKUP TABLE {live}.{table} TO Disk('backups', '{name}/{copy}')")
    stage(connection, world, name)
    with access(staging_settings(world.settings)) as staging:
        found = audit_all(staging, ask_kafka=False).findings
    assert [(one.check, one.harm) for one in found] == [("index", Harm.MAY_BECOME_WRONG)]


@contextmanager
def flood(world):
    """Batches of jobs and log lines, one after the other, until the end of the block; gives the events in their order."""
    counted, ended = {"analytics": [], "job_logs": []}, threading.Event()

    def count():
        for number in itertools.count(100, 10):
            if ended.is_set():
                return
            for topic, event in (("analytics", finished_job), ("job_logs", log_line)):
                batch = [event(one) for one in range(number - 5, number + 10)]  # the first five came before
                world.count(topic, *batch)
                counted[topic] += batch

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counted
    finally:
        ended.set()
        thread.join()


def test_every_backup_of_a_flood_goes_on_to_the_same_numbers(world, connection, name):
    """And what was counted before it is a repeat after it."""
    before = {topic: offset(world, topic) for topic in ("analytics", "job_logs")}
    with flood(world) as events:

        def count_on(_):
            """Whichever copy is taken first, the next one knows more."""
            at = len(events["job_logs"])
            eventually(lambda: len(events["job_logs"]) > at)

        for number in range(3):
            take_backup(connection, world, f"{name}-{number}", note=count_on)
    truth = dump(world.settings)
    for number in range(3):
        restore(connection, world, f"{name}-{number}")
        with pools(world.settings) as (plain, columns):
            again = Counted(world.settings, plain, columns, topics=world.topics)
            for topic, counted in events.items():
                again.count(topic, *counted[offset(again, topic) - before[topic] :], *counted)
            assert (dump(world.settings), again.audit().findings) == (truth, [])


def offset(world, topic):
    return world.ledger.checkpoint(world.lineages[topic].partition(0)).next_offset


# --- what can no longer be applied to it ---


def test_no_insert_is_swallowed_by_a_token_from_before(world, connection, name):
    """The very same token: of the batch that was lost with the database, and, without the fence, of the next one."""
    take_backup(connection, world, name)
    world.count("analytics", *more())
    names = names_of(world.settings)
    read_back(connection, names.live, names.staging, backup(name), lambda _: None)
    put_in_place(connection, names)
    partition = world.lineages["analytics"].partition(0)
    at = world.ledger.checkpoint(partition)
    assert world.ledger.apply(partition, at, at.next_offset + 3, None, leader_epoch=-1, ghosts=0)


def test_a_batch_from_the_checkpoint_of_the_backup_that_was_prepared_before_is_refused(
    world, connection, name
):
    """Its index rows are in tables that are gone."""
    partition = world.lineages["analytics"].partition(0)
    before = world.ledger.checkpoint(partition)
    take_backup(connection, world, name)
    restore(connection, world, name)
    with pytest.raises(CheckpointMoved):
        world.ledger.apply(partition, before, before.next_offset + 1, None, leader_epoch=-1, ghosts=0)


def test_a_generation_that_was_decided_before_is_not_decided_again(world, connection, name):
    """By a processor that was stuck: the restored table has the tokens of its rows."""
    take_backup(connection, world, name)
    restore(connection, world, name)
    restored = read_lineages(world.plain)
    store_generation(world.plain, world.lineages["analytics"])
    assert read_lineages(world.plain) == restored


def test_an_import_that_was_sealed_before_is_not_sealed_again(world, connection, name):
    add_import(world)
    take_backup(connection, world, name)
    restore(connection, world, name)
    with world.plain.lend(10) as lent:
        seal(world.plain, read_import(lent))
        assert lent.query("SELECT count() FROM imports") == [(1,)]


def add_import(world):
    """An import that nobody has carried out."""
    world.query("INSERT INTO imports (import_id, segments) VALUES (%(id)s, [('balance', 5)])", id=uuid4())


# --- what is refused ---


def test_rows_that_somebody_has_counted_are_not_replaced(world, connection, name):
    take_backup(connection, world, name)
    with pytest.raises(Refused, match=r"is not empty: analytics \(\d+ rows\)"):
        run_restore(world.settings, backup(name), dry_run=False, despite_findings=False)


def test_a_backup_that_is_not_there_changes_nothing(world, connection, name):
    truth = dump(world.settings)
    with pytest.raises(BackupFailed, match="not found"):
        run_restore(world.settings, backup(name), dry_run=True, despite_findings=False)
    assert dump(world.settings) == truth


def test_a_backup_that_was_broken_off_is_not_taken_for_a_whole_one(world, connection, name):
    live = world.settings.clickhouse_database
    for table, copy in (("progress", "progress"), ("analytics", "numbers")):
        connection.query(f"BACKUP TABLE {live}.{table} TO Disk('backups', '{name}/{copy}')")
    with pytest.raises(BackupFailed, match=f"{name}/index"):
        run_restore(world.settings, backup(name), dry_run=True, despite_findings=False)


def test_a_name_that_is_taken_is_refused(world, connection, name):
    take_backup(connection, world, name)
    with pytest.raises(BackupFailed, match="already exists"):
        take_backup(connection, world, name)


def test_no_backup_is_taken_while_an_import_is_under_way(world, name):
    add_import(world)
    with pytest.raises(Refused, match="an import is under way"):
        run_backup(world.settings, backup(name), base=None)


def test_a_backup_during_which_records_were_skipped_must_not_be_used(world, name):
    with world.plain.lend(10) as lent:
        before = decisions(lent)
        require_no_decision_since(lent, before, backup(name))
        note_gap(lent, Gap(world.lineages["analytics"].partition(0), 10, 20, "lost", is_done=False))
        with pytest.raises(DecidedMeanwhile, match="must not be used"):
            require_no_decision_since(lent, before, backup(name))


def test_a_schema_that_is_newer_than_the_program_is_refused(world, connection, name):
    world.query("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')")
    take_backup(connection, world, name)
    with pytest.raises(StoreMisconfigured, match="upgrade the program"):
        stage(connection, world, name)
    drop(connection, names_of(world.settings).staging)
