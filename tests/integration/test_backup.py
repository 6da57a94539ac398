"""Backup, more events, the server is destroyed, restore, on it goes: the totals are those of all events, each once."""

import shutil

import msgspec
import pytest

from processor.operate.access import access
from processor.operate.audit import audit_all
from processor.operate.backup import run_backup
from processor.operate.restore import run_restore
from sandbox.totals import ExpectedTotals
from tests.backup_world import backup, backup_config
from tests.eventually import eventually
from tests.insights import require_insights
from tests.integration.stack_world import as_json, newest, records_of, running_stack
from tests.integration.test_exactness import SMALL, answers_of
from tests.operator_world import processor_settings
from tests.reference import totals_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def events():
    """Nine weeks: of every kind, malformed ones and repeats."""
    return newest(records_of(SMALL), weeks=9)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A stack that both tests share; each restores what it has backed up."""
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(folder / "run", clickhouse_config=backup_config(folder / "backups")) as world:
        yield world


def settings_of(world):
    """As the commands of an operator have them."""
    return processor_settings(world.stack.settings(), kafka_brokers=(world.running.kafka,))


def take(world, name):
    run_backup(settings_of(world), backup(name), base=None)


def restore(world, name):
    """It exits when anything is wrong."""
    run_restore(settings_of(world), backup(name), dry_run=False, despite_findings=False)


def destroy(world):
    """The machine of ClickHouse is gone, with all that was on it; there is another one, with nothing on it."""
    clickhouse = world.stack.clickhouse
    clickhouse.kill()
    shutil.rmtree(world.stack.directory.clickhouse)
    clickhouse.start()


def going_on(world):
    """Start the processor that was stopped, and return when everything is counted."""
    world.stack.processors[0].respawn()
    world.await_counted()


def require_truth(world):
    truth = totals_of(as_json(record) for record in world.log.records)
    expected = msgspec.convert(truth, ExpectedTotals)
    assert world.answers(expected) == answers_of(expected)
    require_insights(world.query, truth)


def test_a_backup_in_the_middle_of_a_flood_outlives_the_server(world):
    """Repeats across its border are dropped."""
    records = events()
    with world.playing(records, rate=len(records) / 3):
        eventually(lambda: world.applied() > 0)
        take(world, "first")
    world.await_counted()
    world.stack.processors[0].stop()
    destroy(world)
    restore(world, "first")
    going_on(world)
    world.play(records)
    world.await_counted()
    require_truth(world)
    with access(settings_of(world)) as reach:
        assert audit_all(reach, ask_kafka=False).findings == []


def test_a_processor_that_runs_through_it_all_does_no_harm(world):
    """It should be stopped; but where somebody forgets it, it starts again, and goes on at the restored checkpoints."""
    take(world, "third")
    world.play(events()[:300])
    world.await_counted()
    destroy(world)
    restore(world, "third")
    world.stack.processors[0].stop()
    going_on(world)
    require_truth(world)
