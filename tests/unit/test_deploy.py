"""What can be known of docker-compose.yml without Docker: it fits the programs, and nothing in it floats."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import analytics.__main__
import processor.__main__
from analytics.settings import ServiceSettings, Settings, load
from processor.settings import ProcessorSettings
from sandbox.broker import TOPICS
from tests.grpc_world import FakeLookups, serving

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
SERVICES = yaml.safe_load(COMPOSE_TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
PROGRAMS = {
    "chronoverse-analytics": analytics.__main__.main,
    "chronoverse-processor": processor.__main__.main,
}
KINDS = {"migrate": Settings, "processor": ProcessorSettings, "service": ServiceSettings}
LONG_RUNNING = ("processor", "service")

PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")
EACH_OF_OURS = pytest.mark.parametrize("name", OURS)


def interpolated(text: object) -> str:
    """A value as compose fills it in: defaults, and a word for what has none."""
    return re.sub(
        r"\$\{\w+:(?:-([^}]*)|\?[^}]*)\}", lambda found: "given" if found[1] is None else found[1], str(text)
    )


def test_our_programs_are_there():
    """The stack has the migration, the processor and the service."""
    assert set(OURS) == set(KINDS)


@EACH_OF_OURS
def test_every_variable_is_a_setting(name):
    """What our programs get is what they read: a misspelt variable would be ignored."""
    fields = {field.upper() for field in KINDS[name].model_fields}
    assert set(OURS[name]["environment"]) <= fields


@EACH_OF_OURS
def test_the_settings_are_valid(monkeypatch, name):
    """With its defaults filled in, the environment makes a valid configuration."""
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, interpolated(value))
    load(KINDS[name])


@EACH_OF_OURS
def test_the_command_exists(name):
    """Each container runs a command that its program has, and that the package installs."""
    program, command = OURS[name]["command"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert program in scripts
    assert command in PROGRAMS[program].commands


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_nothing_is_started_for_ever(name):
    """Exit codes 65 and 78 need a person, so restarts are counted."""
    assert re.fullmatch(r"on-failure:\d+", SERVICES[name]["restart"])


def test_images_are_pinned():
    """No image floats: every one that we do not build has a version, and so has what we build on."""
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_the_password_has_no_default():
    """Nobody runs with a password that is in the repository."""
    assert set(re.findall(r"\$\{CLICKHOUSE_PASSWORD(:.)", COMPOSE_TEXT)) == {":?"}


def test_who_is_waited_for_can_be_waited_for():
    """A service that must be healthy has a health check, and one that must complete is not restarted."""
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).items()]
    for name, wait in waits:
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[name]
        else:
            assert (wait["condition"], SERVICES[name]["restart"]) == ("service_completed_successfully", "no")


def test_ports_are_open_on_this_machine_only():
    """Nothing listens to the world: neither TLS nor a firewall is taken for granted."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_image_gets_what_it_copies():
    """What the Dockerfile copies from the project, .dockerignore lets through."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for copy in copies for source in copy.split()]
    assert "*" in ignore
    assert [source for source in sources if f"!{source}" not in ignore or not (ROOT / source).exists()] == []


@pytest.fixture
def created(tmp_path):
    """The arguments with which create-topics.sh calls kafka-topics.sh, by topic."""
    calls = tmp_path / "calls"
    tool = tmp_path / "kafka-topics.sh"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    tool.chmod(0o755)
    subprocess.run(
        ["sh", ROOT / "deploy" / "create-topics.sh", "broker:9092"],
        check=True,
        env={**os.environ, "KAFKA_TOPICS": str(tool)},
    )
    lines = calls.read_text().splitlines()
    return {re.search(r"--topic (\S+)", line)[1]: line for line in lines}


def hours_kept(call):
    return int(re.search(r"retention\.ms=(\d+)", call)[1]) / 3_600_000


def test_the_topics_are_chronoverses(created):
    """The topics of the sandbox, and of Chronoverse, are the ones that are made."""
    assert tuple(created) == TOPICS


def test_topics_are_kept_as_chronoverse_keeps_them(created):
    """Two partitions, 168 hours, never compacted; what a person has to look at is kept for longer."""
    for topic, call in created.items():
        assert "--if-not-exists" in call
        assert "--bootstrap-server broker:9092" in call
        assert "--partitions 2 " in call
        assert "cleanup.policy=delete" in call
        assert hours_kept(call) == 168 or (topic == "analytics.dead_letter" and hours_kept(call) > 168)


async def probe(port):
    """Run the health probe against a port; return its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "deploy" / "health_probe.py",
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRPC_PORT": str(port), "GRPC_TLS_ENABLED": "false"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await process.communicate()
    return process.returncode, words.decode()


async def test_the_probe_finds_a_service():
    """A service that serves is healthy; the probe needs no token."""
    async with serving(FakeLookups()) as address:
        assert await probe(address.rpartition(":")[2]) == (0, "")


async def test_the_probe_finds_no_service():
    """Where nothing answers, the probe fails in a line."""
    async with serving(FakeLookups()) as address:
        port = address.rpartition(":")[2]
    code, words = await probe(port)
    assert code == 1
    assert words.startswith("UNAVAILABLE")
