"""The log counted anew beside the live database, and put in its place: killed anywhere, it ends with equal numbers.

Nearly all tests have two weeks of the small corpus: each week of record time is a part of each index table for every batch,
and how many there are changes nothing of what is killed, refused or exchanged. The last two have the whole of it.
"""

import signal
from pathlib import Path
from uuid import uuid4

import pytest

from analytics.store.pool import Connection
from processor.gaps import Gap, note_gap
from processor.model import Partition
from tests.contract.rebuild_world import Rebuilding
from tests.eventually import eventually
from tests.integration.stack_world import records_of, running_stack
from tests.operator_world import dump

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
FIRST_MS, END_MS = 1_746_662_400_000, 1_747_872_000_000
"""Two weeks with records in all six partitions, jobs without EventKey and a malformed record.

Their first day with lines has keys of jobs too: otherwise the audit would take lost lines for weeks that were dropped.
"""
EXCHANGED = ("event_keys", "log_runs", "workflows", "analytics")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("stack") / "run") as stack:
        stack.play(two_weeks())
        stack.await_counted()
        stack.stack.processors[0].stop()
        stack.stack.service.stop()  # nobody asks it here, and it asks ClickHouse all the time
        yield Rebuilding(stack)


def two_weeks():
    return [one for one in records_of(SMALL) if FIRST_MS <= one.timestamp_ms < END_MS]


def lines_of_two_weeks():
    return [one for one in two_weeks() if one.topic == "job_logs"]


@pytest.fixture
def world(shared):
    """The same for each test: right numbers, and no second database."""
    shared.clean_up()
    yield shared
    shared.clean_up()
    assert dump(shared.settings) == shared.truth


@pytest.fixture(scope="module")
def whole(shared):
    """Sixty weeks of records."""
    shared.stack.play(records_of(SMALL))
    with shared.processing():
        eventually(lambda: shared.offsets() == shared.stack.log.counted, within_s=120)
    shared.note_truth()


@pytest.fixture
def rebuilt(shared):
    """The rebuilt database is there, and nothing is switched; what a test takes out of it, it puts back."""
    rebuild(shared)  # there is nothing to do after the first test
    yield shared
    assert dump(shared.settings, "analytics_rebuild") == shared.truth
    assert dump(shared.settings) == shared.truth


def rebuild(world):
    told = world.run("rebuild")
    assert told.returncode == 0, told.stderr


def require_refused(told, *words):
    assert told.returncode == 65, told.stdout + told.stderr
    assert all(word in told.stderr for word in words), told.stderr


# --- the whole of it ---


def test_processors_go_on_with_the_rebuilt_tables_and_the_old_ones_stay_until_they_are_dropped(world):
    """Everything that is played again is a repeat, but for jobs without EventKey."""
    world.break_numbers()
    wrong = dump(world.settings)
    rebuild(world)
    assert world.run("rebuild", "--switch").returncode == 0
    assert dump(world.settings, "analytics_rebuild") == wrong
    require_refused(world.run("rebuild"), "holds the old tables")
    require_refused(world.run("rebuild", "--abandon"), "--drop-old")
    before, keyed = world.offsets(), lines_of_two_weeks()
    world.stack.play(keyed)
    with world.processing():
        eventually(lambda: world.offsets() == before + len(keyed), within_s=60)
    assert (dump(world.settings), dump(world.settings, "analytics_rebuild")) == (world.truth, wrong)
    assert world.run("rebuild", "--drop-old").returncode == 0
    assert world.query("SELECT count() FROM system.databases WHERE name = 'analytics_rebuild'") == [(0,)]


# --- killed ---


def test_a_rebuild_that_is_stopped_ends_with_1_and_goes_on(world):
    command = world.begin("rebuild", PROCESSOR_MIN_INTERVAL="2s")
    eventually(lambda: world.rebuilt_offsets() > 0 or command.exit_code is not None, within_s=60)
    assert command.stop() in (0, 1)
    rebuild(world)
    assert dump(world.settings, "analytics_rebuild") == world.truth


@pytest.mark.parametrize("exchanged", [1, 3, len(EXCHANGED)])
def test_a_switch_that_was_killed_is_finished_by_the_next_one(world, exchanged):
    world.break_numbers()
    rebuild(world)
    assert world.run("rebuild", "--switch", dying_at=exchanged).returncode == -signal.SIGKILL
    if exchanged < len(EXCHANGED):
        require_refused(world.run("rebuild"), "is not complete")
        require_refused(world.run("rebuild", "--abandon"), "finish it")
        require_refused(world.run("rebuild", "--drop-old"), "--switch")
    told = world.run("rebuild", "--switch")
    assert (told.returncode, dump(world.settings)) == (0, world.truth), told.stderr
    assert world.run("audit").returncode == 0


