"""Users of ClickHouse with least privileges: the programs work as they, and can do nothing else."""

import os
import sys
import uuid

import pytest
from pydantic import SecretStr

from analytics import queries
from analytics.errors import StoreUnavailable
from analytics.model import ALL_WORKFLOWS, WorkflowKey
from analytics.settings import Settings
from analytics.store.checks import check_schema
from analytics.store.migrate import migrate
from analytics.store.pool import Connection, StatementFailed
from analytics.store.users import UserSettings, statements
from processor.audit.auditor import Stored, sketch
from processor.gaps import Gap, forget_gap, note_gap
from processor.garbage import drop_garbage
from processor.model import Partition
from processor.rebuilding import prepare
from processor.selftest import prove_guards
from processor.settings import ProcessorSettings
from processor.skipping import _INDEXES, _REMOVE
from processor.status import read_store
from processor.switching import Databases, begin, drop, exchange
from tests import forked
from tests.grpc_world import USER
from tests.operator_world import Counted
from tests.processor_world import HORIZON_MS, pools
from tests.users_world import DATABASE, PASSWORDS, clickhouse_with_users

pytestmark = pytest.mark.integration

KEYS = [WorkflowKey(USER, ALL_WORKFLOWS)]
DENIED = pytest.raises(StoreUnavailable, match="Not enough privileges")


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """Settings by user; the migrating one has made the database."""
    with clickhouse_with_users(tmp_path_factory.mktemp("users")) as world:
        migrate(world.users["migrator"])
        yield world.users


@pytest.fixture(scope="module")
def connect(users):
    """A connection as that user."""
    opened = {name: Connection(settings, timeout_s=10) for name, settings in users.items()}
    yield opened.__getitem__
    for connection in opened.values():
        connection.close()


@pytest.fixture
def service(connect):
    return connect("service")


@pytest.fixture
def processor(connect):
    return connect("processor")


def test_the_service_reads_what_it_answers_from(service):
    assert queries.totals(service, KEYS, 5) == {}
    assert queries.progress(service, 5) == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO analytics (resolution) SELECT 'total'",
        "SELECT count() FROM event_keys",
        "SELECT count() FROM schema_migrations",
        "DROP TABLE analytics",
        "TRUNCATE TABLE progress",
        "ALTER TABLE analytics DELETE WHERE 1",
        "CREATE TABLE mine (x UInt8) ENGINE = Memory",
        "CREATE USER another",
        "SELECT count() FROM remote('127.0.0.1', system.one)",
    ],
)
def test_the_service_can_do_nothing_else(service, sql):
    with DENIED:
        service.query(sql)


def test_the_processor_counts_and_proves_the_server_as_its_user(users):
    """All that `run` does: checks, self-test, batches, the index, the cheap audit, garbage."""
    settings = ProcessorSettings(**users["processor"].model_dump())
    with pools(settings, size=2) as (plain, columns):
        with plain.lend(10) as connection:
            check_schema(connection)
        prove_guards(plain, columns)
        counted = Counted(settings, plain, columns)
        counted.count_some()
        drop_garbage([plain], HORIZON_MS)
        with plain.lend(10) as connection:
            connection.query("ALTER TABLE event_keys DROP PARTITION 1")
            assert not sketch(Stored.on_one(connection), counted.settings).findings
            assert read_store(connection).schema_version > 0


def test_the_self_test_leaves_nothing_behind(users, connect):
    with pools(users["processor"], size=2) as (plain, columns):
        prove_guards(plain, columns)
    found = connect("migrator").query("SELECT name FROM system.tables WHERE startsWith(name, 'selftest_')")
    assert found == []


def test_an_operator_skips_and_adopts_as_the_processors_user(processor):
    partition = Partition("analytics", 0, uuid.uuid4())
    gap = Gap(partition, 1, 2, "test", is_done=False)
    note_gap(processor, gap)
    forget_gap(processor, gap)
    for table, offset in _INDEXES.items():
        processor.query(
            _REMOVE.format(table=table, offset=offset), {"id": partition.id, "first": 1, "end": 2}
        )
    processor.query("DELETE FROM progress WHERE topic = 'none'")


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE analytics",
        "DROP DATABASE {database}",
        "TRUNCATE TABLE analytics",
        "ALTER TABLE analytics DELETE WHERE 1",
        "ALTER TABLE analytics MODIFY SETTING non_replicated_deduplication_window = 1",
        "ALTER TABLE lineage DELETE WHERE 1",
        "INSERT INTO schema_migrations (version) SELECT 99",
        "CREATE TABLE mine AS analytics",
        "DROP TABLE selftests",
        "CREATE USER another",
        "SELECT count() FROM url('http://127.0.0.1:1/', 'TSV', 'x String')",
    ],
)
def test_the_processor_can_neither_drop_nor_change_what_was_counted(processor, sql):
    with DENIED:
        processor.query(sql.format(database=DATABASE))


