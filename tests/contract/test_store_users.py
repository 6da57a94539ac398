"""Users of ClickHouse with least privileges: the programs work as they, and can do nothing else."""

import json
import os
import subprocess
import sys
import uuid

import pytest
from pydantic import SecretStr

from analytics import queries
from analytics.errors import StoreUnavailable
from analytics.model import ALL_WORKFLOWS, WorkflowKey
from analytics.store.checks import check_schema
from analytics.store.pool import Connection, StatementFailed
from analytics.store.users import UserSettings, create_users
from processor.audit.auditor import sketch
from processor.gaps import Gap, forget_gap, note_gap
from processor.garbage import drop_garbage
from processor.model import Partition
from processor.selftest import prove_guards
from processor.settings import ProcessorSettings
from processor.skipping import _INDEXES, _REMOVE
from tests.grpc_world import USER
from tests.operator_world import Counted
from tests.processor_world import HORIZON_MS, pools

pytestmark = pytest.mark.integration

SERVICE_PASSWORD, PROCESSOR_PASSWORD = "the-service's \\ password", "the-processor's password"
KEYS = [WorkflowKey(USER, ALL_WORKFLOWS)]


@pytest.fixture
def users(database):
    """Settings of the migrating user; both users are there."""
    settings = user_settings(database)
    create_users(settings)
    return settings


def user_settings(database, **changes):
    """Users of the test's own: all tests share the server."""
    mark = uuid.uuid4().hex[:8]
    given = {
        "clickhouse_service_username": f"service_{mark}",
        "clickhouse_service_password": SERVICE_PASSWORD,
        "clickhouse_processor_username": f"processor_{mark}",
        "clickhouse_processor_password": PROCESSOR_PASSWORD,
    }
    return UserSettings(**database.model_dump() | given | changes)


def as_user(settings, name, kind=ProcessorSettings):
    """The settings of a program that runs as that user."""
    login = {
        "clickhouse_username": getattr(settings, f"clickhouse_{name}_username"),
        "clickhouse_password": getattr(settings, f"clickhouse_{name}_password"),
    }
    return kind(**settings.model_dump() | login)


@pytest.fixture
def service(users):
    connection = Connection(as_user(users, "service"), timeout_s=10)
    yield connection
    connection.close()


@pytest.fixture
def processor(users):
    connection = Connection(as_user(users, "processor"), timeout_s=10)
    yield connection
    connection.close()


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
    with pytest.raises(StoreUnavailable, match="Not enough privileges"):
        service.query(sql)


def test_the_processor_counts_and_proves_the_server_as_its_user(users):
    """All that `run` does: checks, self-test, batches, the index, the cheap audit, garbage."""
    settings = as_user(users, "processor")
    with pools(settings, size=2) as (plain, columns):
        with plain.lend(10) as connection:
            check_schema(connection)
        prove_guards(plain, columns)
        counted = Counted(settings, plain, columns)
        counted.count_some()
        drop_garbage(plain, HORIZON_MS)
        with plain.lend(10) as connection:
            connection.query("ALTER TABLE event_keys DROP PARTITION 1")
            assert not sketch(connection, counted.settings).findings


def test_the_self_test_left_nothing_behind(users, database):
    with pools(as_user(users, "processor"), size=2) as (plain, columns):
        prove_guards(plain, columns)
    connection = Connection(database, timeout_s=10)
    left = connection.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'selftest\\\\_%%'")
    connection.close()
    assert left == []


def test_an_operator_skips_and_adopts_as_the_processors_user(processor):
    partition = Partition("analytics", 0, uuid.uuid4())
    gap = Gap(partition, 1, 2, "test", is_done=False)
    note_gap(processor, gap)
    forget_gap(processor, gap)
    for table, offset in _INDEXES.items():
        processor.query(
            _REMOVE.format(table=table, offset=offset), {"id": partition.id, "first": 1, "end": 2}
        )
    processor.query("DELETE FROM progress WHERE topic = 'analytics'")


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
def test_the_processor_can_neither_drop_nor_change_what_was_counted(users, processor, sql):
    with pytest.raises(StoreUnavailable, match="Not enough privileges"):
        processor.query(sql.format(database=users.clickhouse_database))


def test_a_wrong_password_is_refused_without_showing_it(users):
    wrong = as_user(users, "service").model_copy(update={"clickhouse_password": SecretStr("hunter2hunter2")})
    connection = Connection(wrong, timeout_s=10)
    with pytest.raises(StoreUnavailable, match="Authentication failed") as caught:
        connection.query("SELECT 1")
    assert "hunter2" not in str(caught.value)


