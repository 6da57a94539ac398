"""The world of schedules in which the processor's own code is at work on a real ClickHouse."""

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec

from analytics.errors import Retryable
from analytics.store.pool import Pool
from processor.apply import PartitionWriter, Stores
from processor.ledger import CheckpointMoved, Ledger
from processor.lineage_table import Lineage, TopicGrew, identify, read_lineages
from processor.opening import Opener
from processor.topics import Topic
from tests.model.broker import HORIZON, Broker, expected
from tests.model.schedules import World
from tests.model.stepped import OpenInsert, SteppedPool, Stepper
from tests.processor_world import HORIZON_MS, NOW_MS, FakeRecord, as_value, finished_job, gathered_of, some_id

FILTER_BYTES = 64  # full after 32 keys
UNIT_MS = HORIZON_MS // HORIZON
WINDOW = 1_000  # tokens: more than a schedule uses

_WINDOW = "ALTER TABLE analytics MODIFY SETTING non_replicated_deduplication_window = {size}"
_COUNTED = """
SELECT workflow_id, sum(jobs), sum(workflows)
FROM analytics
WHERE resolution = 'total' AND user_id = %(user)s AND workflow_id != toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY workflow_id
"""


class FakeAdmin:
    """Answers for the broker of a schedule. Who asks for ends has waited until every producer must have noticed."""

    def __init__(self, broker: Broker, gate: Callable[[], Any]) -> None:
        self._broker, self._gate = broker, gate

    def list_offsets(self, asked: dict[Any, Any], request_timeout: float) -> dict[Any, Any]:
        self._gate()
        wants_ends = OffsetSpec.latest() in asked.values()  # type: ignore[no-untyped-call]
        if wants_ends:
            self._broker.let_producers_notice(len(asked))
            self._gate()
        return {place: _done(self._offset(place.partition, wants_ends)) for place in asked}

    def _offset(self, partition: int, wants_end: bool) -> Any:
        return ListOffsetsResultInfo(self._broker.ends()[partition] if wants_end else 0, -1, -1)


def _done(answer: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(answer)
    return future


class EngineLane:
    """A consumer at work on a partition, in a thread of its own."""

    def __init__(self, world: "EngineWorld", partition: int) -> None:
        self._world, self._partition, self.appetite = world, partition, 1
        self._stepper = Stepper(self._work)

    @property
    def insert(self) -> OpenInsert | None:
        return self._columns.insert_at_server

    def step(self, fault: str | None = None) -> None:
        self._stepper.step(fault)

    def close(self) -> None:
        self._stepper.kill()

    def _work(self, stepper: Stepper) -> None:
        world, partition = self._world, self._partition
        self._columns = world.stepped(stepper, numpy=True)
        stores = world.stores(world.stepped(stepper), self._columns, stepper)
        opener = Opener(FakeAdmin(world.broker, stepper.gate), stores, grace_s=0)  # type: ignore[arg-type]
        while True:
            try:
                writer = opener.open(world.topic, partition)
                while writer.checkpoint.next_offset != writer.segment.end:
                    self._read_on(writer, stepper)
            except (Retryable, CheckpointMoved, TopicGrew):
                stepper.gate()

    def _read_on(self, writer: PartitionWriter, stepper: Stepper) -> None:
        """Fetch and apply one batch, as a lane of the processor does: again and again until the outcome is known."""
        stepper.gate()
        first = writer.checkpoint.next_offset
        end = min(first + self.appetite, writer.segment.end or sys.maxsize)
        while records := self._world.fetch(self._partition, first, end):
            try:
                writer.apply(gathered_of("analytics", records))
            except Retryable:
                stepper.gate()
            else:
                break


class EngineWorld(World):
    """A fresh topic in a database in which there are others."""

    def __init__(
        self, plain: Pool, columns: Pool, threads: ThreadPoolExecutor, *, window: int = WINDOW
    ) -> None:
        super().__init__(partitions=2)
        self._plain, self._columns, self._threads = plain, columns, threads
        self._ledger, self._user, self._topic_id = Ledger(plain, columns), uuid4(), uuid4()
        self.topic = f"analytics-{self._topic_id}"
        self._remember_tokens(window)
        identify(plain, {self.topic: self._describe(self.topic)})

    def open_lane(self, consumer: int, partition: int) -> EngineLane:
        return EngineLane(self, partition)

    def forget_tokens(self) -> None:
        self._remember_tokens(0)
        self._remember_tokens(WINDOW)

    def applied(self) -> list[int]:
        partitions = [self._lineage().partition(number) for number in range(self.broker.partitions())]
        found = self._ledger.checkpoints([one.id for one in partitions])
        return [found[one.id].next_offset if one.id in found else 0 for one in partitions]

    def partitions_counted(self) -> int:
        return self._lineage().partitions

    def counted(self) -> Counter[int]:
        with self._plain.lend(10) as connection:
            rows = connection.query(_COUNTED, {"user": self._user})
        assert [workflows for _, _, workflows in rows] == [1] * len(rows), "each workflow counts once"
        return Counter({_key(workflow): jobs for workflow, jobs, _ in rows})

    def expected(self) -> Counter[int]:
        return expected(self.broker.logs, self._lineage().generations)

    # --- for lanes ---

    def stepped(self, stepper: Stepper, *, numpy: bool = False) -> SteppedPool:
        return SteppedPool(self._columns if numpy else self._plain, stepper, self._threads)

    def stores(self, plain: SteppedPool, columns: SteppedPool, stepper: Stepper) -> Stores:
        def describe(topic: str) -> Topic:
            stepper.gate()
            return self._describe(topic)

        return Stores(
            plain=plain,  # type: ignore[arg-type]
            columns=columns,  # type: ignore[arg-type]
            ledger=Ledger(plain, columns),  # type: ignore[arg-type]
            dead_letters=None,  # type: ignore[arg-type] # no record is malformed
            describe=describe,
            horizon_ms=HORIZON_MS,
            filter_bytes=FILTER_BYTES,
        )

    def fetch(self, partition: int, first: int, end: int) -> list[FakeRecord]:
        log = self.broker.logs[partition][first:end]
        return [
            FakeRecord(self._value(one.key), first + at, NOW_MS + one.time * UNIT_MS)
            for at, one in enumerate(log)
        ]

    def _remember_tokens(self, size: int) -> None:
        with self._plain.lend(10) as connection:
            connection.query(_WINDOW.format(size=size))

    def _value(self, key: int) -> bytes | None:
        return as_value(finished_job(key, UserID=str(self._user), WorkflowID=_workflow(key)))

    def _describe(self, topic: str) -> Topic:
        return Topic(topic, "a cluster", self._topic_id, self.broker.partitions())

    def _lineage(self) -> Lineage:
        return read_lineages(self._plain)[self.topic]


def _workflow(key: int) -> str:
    return some_id(1000 + key)


def _key(workflow_id: UUID) -> int:
    return next(key for key in range(1000) if _workflow(key) == str(workflow_id))
