"""What an import refuses, and that it has written nothing then. One PostgreSQL and one broker for all of them."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics.errors import Retryable, Stop
from processor.operate.import_totals import Wanted, run_import
from sandbox.broker import LocalBroker
from sandbox.records import read_corpus
from tests.migration_world import GROUPS, Migration
from tests.postgres import LocalPostgres
from tests.processor_world import fresh_database

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
WANTED = Wanted(history=False, analytics_group="analytics-processor", logs_group="joblogs-processor")
TABLES = ("analytics", "event_keys", "log_runs", "workflows", "lineage", "imports", "import_rows")


@pytest.fixture(scope="module")
def world(clickhouse, tmp_path_factory):
    """A hundred records of the corpus, all of which the Go service has counted."""
    directory = tmp_path_factory.mktemp("migration")
    records = [record for record in read_corpus(SMALL) if record.topic in GROUPS][:100]
    with LocalPostgres() as postgres, LocalBroker(directory / "broker") as broker:
        broker.create_topics()
        migration = Migration(fresh_database(clickhouse.address), broker, postgres, directory)
        migration.publish(records)
        migration.let_go_read(lambda place: len(migration.log[place]))
        yield migration
        migration.close()


@pytest.fixture
def refused(world, clickhouse):
    """Runs an import into a fresh database, which must refuse with some words and write nothing."""

    def run(*words, wanted=WANTED, error=Stop, **settings):
        database = fresh_database(clickhouse.address).clickhouse_database
        with pytest.raises(error) as refusal:
            run_import(world.import_settings(clickhouse_database=database, **settings), wanted, dry_run=False)
        assert all(word in str(refusal.value) for word in words), refusal.value
        assert written(world, database) == {}
        return str(refusal.value)

    return run


def written(world, database):
    """Rows by table, of those that have some."""
    counts = {table: world.query(f"SELECT count() FROM {database}.{table}")[0][0] for table in TABLES}
    return {table: rows for table, rows in counts.items() if rows}


@contextmanager
def changed(world, change, back):
    """PostgreSQL is otherwise for a while."""
    world.tables.execute(change)
    yield
    world.tables.execute(back)


def test_a_go_program_that_is_at_work(world, refused, capsys):
    consumer = world.join("analytics")
    try:
        refused("analytics-processor", "stop the Go programs")
        run_import(world.import_settings(), WANTED, dry_run=True)
        assert "would refuse" in capsys.readouterr().out
    finally:
        consumer.close()


def test_a_group_that_has_read_nothing(refused):
    refused("nobody", "has committed no offset", wanted=WANTED._replace(logs_group="nobody"))


def test_a_database_that_is_not_chronoverses(refused):
    refused("no database of Chronoverse", "does not exist", postgres_db="postgres")


def test_a_wrong_password_is_not_told(refused):
    told = refused("password authentication failed", error=Retryable, postgres_password="hunter2")
    assert "hunter2" not in told


def test_a_postgres_that_is_away(refused):
    refused("PostgreSQL does not answer", error=Retryable, postgres_port=9)


def test_a_user_that_may_not_read(world, refused):
    world.tables.execute("CREATE USER stranger PASSWORD 'p'")
    refused("may not read", postgres_user="stranger", postgres_password="p")


def test_offsets_beyond_the_log(world, refused):
    place = ("analytics", 0)
    world.commit("analytics", {place: len(world.log[place]) + 1})
    try:
        refused("its log ends at")
    finally:
        world.commit("analytics", {place: len(world.log[place])})


def test_a_database_that_was_counted_into(world, clickhouse):
    settings = world.import_settings(
        clickhouse_database=fresh_database(clickhouse.address).clickhouse_database
    )
    run_import(settings, WANTED, dry_run=False)
    world.query(f"TRUNCATE TABLE {settings.clickhouse_database}.imports")
    before = written(world, settings.clickhouse_database)
    with pytest.raises(Stop, match="is not empty"):
        run_import(settings, WANTED, dry_run=False)
    assert written(world, settings.clickhouse_database) == before


def test_a_dry_run_says_what_it_would_import_and_writes_nothing(world, clickhouse, capsys):
    database = fresh_database(clickhouse.address).clickhouse_database
    run_import(world.import_settings(clickhouse_database=database), WANTED, dry_run=True)
    (jobs,) = world.tables.execute("SELECT sum(jobs_count) FROM analytics").fetchone()
    told = capsys.readouterr().out
    assert f"jobs\t{jobs}" in told
    assert f"analytics\t0\t{len(world.log['analytics', 0])}\t0\t0" in told
    assert written(world, database) == {}


def test_a_second_run_after_the_end_imports_nothing_more(world, clickhouse, capsys):
    settings = world.import_settings(
        clickhouse_database=fresh_database(clickhouse.address).clickhouse_database
    )
    run_import(settings, WANTED, dry_run=False)
    before = written(world, settings.clickhouse_database)
    run_import(settings, WANTED, dry_run=False)
    assert "is done" in capsys.readouterr().out
    assert written(world, settings.clickhouse_database) == before
