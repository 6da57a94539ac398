"""Settings of the processor: every problem named, no secret shown."""

import pytest
from click.testing import CliRunner

from analytics.settings import InvalidSettings, load
from processor.__main__ import main
from processor.importing.settings import ImportSettings
from processor.settings import MOST_BATCH_RECORDS, ProcessorSettings

WRONG = {
    "KAFKA_BROKERS": "nowhere",
    "KAFKA_CONSUMER_GROUP": "",
    "KAFKA_TLS_ENABLED": "perhaps",
    "KAFKA_SESSION_TIMEOUT": "soon",
    "KAFKA_HEARTBEAT_INTERVAL": "0s",
    "KAFKA_FETCH_MAX_WAIT": "11s",
    "PROCESSOR_MAX_BATCH_RECORDS": str(MOST_BATCH_RECORDS + 1),
    "PROCESSOR_MAX_BATCH_BYTES": "1000",
    "PROCESSOR_MIN_INTERVAL": "-50ms",
    "PROCESSOR_HORIZON": "336",
    "PROCESSOR_MIN_DEDUPLICATION_WINDOW": "0",
    "PROCESSOR_WORKERS": "0",
    "CLICKHOUSE_HOSTS": "",
    "METRICS_PORT": "70000",
}


@pytest.fixture
def environment(monkeypatch):
    """Set variables of the environment."""

    def set_variables(**variables):
        for name, text in variables.items():
            monkeypatch.setenv(name, text)

    return set_variables


def complaint():
    with pytest.raises(InvalidSettings) as caught:
        load(ProcessorSettings)
    return str(caught.value)


def test_without_any_variable_it_reads_the_local_broker_as_the_group_that_chronoverse_knows(monkeypatch):
    for name in ("KAFKA_BROKERS", "KAFKA_CONSUMER_GROUP"):
        monkeypatch.delenv(name, raising=False)
    settings = load(ProcessorSettings)
    assert (settings.kafka_brokers, settings.kafka_consumer_group) == (
        ("127.0.0.1:9092",),
        "analytics-processor",
    )


def test_brokers_are_separated_by_commas(environment):
    environment(KAFKA_BROKERS="a:1, b:2,")
    assert load(ProcessorSettings).kafka_brokers == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("336h", 1_209_600_000), ("1.5s", 1500), ("1h30m", 5_400_000)]
)
def test_the_horizon_is_a_go_duration(environment, text, milliseconds):
    environment(PROCESSOR_HORIZON=text)
    assert load(ProcessorSettings).horizon_ms == milliseconds


def test_the_horizon_is_chronoverses_unless_set():
    assert load(ProcessorSettings).horizon_ms == 336 * 3_600_000


@pytest.mark.parametrize(("name", "text"), WRONG.items())
def test_a_wrong_value_is_named(environment, name, text):
    environment(**{name: text})
    assert f"  {name}: " in complaint()


def test_all_wrong_values_are_named_at_once(environment):
    environment(**WRONG)
    assert [name for name in WRONG if f"  {name}: " not in complaint()] == []


def test_tls_needs_an_authority(environment):
    environment(KAFKA_TLS_ENABLED="true")
    assert "KAFKA_TLS_ENABLED needs KAFKA_TLS_CA_FILE" in complaint()


@pytest.mark.parametrize("alone", ["KAFKA_TLS_CERT_FILE", "KAFKA_TLS_KEY_FILE"])
def test_a_certificate_needs_its_key_and_a_key_its_certificate(environment, alone):
    environment(**{alone: "/certs/one.pem"})
    assert "KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE go together" in complaint()


def test_two_broken_rules_are_both_named(environment):
    environment(KAFKA_TLS_ENABLED="true", KAFKA_TLS_CERT_FILE="/certs/one.pem")
    assert "KAFKA_TLS_KEY_FILE" in complaint()


def test_a_password_is_not_shown(environment):
    environment(CLICKHOUSE_PASSWORD="hunter2")
    assert "hunter2" not in repr(load(ProcessorSettings))


def test_a_password_is_not_shown_beside_a_wrong_value(environment):
    environment(CLICKHOUSE_PASSWORD="hunter2", PROCESSOR_WORKERS="0")
    assert "hunter2" not in complaint()


def test_a_wrong_value_is_not_shown(environment):
    """It may be a secret in the wrong place."""
    environment(PROCESSOR_WORKERS="hunter2")
    assert "hunter2" not in complaint()


def test_settings_cannot_be_changed():
    settings = load(ProcessorSettings)
    with pytest.raises(ValueError, match="frozen"):
        settings.processor_workers = 3


def test_invalid_settings_end_the_program_with_78(environment):
    environment(KAFKA_BROKERS="nowhere")
    result = CliRunner().invoke(main, ["run"])
    assert (result.exit_code, "KAFKA_BROKERS" in result.stderr) == (78, True)


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"POSTGRES_TLS_ENABLED": "true"}, "POSTGRES_TLS_ENABLED needs POSTGRES_TLS_CA_FILE"),
        (
            {"POSTGRES_TLS_CERT_FILE": "client.crt"},
            "POSTGRES_TLS_CERT_FILE and POSTGRES_TLS_KEY_FILE go together",
        ),
        ({"POSTGRES_PORT": "0"}, "POSTGRES_PORT"),
    ],
    ids=["no authority", "no key", "no port"],
)
def test_a_wrong_setting_of_the_import_is_named(monkeypatch, environment, problem):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=problem):
        load(ImportSettings)
