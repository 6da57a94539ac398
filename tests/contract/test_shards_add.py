"""`chronoverse-processor shards`: a server is added once, and only one that holds nothing, on real servers."""

from contextlib import closing
from uuid import uuid4

import pytest

from analytics.errors import StoreMisconfigured, StoreUnavailable
from analytics.store.everywhere import migrate_everywhere
from analytics.store.pool import Connection
from analytics.store.shards import read_identity, require_home
from processor.operate.adding_shard import STEPS, NotAddable
from processor.operate.shards import run_add, run_list, run_set_open
from tests.operator_world import told

pytestmark = pytest.mark.integration

_LIST_HOME = """
INSERT INTO shards SELECT 1, shard_id, 'home:9000', 1, now64(3), now64(3) FROM shard_identity
"""


def listed(sharded, capsys):
    return told(capsys, lambda: run_list(sharded.settings, as_json=True))


def test_a_dry_run_changes_nothing(sharded, capsys):
    run_add(sharded.settings, sharded.second, dry_run=True)
    assert listed(sharded, capsys) == []
    found = sharded.query("SELECT name FROM system.databases", on_second=True, database="default")
    assert (sharded.settings.clickhouse_database,) not in found


def test_a_server_is_added_once_however_often_it_is_said(sharded, capsys):
    for _ in range(2):
        run_add(sharded.settings, sharded.second, dry_run=False)
    assert [(one["number"], one["state"]) for one in listed(sharded, capsys)] == [
        (1, "open"),
        (2, "opens soon"),
    ]


class Killed(Exception):
    pass


def killed_at(sharded, at):
    def note(step):
        if step == at:
            raise Killed
        sharded.spare_proof(step)

    with pytest.raises(Killed):
        sharded.adding().add(note)


@pytest.mark.parametrize("at", STEPS)
def test_who_was_killed_at_any_step_goes_on(sharded, at):
    killed_at(sharded, at)
    assert sharded.add().number == 2
    assert sharded.query("SELECT count(), uniqExact(number) FROM shards") == [(2, 2)]


def test_the_home_shard_itself_is_refused(sharded):
    with pytest.raises(NotAddable, match="home shard itself"):
        sharded.adding(sharded.settings.clickhouse_hosts[0]).look()


def test_a_server_that_holds_something_is_refused(sharded):
    migrate_everywhere(sharded.of_second)
    sharded.query("INSERT INTO workflows (user_id) SELECT generateUUIDv4()", on_second=True)
    with pytest.raises(NotAddable, match=r"not empty \(workflows\)"):
        sharded.adding().look()


def test_a_shard_of_another_home_shard_is_refused(sharded):
    migrate_everywhere(sharded.of_second)
    sharded.query(
        f"INSERT INTO shard_identity (shard_id, home_id) VALUES ('{uuid4()}', '{uuid4()}')", on_second=True
    )
    with pytest.raises(NotAddable, match="of another home shard"):
        sharded.adding().look()


def test_a_server_of_a_newer_version_is_refused(sharded):
    migrate_everywhere(sharded.of_second)
    sharded.query("INSERT INTO schema_migrations (version, name) VALUES (99, '0099_later')", on_second=True)
    with pytest.raises(StoreMisconfigured, match="0099_later"):
        sharded.adding().look()


def test_a_server_that_does_not_answer_can_be_added_later(sharded):
    with pytest.raises(StoreUnavailable):
        sharded.adding("127.0.0.1:1").look()


def test_where_the_cluster_is_missing_the_message_says_what_to_configure(shard_servers):
    with closing(shard_servers.database(shard_servers.unknown)) as sharded:
        with pytest.raises(NotAddable) as caught:
            sharded.add()
        assert sharded.query("SELECT count() FROM shards") == [(0,)]
    assert "<sharded_without_cluster_shards>" in str(caught.value)
    for address in (sharded.settings.clickhouse_hosts[0], sharded.second):
        assert f"<port>{address.split(':')[1]}</port>" in str(caught.value)


def test_a_cluster_that_reaches_something_else_is_refused(sharded):
    sharded.add()
    sharded.query("TRUNCATE TABLE shards")
    sharded.query(
        "INSERT INTO shard_identity SELECT generateUUIDv4(), home_id, now64(3) + 9 FROM shard_identity",
        on_second=True,
    )
    with pytest.raises(NotAddable, match="exactly once"):
        sharded.add()


def test_a_token_without_a_row_does_not_keep_a_shard_from_being_listed(sharded):
    """As a server leaves it behind that dies in between."""
    killed_at(sharded, "listing it")
    token = {"insert_deduplication_token": "shard 2#0", "deduplicate_insert": "enable", "async_insert": 0}
    with sharded.opened() as shards, shards.home.plain.lend(10) as connection:
        connection.query(_LIST_HOME, settings=token)
    assert sharded.add().number == 2


def test_a_shard_that_opens_soon_still_waits_after_it_was_closed(sharded, capsys):
    sharded.add(opens_after_s=60)
    for is_open in (False, True):
        run_set_open(sharded.settings, 2, is_open=is_open, dry_run=False)
    assert listed(sharded, capsys)[1]["state"] == "opens soon"


def test_a_shard_is_closed_and_opened(sharded, capsys):
    sharded.add()
    run_set_open(sharded.settings, 2, is_open=False, dry_run=False)
    assert listed(sharded, capsys)[1]["state"] == "closed"
    run_set_open(sharded.settings, 2, is_open=True, dry_run=False)
    assert listed(sharded, capsys)[1]["state"] == "open"


def test_a_program_that_is_given_another_shard_than_the_home_shard_refuses(sharded):
    sharded.add()
    connection = Connection(sharded.of_second, timeout_s=10)
    assert read_identity(connection) is not None
    with pytest.raises(StoreMisconfigured, match="must name the home shard"):
        require_home(connection)
    connection.close()


def test_migrations_reach_every_shard_and_what_is_read_over_all(sharded):
    sharded.add()
    for on_second in (False, True):
        sharded.query(
            "ALTER TABLE schema_migrations DELETE WHERE version = 7 SETTINGS mutations_sync = 2",
            on_second=on_second,
        )
    sharded.query(f"DROP TABLE {sharded.whole}.workflows")
    assert migrate_everywhere(sharded.settings) == ["0007_shards", "0007_shards on shard 2"]
    assert sharded.query("SELECT count() FROM workflows", database=sharded.whole) == [(0,)]