@pytest.mark.parametrize("exchanged", [1, 3])
def test_processors_may_run_between_two_runs_of_a_switch(world, monkeypatch, exchanged):
    """What they count then is counted again from the rebuilt checkpoint, and all repeats are found."""
    monkeypatch.setenv("PROCESSOR_GROWTH_GRACE", "1s")  # so long they wait for the second run
    rebuild(world)
    assert world.run("rebuild", "--switch", dying_at=exchanged).returncode == -signal.SIGKILL
    lines = lines_of_two_weeks()
    before = world.offsets()
    world.stack.play(lines)
    with world.processing():
        eventually(lambda: world.offsets() >= before + len(lines), within_s=60)
    told = world.run("rebuild", "--switch")
    assert told.returncode == 0, told.stderr
    world.stack.play(lines)
    with world.processing():
        eventually(lambda: world.offsets() == world.stack.log.counted, within_s=60)
    assert dump(world.settings) == world.truth
    assert world.run("audit").returncode == 0


# --- refusals ---


def test_nothing_is_switched_while_a_processor_counts(rebuilt):
    reported = "SELECT max(updated_at) > now64(3) - 2 FROM progress"
    with rebuilt.processing():
        eventually(lambda: rebuilt.query(reported) == [(1,)], within_s=60)
        require_refused(rebuilt.run("rebuild", "--switch"), "stop it first")


def test_nothing_is_switched_before_it_is_rebuilt(world):
    require_refused(world.run("rebuild", "--switch"), "run `chronoverse-processor rebuild` first")


def test_a_rebuild_that_is_behind_is_not_switched(rebuilt):
    with rebuilt.emptied("analytics"):
        require_refused(rebuilt.run("rebuild", "--switch"), "6 partitions are not counted anew")


def test_a_rebuild_that_is_wrong_in_itself_is_not_switched(rebuilt):
    with rebuilt.emptied("log_runs"):
        require_refused(rebuilt.run("rebuild", "--switch"), "the audit of the rebuilt database found")


def test_a_dry_run_of_a_switch_exchanges_nothing(rebuilt):
    before = rebuilt.query("SELECT name, uuid FROM system.tables WHERE database = 'analytics' ORDER BY 1")
    told = rebuilt.run("rebuild", "--switch", "--dry-run")
    assert (told.returncode, "event_keys, log_runs, workflows, analytics" in told.stdout) == (0, True)
    assert (
        rebuilt.query("SELECT name, uuid FROM system.tables WHERE database = 'analytics' ORDER BY 1")
        == before
    )


def test_a_rebuild_that_does_not_know_a_growth_is_not_switched(shared):
    rebuild(shared)
    shared.query("TRUNCATE TABLE lineage", rebuilt=True)
    require_refused(shared.run("rebuild", "--switch"), "--abandon")
    assert shared.run("rebuild", "--abandon").returncode == 0


def test_what_was_skipped_keeps_from_rebuilding(world):
    connection = Connection(world.settings, timeout_s=10)
    note_gap(connection, Gap(Partition("analytics", 0, uuid4()), 3, 5, "of a test", True))
    try:
        require_refused(world.run("rebuild"), "offsets 3 to 4 of analytics/0 were skipped")
    finally:
        connection.query("TRUNCATE TABLE gaps")
        connection.close()


def test_a_dry_run_makes_no_database(world):
    told = world.run("rebuild", "--dry-run")
    assert (told.returncode, "analytics_rebuild" in told.stdout) == (0, True)
    assert world.rebuilt_offsets() == 0


# --- the whole corpus: at the end, for it stays in the log ---


@pytest.mark.usefixtures("whole")
def test_wrong_numbers_are_replaced_by_right_ones(world):
    world.break_numbers()
    world.break_checkpoint()
    rebuild(world)
    told = world.run("rebuild", "--switch")
    assert (told.returncode, dump(world.settings)) == (0, world.truth), told.stderr
    assert world.run("audit").returncode == 0


@pytest.mark.usefixtures("whole")
def test_a_rebuild_that_was_killed_goes_on(world):
    """kill -9 in the middle, three times; in small batches, slowly."""
    slow = {
        "PROCESSOR_MAX_BATCH_RECORDS": "1000",
        "PROCESSOR_MAX_BATCH_BYTES": "1048576",
        "PROCESSOR_MIN_INTERVAL": "2s",
    }
    for _ in range(3):
        before = world.rebuilt_offsets()
        command = world.begin("rebuild", **slow)
        eventually(
            lambda at=before, one=command: world.rebuilt_offsets() > at or one.exit_code is not None,
            within_s=60,
        )
        command.signal(signal.SIGKILL)
        command.wait(10)
    rebuild(world)
    assert dump(world.settings, "analytics_rebuild") == world.truth