def test_again_is_harmless_and_a_new_password_replaces_the_old_one(users):
    changed = users.model_copy(update={"clickhouse_service_password": SecretStr("another password")})
    create_users(changed)
    assert queries.progress(Connection(as_user(changed, "service"), timeout_s=10), 5) == []
    with pytest.raises(StoreUnavailable, match="Authentication failed"):
        Connection(as_user(users, "service"), timeout_s=10).query("SELECT 1")


def test_rights_that_are_not_needed_any_more_are_taken_away(users, database, service):
    admin = Connection(database, timeout_s=10)
    admin.query(f"GRANT SELECT ON workflows TO {users.clickhouse_service_username}")
    assert service.query("SELECT count() FROM workflows") == [(0,)]
    create_users(users)
    admin.close()
    with pytest.raises(StoreUnavailable, match="Not enough privileges"):
        service.query("SELECT count() FROM workflows")


def test_the_server_keeps_a_salted_hash(users, database):
    connection = Connection(database, timeout_s=10)
    ((kind, created),) = connection.query(
        "SELECT auth_type, auth_params FROM system.users WHERE name = %(name)s",
        {"name": users.clickhouse_processor_username},
    )
    connection.close()
    assert "sha256_password" in str(kind)
    assert PROCESSOR_PASSWORD not in str(created)


MIGRATOR_RIGHTS = """
GRANT CREATE DATABASE, CREATE TABLE, DROP TABLE, SELECT, INSERT, ALTER ON {database}.* TO {user} WITH GRANT OPTION;
GRANT SELECT ON system.parts TO {user} WITH GRANT OPTION;
GRANT SELECT ON system.tables TO {user} WITH GRANT OPTION;
GRANT CREATE USER, ALTER USER ON *.* TO {user}
"""


@pytest.fixture
def migrator(database):
    """A database that is not there yet, and a user with the rights in docs/security.md to make it."""
    admin = Connection(database, timeout_s=10)
    new, name = f"{database.clickhouse_database}_new", f"migrator_{uuid.uuid4().hex[:8]}"
    admin.query(f"CREATE USER {name} IDENTIFIED BY 'migrators password'")
    for statement in MIGRATOR_RIGHTS.split(";"):
        admin.query(statement.format(database=new, user=name))
    yield user_settings(
        database,
        clickhouse_database=new,
        clickhouse_username=name,
        clickhouse_password=SecretStr("migrators password"),
    )
    admin.query(f"DROP DATABASE IF EXISTS {new}")
    admin.close()


def environment_of(settings):
    """What a program gets to run with these settings."""
    values = {name: value for name, value in settings.model_dump().items() if value is not None}
    texts = {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if not isinstance(value, tuple | float)
    }
    return os.environ | texts | {"CLICKHOUSE_HOSTS": ",".join(settings.clickhouse_hosts)}


def run_migrate(settings, **environment):
    """The real program."""
    return subprocess.run(
        [sys.executable, "-m", "analytics", "migrate", "--create-users"],
        env=environment_of(settings) | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_migrating_user_needs_no_more_than_the_page_says(migrator):
    """Twice: the second time all is there already. The users then work."""
    for _ in range(2):
        result = run_migrate(migrator)
        assert result.returncode == 0, result.stderr
    assert queries.progress(Connection(as_user(migrator, "service"), timeout_s=10), 5) == []


def test_no_password_is_printed(migrator):
    result = run_migrate(migrator, LOG_LEVEL="debug")
    said = result.stdout + result.stderr
    assert migrator.clickhouse_service_username in said
    secrets = (SERVICE_PASSWORD, PROCESSOR_PASSWORD, "migrators password")
    assert [secret for secret in secrets if secret in said] == []


def test_missing_settings_are_all_named(database):
    result = subprocess.run(
        [sys.executable, "-m", "analytics", "migrate", "--create-users"],
        env=environment_of(database),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 78
    for program in ("SERVICE", "PROCESSOR"):
        assert f"CLICKHOUSE_{program}_USERNAME: " in result.stderr
        assert f"CLICKHOUSE_{program}_PASSWORD: " in result.stderr


def test_a_user_who_may_not_create_users_is_told_so(users):
    result = run_migrate(users.model_copy(update=login_of(users)))
    assert result.returncode == 1
    assert "Not enough privileges" in result.stderr
    assert "Traceback" not in result.stderr


def login_of(users):
    service = as_user(users, "service")
    return {"clickhouse_username": service.clickhouse_username, "clickhouse_password": service.clickhouse_password}
