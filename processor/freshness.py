"""How old the numbers are: once a second, for every partition that is read, up to when everything is counted.

The end of a partition is asked for, and the time noted *before* asking; when the checkpoint reaches that end,
every record published before that time is counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from confluent_kafka.admin import AdminClient

from analytics.errors import Retryable, Stop
from analytics.store.pool import StatementFailed
from processor.garbage import drop_garbage
from processor.lineage_table import Lineage, require_same
from processor.shard_pools import ShardPools
from processor.source import Place
from processor.topics import describe_topics, end_offsets
from processor.vitals import REPORTING, Vitals

_EVERY_S: Final = 1.0
_CHECK_TOPICS_EVERY: Final = 15  # rounds
_DROP_GARBAGE_EVERY: Final = 3_600
_LEND_WITHIN_S: Final = 10.0
_MOST_TARGETS: Final = 600

_INSERT = """
INSERT INTO progress (topic, partition, partition_id, partition_count, next_offset, end_offset, as_of_ms, updated_at)
VALUES
"""

_log = structlog.get_logger(__name__)


class Position(NamedTuple):
    """Where a partition is: the checkpoint, and the end of the log as the last fetch saw it (-1: unknown)."""

    partition_id: UUID
    next_offset: int
    known_end: int


class AsOf:
    """The as-of time of one partition. Pure: times come from outside."""

    def __init__(self) -> None:
        self._targets: deque[tuple[int, int]] = deque()  # (end, Unix milliseconds before it was asked for)
        self.as_of_ms = 0  # unknown

    def aim(self, end: int, asked_ms: int) -> None:
        """Note an end of the log and when it was asked for."""
        if len(self._targets) < _MOST_TARGETS:
            self._targets.append((end, asked_ms))

    def reach(self, next_offset: int) -> None:
        """Note the checkpoint."""
        while self._targets and self._targets[0][0] <= next_offset:
            self.as_of_ms = self._targets.popleft()[1]


class FreshnessReporter:
    """A thread that writes table `progress`, watches the topics, and drops what the index does not need any more."""

    def __init__(
        self,
        admin: AdminClient,
        shards: ShardPools,
        topics: Mapping[str, Lineage],
        positions: Callable[[], Mapping[Place, Position]],
        *,
        horizon_ms: int,
        vitals: Vitals,
    ) -> None:
        self._admin, self._shards, self._topics, self._positions = admin, shards, topics, positions
        self._horizon_ms = horizon_ms
        self._vitals = vitals
        self._counts = {name: topic.partitions for name, topic in topics.items()}
        self._as_of: dict[Place, AsOf] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self._failure: Stop | None = None

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def require_no_failure(self) -> None:
        """Raise what the reporter found out about the log, if anything."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Report no more."""
        self._ended.set()
        self._thread.join(_LEND_WITHIN_S)

    def _run(self) -> None:
        rounds = 0
        while not self._ended.wait(_EVERY_S):
            rounds += 1
            self._vitals.note(REPORTING)
            try:
                if rounds % _CHECK_TOPICS_EVERY == 0:
                    self._check_topics()
                if rounds % _DROP_GARBAGE_EVERY == 0:
                    drop_garbage([one.plain for one in self._shards.every().values()], self._horizon_ms)
                self._report()
            except Stop as error:
                self._failure = error
                return
            except (Retryable, StatementFailed) as error:
                _log.warning("freshness_not_reported", error=str(error))

    def _check_topics(self) -> None:
        for name, found in describe_topics(self._admin).items():
            require_same(self._topics[name], found)
            if found.partitions != self._counts[name]:
                _log.info("partitions_added", topic=name, before=self._counts[name], now=found.partitions)
                self._counts[name] = found.partitions

    def _report(self) -> None:
        positions = self._positions()
        self._as_of = {place: self._as_of.get(place, AsOf()) for place in positions}
        if not positions:
            self._vitals.standing.lag({})
            return
        asked_ms = time.time_ns() // 1_000_000
        ends = end_offsets(self._admin, list(positions))
        for place, position in positions.items():
            # A broker may be wrong about the end (tansu is); the last fetch knows better.
            ends[place] = max(ends[place], position.known_end)
            self._as_of[place].aim(ends[place], asked_ms)
        latest = self._positions()
        still = {place: latest[place] for place in positions.keys() & latest.keys()}
        for place, position in still.items():
            self._as_of[place].reach(position.next_offset)
        self._vitals.standing.lag({place: max(0, ends[place] - still[place].next_offset) for place in still})
        self._write(still, ends)
        self._vitals.standing.reported({place: self._as_of[place].as_of_ms for place in still})

    def _write(self, positions: Mapping[Place, Position], ends: Mapping[Place, int]) -> None:
        if not positions:
            return
        places, now = list(positions), datetime.now(UTC)
        columns: list[list[object]] = [
            [topic for topic, _ in places],
            [number for _, number in places],
            [positions[place].partition_id for place in places],
            [self._counts[topic] for topic, _ in places],
            [positions[place].next_offset for place in places],
            [ends[place] for place in places],
            [self._as_of[place].as_of_ms for place in places],
            [now] * len(places),
        ]
        with self._shards.home.plain.lend(_LEND_WITHIN_S) as connection:
            connection.insert(_INSERT, columns, settings={"async_insert": 0})
