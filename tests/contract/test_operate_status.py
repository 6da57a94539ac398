"""Where everything is, while ClickHouse or Kafka is away, or both."""

import pytest

from processor.operate.status import run_status
from tests.operator_world import counted_copy, processor_settings, told

pytestmark = pytest.mark.integration

AWAY = ("127.0.0.1:9",)


def status(capsys, settings):
    """What it prints, and how it ends."""
    codes = []

    def command():
        with pytest.raises(SystemExit) as ended:
            run_status(settings, as_json=True)
        codes.append(ended.value.code)

    return told(capsys, command), codes[0]


@pytest.fixture
def world(clickhouse):
    with counted_copy(clickhouse.address) as world:
        yield world


@pytest.mark.timeout(120)
def test_without_kafka_it_shows_what_is_counted(world, capsys):
    shown, code = status(capsys, world.settings)
    first = next(one for one in shown["partitions"] if (one["topic"], one["partition"]) == ("analytics", 0))
    assert (code, first["next_offset"], first["end"], first["state"]) == (1, 10, None, "not read")
    assert [away.split(":")[0] for away in shown["away"]] == ["Kafka"]
    assert {one["table"] for one in shown["store"]["tables"]} >= {"analytics", "event_keys", "log_runs"}
    assert shown["store"]["tokens"] == 100_000


def test_without_clickhouse_it_shows_the_log(own_broker, database, capsys):
    settings = processor_settings(database, kafka_brokers=(own_broker.address,), clickhouse_hosts=AWAY)
    shown, code = status(capsys, settings)
    assert (code, shown["store"]) == (1, None)
    assert [(one["topic"], one["state"], one["low"]) for one in shown["partitions"]] == [
        (topic, None, 0) for topic in ("analytics", "job_logs", "workflows") for _ in range(2)
    ]


def test_a_database_that_is_not_there_is_said(own_broker, database, capsys):
    settings = processor_settings(
        database, kafka_brokers=(own_broker.address,), clickhouse_database="nowhere"
    )
    shown, code = status(capsys, settings)
    assert (code, "nowhere" in shown["away"][0]) == (1, True)


def test_before_the_first_start_no_partition_is_begun(own_broker, database, capsys):
    settings = processor_settings(database, kafka_brokers=(own_broker.address,))
    shown = told(capsys, lambda: run_status(settings, as_json=True))
    assert {one["state"] for one in shown["partitions"]} == {"not begun"}


@pytest.mark.timeout(120)
def test_a_person_gets_a_table(world, capsys):
    with pytest.raises(SystemExit):
        run_status(world.settings, as_json=False)
    printed = capsys.readouterr().out
    assert "analytics\t0\tnot read\t10\t?\t?\t?\t?\tnever" in printed
    assert printed.startswith("Away: Kafka")
