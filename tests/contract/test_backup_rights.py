"""The migrating user, with the rights of docs/security.md and no others, takes backups and restores them."""

import pytest

from analytics.errors import StoreUnavailable
from analytics.store.migrate import migrate
from analytics.store.pool import Connection
from processor.backups import read_back, take
from processor.operate.access import access
from processor.restoring import drop, exists, make_ready, names_of, put_in_place, rows_in, staging_settings
from tests.backup_world import backup, backup_config
from tests.operator_world import counted, dump, processor_settings
from tests.users_world import clickhouse_with_users

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """Settings by user; something is counted."""
    folder = tmp_path_factory.mktemp("users")
    with clickhouse_with_users(folder, more=backup_config(folder / "backups")) as world:
        migrate(world.users["migrator"])
        with counted(world.users["processor"]):
            yield world.users


def test_the_migrating_user_may_take_a_backup_and_restore_it(users):
    settings = processor_settings(users["migrator"])
    names, truth = names_of(settings), dump(settings)
    connection = Connection(settings, timeout_s=30, database="default")
    take(connection, names.live, backup("rights"), None, lambda _: None)
    drop(connection, names.staging)
    read_back(connection, names.live, names.staging, backup("rights"), lambda _: None)
    with access(staging_settings(settings)) as staging:
        make_ready(staging.settings, staging.plain, staging.ledger)
    assert rows_in(connection, names.live)
    put_in_place(connection, names)
    assert (dump(settings), exists(connection, names.staging)) == (truth, False)
    connection.close()


def test_the_processor_may_not(users):
    connection = Connection(users["processor"], timeout_s=30)
    with pytest.raises(StoreUnavailable, match="Not enough privileges"):
        take(connection, users["processor"].clickhouse_database, backup("denied"), None, lambda _: None)
    connection.close()
