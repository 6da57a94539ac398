"""The audit as an operator has it: the command with its exit codes, and the one that runs in the background."""

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from processor.audit.background import BackgroundAudit
from processor.operate.audit import run_audit
from tests.eventually import eventually
from tests.operator_world import add, counted_copy

pytestmark = pytest.mark.integration


@pytest.fixture
def world(clickhouse):
    with counted_copy(clickhouse.address) as world:
        yield world


def test_the_command_ends_with_65_when_something_is_wrong(world, capsys):
    add(world, "total", "jobs")
    with pytest.raises(SystemExit) as ended:
        run_audit(world.settings, as_json=False, ask_kafka=False)
    assert (ended.value.code, "WRONG NUMBERS (totals)" in capsys.readouterr().out) == (65, True)


def test_the_command_ends_with_1_when_kafka_is_away(world, capsys):
    with pytest.raises(SystemExit) as ended:
        run_audit(world.settings, as_json=False, ask_kafka=True)
    assert (ended.value.code, "Not checked: the log" in capsys.readouterr().out) == (1, True)


def test_the_command_says_that_nothing_is_wrong(world, capsys):
    run_audit(world.settings, as_json=False, ask_kafka=False)
    assert "Nothing is wrong" in capsys.readouterr().out


def test_what_is_found_in_the_background_is_logged_and_counted(world):
    add(world, "total", "jobs")
    audit = BackgroundAudit(world.settings, every_s=0.05, first_after_s=0.0)
    with capture_logs() as logs:
        audit.start()
        try:
            eventually(lambda: [one for one in logs if one["event"] == "audit_finding"])
        finally:
            audit.stop()
    assert {one["log_level"] for one in logs} == {"error"}
    assert REGISTRY.get_sample_value("processor_audit_findings", {"check": "totals"}) == 1


def test_a_database_that_is_away_does_not_end_the_audit_in_the_background(world):
    away = world.settings.model_copy(update={"clickhouse_hosts": ("127.0.0.1:9",)})
    audit = BackgroundAudit(away, every_s=0.01, first_after_s=0.0)
    with capture_logs() as logs:
        audit.start()
        try:
            eventually(lambda: len(logs) > 2, within_s=30)
        finally:
            audit.stop()
    assert {one["event"] for one in logs} == {"not_audited"}
