"""The compose files as Docker Compose itself understands them (its command comes in a wheel and needs no engine)."""

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

import analytics.__main__
import processor.__main__
from analytics.settings import ServiceSettings, Settings
from processor.importing.settings import ImportSettings
from processor.settings import ProcessorSettings

ROOT = Path(__file__).parents[2]
COMPOSE = Path(str(find_spec("compose").origin)).with_name(
    "docker-compose"
)  # its wrapper hides the exit code
JOINED = ("docker-compose.yml", "docker-compose.chronoverse.yml")
KINDS = {
    "migrate": Settings,
    "processor": ProcessorSettings,
    "service": ServiceSettings,
    "import": ImportSettings,
}


def understood(*files, **environment):
    """What compose makes of files."""
    given = [word for file in files for word in ("--file", str(ROOT / file))]
    told = subprocess.run(
        [COMPOSE, *given, "--profile", "*", "config", "--format", "json"],
        env=os.environ | {"CLICKHOUSE_PASSWORD": "given"} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """Our services in Chronoverse's network."""
    return understood(*JOINED, CHRONOVERSE_CERTS=str(tmp_path_factory.mktemp("certs")))["services"]


def test_compose_understands_the_stack_on_one_machine():
    assert set(understood("docker-compose.yml")["services"]) >= {
        "clickhouse",
        "kafka",
        "processor",
        "service",
    }


def test_in_chronoverses_network_there_is_no_kafka_of_ours(joined):
    assert "kafka" not in joined
    waits = {wait for service in joined.values() for wait in service.get("depends_on") or {}}
    assert "kafka" not in waits


@pytest.mark.parametrize("name", KINDS)
def test_every_variable_is_a_setting(joined, name):
    fields = {field.upper() for field in KINDS[name].model_fields}
    assert set(joined[name]["environment"]) <= fields


@pytest.mark.parametrize("name", ["topics", "processor", "import", "service"])
def test_who_needs_chronoverses_containers_is_in_its_network(joined, name):
    assert "chronoverse" in joined[name]["networks"]


def test_the_gateway_finds_the_service_by_the_name_of_the_go_one(joined):
    assert joined["service"]["networks"]["chronoverse"]["aliases"] == ["analytics-service"]
    assert "ports" not in joined["service"]


def test_our_clickhouse_is_not_taken_for_chronoverses(joined):
    """Its own has the name `clickhouse` in its network, and the programs are in both."""
    places = {joined[name]["environment"]["CLICKHOUSE_HOSTS"] for name in KINDS}
    assert places == {"analytics-clickhouse:9000"}
    assert joined["clickhouse"]["networks"] == {"default": {"aliases": ["analytics-clickhouse"]}}


@pytest.mark.parametrize("name", KINDS)
def test_programs_run_with_a_read_only_file_system_and_no_capabilities(joined, name):
    service = joined[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_commands_exist(joined):
    programs = {
        "chronoverse-analytics": analytics.__main__.main,
        "chronoverse-processor": processor.__main__.main,
    }
    for name in KINDS:
        program, command = joined[name].get("entrypoint") or joined[name]["command"]
        assert command in programs[program].commands


def test_the_certificates_must_be_named():
    with pytest.raises(AssertionError, match="CHRONOVERSE_CERTS"):
        understood(*JOINED, CHRONOVERSE_CERTS="")
