"""The proofs of a start-up, on a real ClickHouse: a server that cannot keep the promise is refused, with a remedy."""

import re
from contextlib import contextmanager

import pytest

from analytics.errors import StoreMisconfigured
from analytics.store.checks import check_schema
from analytics.store.migrate import DEDUPLICATION_WINDOW, migrations
from processor.selftest import prove_guards
from sandbox.clickhouse import local_settings
from tests.processor_world import fresh_database, pools

pytestmark = pytest.mark.integration

NO_WINDOW = "ALTER TABLE analytics MODIFY SETTING non_replicated_deduplication_window = 0"
_SCRATCH_TABLES = """
SELECT count() FROM system.tables
WHERE database = currentDatabase() AND name LIKE 'selftest_%' AND name != 'selftests'
"""
PLAIN_TABLE = "CREATE TABLE {name} (key UInt64) ENGINE = MergeTree ORDER BY key"


class Store:
    def __init__(self, plain, columns):
        self.plain, self.columns = plain, columns

    def query(self, sql):
        with self.plain.lend(10) as connection:
            return connection.query(sql)

    def prove(self):
        prove_guards(self.plain, self.columns)

    def check(self):
        with self.plain.lend(10) as connection:
            check_schema(connection, min_deduplication_window=DEDUPLICATION_WINDOW)

    def complaint(self):
        with pytest.raises(StoreMisconfigured) as caught:
            self.check()
        return str(caught.value)

    @contextmanager
    def replaced(self, table, create=None):
        """For a while another table, or none, is in the place of a table."""
        self.query(f"RENAME TABLE {table} TO original_{table}")
        if create is not None:
            self.query(create)
        try:
            yield
        finally:
            if create is not None:
                self.query(f"DROP TABLE {table} SYNC")
            self.query(f"RENAME TABLE original_{table} TO {table}")

    def like(self, table, before, after):
        """The statement that creates a table, changed."""
        ((create,),) = self.query(f"SHOW CREATE TABLE {table}")
        return create.replace(before, after)


@pytest.fixture(scope="module")
def store(clickhouse):
    """A good one; what a test changes it changes back."""
    with pools(fresh_database(clickhouse.address)) as opened:
        yield Store(*opened)


# --- the self-test ---


@pytest.fixture(scope="module")
def proved(store):
    """A good one that was proved."""
    store.prove()
    return store


@pytest.fixture(scope="module")
def refused(clickhouse):
    """One without a deduplication window, which passed with other versions; and why it is refused."""
    with pools(fresh_database(clickhouse.address)) as opened:
        store = Store(*opened)
        store.query("INSERT INTO selftests VALUES ('1.1.1.1', 1, now64(3)), (version(), 0, now64(3))")
        store.query(NO_WINDOW)
        with pytest.raises(StoreMisconfigured) as caught:
            store.prove()
        yield store, str(caught.value)


def test_a_good_server_passes_and_that_is_noted(proved):
    noted = proved.query("SELECT server_version = version(), schema_version FROM selftests")
    assert noted == [(1, max(one.version for one in migrations()))]


def test_what_is_noted_is_not_proved_again(proved):
    """A table that would not pass shows whether it was looked at."""
    with proved.replaced("analytics", PLAIN_TABLE.format(name="analytics")):
        proved.prove()


def test_a_table_without_a_deduplication_window_is_refused(refused):
    assert "a used token does not hold an insert back" in refused[1]


def test_passing_counts_for_its_version_of_server_and_schema_only_and_a_failure_is_not_noted(refused):
    assert refused[0].query("SELECT count() FROM selftests FINAL") == [(2,)]


def test_a_table_that_cuts_a_batch_into_parts_is_refused(refused):
    """As with a partition key; the schema check refuses that one too, other causes only show here."""
    store, _ = refused
    create = store.like("analytics", "ORDER BY (", "PARTITION BY cityHash64(workflow_id) % 2\nORDER BY (")
    with store.replaced("analytics", create), pytest.raises(StoreMisconfigured, match="became 2 parts"):
        store.prove()


def test_nothing_is_left_of_the_self_test(proved, refused):
    assert [one.query(_SCRATCH_TABLES) for one in (proved, refused[0])] == [[(0,)], [(0,)]]


def test_the_numbers_are_not_touched(proved):
    assert proved.query("SELECT count() FROM analytics") == [(0,)]


# --- the schema check ---


def test_a_fresh_schema_is_in_order(store):
    store.check()


def test_a_database_without_a_schema_is_to_be_migrated(clickhouse):
    with pools(local_settings(clickhouse.address, "default"), size=1) as opened:
        assert "run `chronoverse-analytics migrate`" in Store(*opened).complaint()


def test_a_missing_migration_is_named_and_is_to_be_applied(store):
    with store.replaced("schema_migrations", store.like("schema_migrations", "", "")):
        assert re.search(r"0001_tables.*run `chronoverse-analytics migrate`", store.complaint())


@pytest.mark.parametrize(
    ("table", "setting"),
    [*((table, "non_replicated_deduplication_window") for table in ("analytics", "lineage")),
     *((table, "fsync_after_insert") for table in ("analytics", "workflows", "event_keys", "log_runs", "lineage")),
     ("log_runs", "fsync_part_directory")],
)  # fmt: skip
def test_doing_what_a_complaint_says_settles_it(store, table, setting):
    """It is a statement to be copied."""
    store.query(f"ALTER TABLE {table} MODIFY SETTING {setting} = 0")
    (remedy,) = re.findall(rf"ALTER TABLE {table} .*", store.complaint())
    store.query(remedy)
    store.check()


def test_a_window_that_is_too_small_is_named_with_the_size_that_is_needed(store):
    create = store.like("analytics", "_deduplication_window = 100000", "_deduplication_window = 100")
    with store.replaced("analytics", create):
        assert (
            f"MODIFY SETTING non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"
            in store.complaint()
        )


@pytest.mark.parametrize("table", ["analytics", "event_keys", "selftests"])
def test_a_missing_table_is_to_be_restored(store, table):
    with store.replaced(table):
        assert f"table {table} is missing: restore it from a backup" in store.complaint()


def test_a_table_with_another_engine_is_to_be_restored(store):
    with store.replaced("workflows", PLAIN_TABLE.format(name="workflows")):
        assert (
            "table workflows has engine MergeTree, not AggregatingMergeTree: restore it" in store.complaint()
        )


def test_a_materialized_view_is_to_be_dropped(store):
    store.query("CREATE MATERIALIZED VIEW sneaky ENGINE = Null AS SELECT jobs FROM analytics")
    said = store.complaint()
    store.query("DROP TABLE sneaky SYNC")
    assert "drop the materialized views on table analytics: sneaky" in said


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("ORDER BY (", "PARTITION BY resolution\nORDER BY (", "partition key"),
        (
            "ORDER BY (resolution, user_id, workflow_id",
            "ORDER BY (user_id, resolution, workflow_id",
            "is sorted by",
        ),
    ],
)
def test_a_table_of_another_shape_is_to_be_restored(store, before, after, complaint):
    with store.replaced("analytics", store.like("analytics", before, after)):
        assert re.search(rf"{complaint}.*: restore it", store.complaint())


def test_everything_that_is_wrong_is_said_at_once(store):
    with store.replaced("log_runs"), store.replaced("event_keys"):
        said = store.complaint()
    assert [table for table in ("log_runs", "event_keys") if f"table {table} is missing" not in said] == []


def test_a_small_window_is_said_beside_a_missing_table(refused):
    store, _ = refused
    with store.replaced("log_runs"):
        assert "non_replicated_deduplication_window" in store.complaint()
