"""The wheel in a fresh virtual environment: everything that it needs comes with it, and its commands work."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.ports import free_port
from sandbox.processes import ChildProcess
from tests.eventually import eventually
from tests.grpc_world import KEY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
PIP = ("--quiet", "--disable-pip-version-check")
PROGRAMS = ("chronoverse-analytics", "chronoverse-processor", "chronoverse-sandbox")
STUBS = {f"{name}_pb2.pyi" for name in ("analytics", "freshness", "insights")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *PIP, "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A virtual environment that has the wheel, and what it says that it needs: linked, as we have it, and nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", *PIP]
    subprocess.run([*pip, "--no-compile", "--no-deps", wheel], env=without_source(), check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (ours,) = metadata.distributions(name="chronoverse-analytics", path=[str(site)])
    for one in needed(ours, {"import"}):
        link(one, site)
    return folder


def needed(program, extras):
    """The distributions that one says that it needs, and those that they need; each in a version that is allowed."""
    found, todo = {}, list(requirements(program, extras))
    while todo:
        one = todo.pop()
        has = metadata.distribution(one.name)
        assert one.specifier.contains(has.version, prereleases=True), one
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key not in found:
            found[key] = has
            todo += requirements(has, one.extras)
    return {name: has for (name, _), has in found.items()}.values()


def requirements(program, extras):
    for one in map(Requirement, program.requires or ()):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield one


def link(program, site):
    files = [file for file in program.files if file.parts[0] != ".."]  # that would be a script
    for folder in {file.parent for file in files}:
        (site / folder).mkdir(parents=True, exist_ok=True)
    for file in files:
        os.symlink(file.locate(), f"{site}/{file}")  # noqa: PTH211 -- there are thousands


@pytest.fixture(scope="module")
def run(environment, tmp_path_factory):
    """Runs a program of the environment, far from the source."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*command, **variables):
        return subprocess.run(
            [environment / "bin" / command[0], *command[1:]],
            env=without_source() | variables, cwd=elsewhere, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def without_source():
    """Our environment, without a way to the source."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def settings_of(database):
    return {
        "CLICKHOUSE_HOSTS": database.clickhouse_hosts[0],
        "CLICKHOUSE_DATABASE": database.clickhouse_database,
        "CLICKHOUSE_USERNAME": "default",
        "CLICKHOUSE_PASSWORD": "",
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_explains_itself(run, program):
    told = run(program, "--help")
    assert (told.returncode, told.stdout.startswith("Usage: ")) == (0, True), told.stderr


def test_the_types_of_the_contract_are_there(run):
    told = run("python", "-c", "import analytics; print(analytics.__file__)")
    found = {path.name for path in Path(told.stdout.strip()).parent.iterdir()}
    assert {*STUBS, "py.typed", "client"} <= found


def test_the_client_can_be_imported_by_itself(run):
    told = run("python", "-c", "import analytics.client, sys; print('clickhouse_driver' in sys.modules)")
    assert told.stdout == "False\n", told.stderr


def test_it_makes_the_tables(run, clickhouse):
    given = {
        "CLICKHOUSE_HOSTS": clickhouse.address,
        "CLICKHOUSE_DATABASE": "of_the_wheel",
        "CLICKHOUSE_PASSWORD": "",
    }
    told = run("chronoverse-analytics", "migrate", **given)
    assert told.returncode == 0, told.stderr
    told = run("chronoverse-processor", "audit", "--no-kafka", **given)
    assert told.returncode == 0, told.stdout + told.stderr


def test_it_serves_and_is_healthy(run, environment, database, tmp_path):
    key = tmp_path / "auth.ed.pub"
    key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    given = settings_of(database) | {"GRPC_HOST": "127.0.0.1", "GRPC_PORT": str(free_port())}
    program = environment / "bin" / "chronoverse-analytics"
    child = ChildProcess(
        "service", [str(program), "serve"], tmp_path / "log",
        environment=given | {"AUTH_PUBLIC_KEY_PATH": str(key), "PYTHONPATH": ""},
    )  # fmt: skip
    try:
        probe = str(ROOT / "deploy" / "health_probe.py")
        eventually(lambda: run("python", probe, **given).returncode == 0, within_s=60)
    finally:
        assert child.stop() == 0, child.last_words()
