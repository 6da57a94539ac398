"""One real Kafka for all of these tests; topics, database, group and programs are a test's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.clickhouse import LocalClickHouse
from sandbox.errors import NotReady
from sandbox.kafka import LocalKafka
from sandbox.kafka.broker import require_kafka
from tests.faults.world import FaultWorld

MakeWorld = Callable[..., FaultWorld]

NEVER_STOPPED = {
    "broker.heartbeat.interval.ms": 2_000,
    "broker.session.timeout.ms": 9_000,
    "metadata.max.idle.interval.ms": 0,
}
"""Of a broker that need not notice soon that it was killed: with nothing to do it takes less CPU."""


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker that all tests share: one that stops it uses `own_kafka`. In CI a missing one is a failure."""
    _require_kafka()
    with LocalKafka(tmp_path_factory.mktemp("kafka"), settings=NEVER_STOPPED) as server:
        yield server


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker to be stopped, killed and paused."""
    _require_kafka()
    with LocalKafka(tmp_path / "kafka") as server:
        yield server


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[LocalClickHouse]:
    """A server to be stopped and killed."""
    with LocalClickHouse(tmp_path / "clickhouse") as server:
        yield server


@pytest.fixture
def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWorld]:
    """Builds worlds, which end with the test; see FaultWorld for what may be said of them."""
    with ExitStack() as worlds:

        def make(
            *,
            kafka: LocalKafka | None = None,
            clickhouse: LocalClickHouse | None = None,
            **options: Any,
        ) -> FaultWorld:
            broker = kafka or request.getfixturevalue("kafka")
            server = clickhouse or request.getfixturevalue("clickhouse")
            return worlds.enter_context(FaultWorld(broker, server, tmp_path / "world", **options))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> FaultWorld:
    """Fresh topics (two partitions of `analytics`), a fresh database, and no processor yet."""
    return make_world()


def _require_kafka() -> None:
    try:
        require_kafka()
    except NotReady as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
