"""One real Kafka for the whole suite, and worlds: a database, topics and processors of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.clickhouse import LocalClickHouse
from sandbox.kafka import LocalKafka
from tests.faults.world import FaultWorld

NewWorld = Callable[..., FaultWorld]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker that all tests share, one after the other: leave it running, as it was."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker to stop and to kill."""
    with LocalKafka(tmp_path / "own-kafka") as server:
        yield server


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[LocalClickHouse]:
    """A ClickHouse to stop and to kill."""
    with LocalClickHouse(tmp_path / "own-clickhouse") as server:
        yield server


@pytest.fixture
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewWorld]:
    """Makes worlds, on the shared engines unless told otherwise, and ends what runs in them."""
    worlds: list[FaultWorld] = []

    def make(
        *, kafka: LocalKafka | None = None, clickhouse: LocalClickHouse | None = None, **options: int
    ) -> FaultWorld:
        world = FaultWorld(
            kafka or request.getfixturevalue("kafka"),
            clickhouse or request.getfixturevalue("clickhouse"),
            tmp_path / f"world-{len(worlds)}",
            **options,
        )
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(new_world: NewWorld) -> FaultWorld:
    """A world with two partitions a topic."""
    return new_world()