def test_a_rebuild_needs_no_more_than_the_migrating_user_has(users, connect):
    """A second database beside the live one, whose tables are exchanged."""
    settings = ProcessorSettings(**users["migrator"].model_dump())
    names = Databases(DATABASE, prepare(settings).clickhouse_database)
    begin(connect("migrator"), names)
    exchange(connect("migrator"), names, lambda _: None)
    drop(connect("migrator"), names.rebuilt)


def test_a_wrong_password_is_refused_without_being_shown(users):
    wrong = users["service"].model_copy(update={"clickhouse_password": SecretStr("hunter2hunter2")})
    connection = Connection(wrong, timeout_s=10)
    with pytest.raises(StoreUnavailable, match="Authentication failed") as caught:
        connection.query("SELECT 1")
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def settings(users):
    """What `migrate --create-users` reads, as the migrating user."""
    given = {f"clickhouse_{name}_username": name for name in ("service", "processor")} | {
        f"clickhouse_{name}_password": PASSWORDS[name] for name in ("service", "processor")
    }
    return UserSettings(**users["migrator"].model_dump() | given)


def test_the_server_understands_every_statement(settings, connect):
    for statement in statements(settings):
        assert connect("migrator").query(f"EXPLAIN AST {statement}")


def test_the_migrating_user_may_run_every_statement(settings, connect):
    """As far as the server here goes: users in a file of configuration cannot be changed."""
    for statement in statements(settings):
        with pytest.raises(StatementFailed, match="this storage is readonly"):
            connect("migrator").query(statement)


def test_the_migrating_user_may_create_users(settings, connect):
    others = settings.model_copy(update={"clickhouse_service_username": "somebody"})
    with pytest.raises(StatementFailed, match="no writeable access storage"):
        connect("migrator").query(next(statements(others)))


def test_the_service_may_not_create_users(settings, connect):
    for statement in statements(settings):
        if "IF NOT EXISTS" not in statement:
            with DENIED:
                connect("service").query(statement)


def environment_of(settings: Settings) -> dict[str, str]:
    """What a program gets to run with these settings."""
    values = {
        "CLICKHOUSE_HOSTS": ",".join(settings.clickhouse_hosts),
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
        "CLICKHOUSE_USERNAME": settings.clickhouse_username,
        "CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }
    if isinstance(settings, UserSettings):
        values["CLICKHOUSE_SERVICE_USERNAME"] = settings.clickhouse_service_username
        values["CLICKHOUSE_SERVICE_PASSWORD"] = settings.clickhouse_service_password.get_secret_value()
        values["CLICKHOUSE_PROCESSOR_USERNAME"] = settings.clickhouse_processor_username
        values["CLICKHOUSE_PROCESSOR_PASSWORD"] = settings.clickhouse_processor_password.get_secret_value()
    return os.environ | values


def create_users_with(environment):
    """Run the real program."""
    command = [sys.executable, "-P", "-m", "analytics", "migrate", "--create-users"]
    return forked.run(command, env=environment, timeout=60)


def test_what_the_server_refuses_is_said_without_a_password(settings):
    """The whole program; the server here cannot do it."""
    result = create_users_with(environment_of(settings) | {"LOG_LEVEL": "debug"})
    said = result.stdout + result.stderr
    assert result.returncode == 65
    assert "Error: ClickHouse refuses: " in result.stderr
    assert "Traceback" not in said
    assert [secret for secret in PASSWORDS.values() if secret in said] == []


def test_who_may_not_create_users_is_told_so(users, settings):
    service = users["service"]
    login = {"clickhouse_username": "service", "clickhouse_password": service.clickhouse_password}
    others = {"clickhouse_service_username": "another"}
    result = create_users_with(environment_of(settings.model_copy(update=login | others)))
    assert result.returncode == 1
    assert "Not enough privileges" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_settings_are_all_named(users):
    result = create_users_with(environment_of(users["migrator"]))
    assert result.returncode == 78
    for program in ("SERVICE", "PROCESSOR"):
        assert f"CLICKHOUSE_{program}_USERNAME: " in result.stderr
        assert f"CLICKHOUSE_{program}_PASSWORD: " in result.stderr
