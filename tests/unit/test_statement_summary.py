import pytest

from analytics import queries
from analytics.store.statements import summary
from processor import garbage, ledger, selftest, switching


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (queries._TOTALS, "SELECT analytics"),
        (queries._PROGRESS, "SELECT progress"),
        (ledger._INSERT.replace("{table}", "analytics"), "INSERT analytics"),
        (selftest._PASSED, "SELECT selftests"),
        (garbage._OLD, "SELECT system.parts"),
        (switching._EXCHANGE.format(live="a", rebuilt="b", table="gaps"), "EXCHANGE a.gaps"),
        ("ALTER TABLE event_keys DROP PARTITION 7", "ALTER event_keys"),
        ("CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32)", "CREATE schema_migrations"),
        ("CREATE DATABASE IF NOT EXISTS `analytics`", "CREATE analytics"),
        ("SELECT version()", "SELECT"),
        ("SELECT 1 FROM (SELECT 2 FROM (SELECT 3 FROM log_runs))", "SELECT log_runs"),
    ],
)
def test_a_statement_is_named_by_what_it_does_to_which_table(sql, words):
    assert summary(sql) == words


def test_a_passing_table_has_the_name_of_its_kind():
    """Else each start would leave series of metrics behind for ever."""
    assert summary("CREATE TABLE selftest_0123456789ab AS analytics") == "CREATE selftest"
