"""Fixtures for every suite: one real ClickHouse and one real broker a session, one fresh database a test."""

import gc
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from analytics.settings import Settings
from sandbox import processes
from sandbox.broker import LocalBroker
from sandbox.clickhouse import LocalClickHouse
from sandbox.processes import Process, spawn
from tests import databases, forked

# These machines are shared: how long an example takes says nothing of the code.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("shared-machine"), max_examples=5_000, print_blob=True)
settings.load_profile("shared-machine")

LONG_FIRST = (
    "integration/test_exactness.py",
    "contract/test_operate_rebuild.py",
    "faults/test_growth.py",
    "faults/test_crash_points.py",
    "faults/test_rebuild.py",
    "integration/test_insights_corpus.py",
    "faults/test_outages_kafka.py",
    "faults/test_outages_clickhouse.py",
    "faults/test_duplicates.py",
    "faults/test_changing_logs.py",
    "faults/test_lost_parts.py",
    "faults/test_adoption.py",
    "faults/test_zombies.py",
    "faults/test_rebalances.py",
    "faults/test_operator_commands.py",
    "contract/test_wheel.py",
    "faults/",
    "integration/",
    "contract/test_operate_",
    "model/",
)
"""Files and folders of minutes, the longest first: one that is begun last keeps all other workers waiting."""


def _launch(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    if forked.can_begin(command):
        return forked.ForkedProcess(command, environment, log, log)
    return spawn(command, log, environment)


processes.launch = _launch


@pytest.fixture(scope="module")
def a_python_of_its_own() -> Iterator[None]:
    """Programs begin as their users begin them, for tests whose subject that is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "launch", spawn)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long files begin first; within a file the order stays."""
    items.sort(key=lambda item: _turn(item.path.relative_to(Path(__file__).parent).as_posix()))


def pytest_collection_finish() -> None:
    """What is there now stays to the end: let the collector not look at it each time."""
    gc.collect()
    gc.freeze()


def _turn(path: str) -> int:
    return next((turn for turn, long in enumerate(LONG_FIRST) if path.startswith(long)), len(LONG_FIRST))


_shared_servers: list[LocalClickHouse] = []


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    """A server that all tests share: use a database of your own, and do not stop it."""
    with LocalClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        _shared_servers.append(server)
        yield server
        _shared_servers.remove(server)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A broker that all tests share: use topics and groups of your own, and do not stop it."""
    with LocalBroker(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker of the test's own, with the topics of Chronoverse."""
    with LocalBroker(tmp_path / "broker") as server:
        server.create_topics()
        yield server


@pytest.fixture
def database(clickhouse: LocalClickHouse) -> Iterator[Settings]:
    """Settings for a fresh, migrated database on the shared server."""
    from tests.copied_database import migrated

    settings = migrated(clickhouse.address, f"test_{uuid.uuid4().hex[:12]}")
    yield settings
    databases.drop(clickhouse, [settings.clickhouse_database])


@pytest.fixture(scope="module", autouse=True)
def _no_database_is_left() -> Iterator[None]:
    yield
    for server in _shared_servers:
        databases.drop(server, databases.left_behind(server))


@pytest.fixture(scope="session")
def main_corpus() -> Callable[[], Path]:
    """The file of the main corpus, which lies outside of the repository; CI fails where it is missing."""

    def find() -> Path:
        folder = Path(os.environ.get("CHRONOVERSE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
        found = folder / "main.jsonl.gz"
        if not found.exists():
            missing = "the main corpus is not here: set CHRONOVERSE_CORPUS to its folder"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        return found

    return find
