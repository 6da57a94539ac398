"""Builders for tests of the processor: records as Chronoverse writes them, and fakes of what surrounds a lane."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from analytics.settings import Settings
from analytics.store.migrate import migrate
from analytics.store.pool import Pool
from processor.decode.events import Decoded
from processor.decode.gather import Gathering
from processor.lane import Lane, Limits
from processor.lineage import Segment
from processor.model import Checkpoint, Partition
from processor.source import AT_ONCE
from sandbox.clickhouse import local_settings

NOW_MS = 1_772_359_200_000
NOW = "2026-03-01T10:00:00Z"
HORIZON_MS = 336 * 3_600_000
NIL = "00000000-0000-0000-0000-000000000000"
ABSENT = object()
"""As a field's value: the event does not have the field."""

Json = dict[str, Any]


def some_id(number: int) -> str:
    """A UUIDv7; a higher number is a millisecond younger."""
    time_ms = f"{0x0195643ED943 + number:012x}"
    return f"{time_ms[:8]}-{time_ms[8:]}-7293-84fc-8ba6a49b0001"


USER, WORKFLOW, JOB = some_id(1), some_id(2), some_id(3)


# --- events ---


def finished_job(number: int = 3, *, seconds: Any = 5, completed_at: Any = ABSENT, **fields: Any) -> Json:
    """A JOBS event; `number` makes its EventKey."""
    return _without_absent({
        "EventKey": f"analytics:job:{some_id(number)}:completed",
        "UserID": USER,
        "WorkflowID": WORKFLOW,
        "EventType": "JOBS",
        "Data": _without_absent({"job_execution_duration": seconds, "completed_at": completed_at}),
    } | fields)  # fmt: skip


def built(workflow: str = WORKFLOW, *, kind: Any = "CONTAINER", **fields: Any) -> Json:
    """A WORKFLOWS event."""
    return _without_absent({
        "EventKey": f"analytics:workflow:{workflow}",
        "UserID": USER,
        "WorkflowID": workflow,
        "EventType": "WORKFLOWS",
        "Data": {"kind": kind},
    } | fields)  # fmt: skip


def estimate(*, count: Any = 10, **fields: Any) -> Json:
    """A LOGS event of an old producer."""
    return finished_job(**({"EventKey": "", "EventType": "LOGS", "Data": {"count": count}} | fields))


def step(action: Any = "BUILD", *, generation: Any = 1, **fields: Any) -> Json:
    """A record of topic `workflows`; a result of a job unless it says otherwise."""
    return _without_absent({
        "EventKey": f"workflow:{WORKFLOW}:{action}:{generation}",
        "ID": WORKFLOW,
        "UserID": USER,
        "Action": action,
        "Generation": generation,
        "JobID": JOB,
        "FailureKind": "",
        "ErrorCode": "",
        "ErrorMessage": "",
    } | fields)  # fmt: skip


def log_line(
    sequence: Any = 0, *, stream: Any = "stdout", attempt: int = 1, job: str = JOB, **fields: Any
) -> Json:
    """A record of topic `job_logs` with a regular EventKey."""
    retry = "" if attempt == 1 else f":attempt:{attempt}"
    return _without_absent({
        "EventKey": f"log:{job}{retry}:{stream}:{sequence}",
        "JobID": job,
        "WorkflowID": WORKFLOW,
        "UserID": USER,
        "Message": "hello",
        "TimeStamp": NOW,
        "SequenceNum": sequence,
        "Stream": stream,
        "Retention": "FULL",
        "LivePublished": True,
    } | fields)  # fmt: skip


def _without_absent(payload: Json) -> Json:
    return {name: value for name, value in payload.items() if value is not ABSENT}


# --- records ---


class FakeRecord:
    """A record as confluent_kafka hands it out."""

    def __init__(
        self,
        value: bytes | None,
        offset: int = 0,
        time_ms: int = NOW_MS,
        *,
        key: bytes | None = WORKFLOW.encode(),
        headers: list[tuple[str, bytes | None]] | None = None,
        leader_epoch: int | None = None,
    ) -> None:
        self._value, self._offset, self._time_ms = value, offset, time_ms
        self._key, self._headers, self._leader_epoch = key, headers, leader_epoch

    def __repr__(self) -> str:
        return f"FakeRecord({self._value!r}, {self._offset}, {self._time_ms})"

    def __len__(self) -> int:
        return len(self._value or b"")

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self._headers

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (1, self._time_ms)

    def leader_epoch(self) -> int | None:
        return self._leader_epoch


def as_value(event: Any) -> bytes | None:
    """Bytes and None as they are, anything else as JSON."""
    return event if event is None or isinstance(event, bytes) else json.dumps(event).encode()


def records(*events: Any, first: int = 0, time_ms: int = NOW_MS) -> list[FakeRecord]:
    """Records at consecutive offsets, all of one time."""
    return [FakeRecord(as_value(event), first + at, time_ms) for at, event in enumerate(events)]


def gathered(topic: str, *events: Any, first: int = 0, time_ms: int = NOW_MS) -> Decoded:
    """What is decoded of events at consecutive offsets."""
    return gathered_of(topic, records(*events, first=first, time_ms=time_ms))


def gathered_of(topic: str, given: Sequence[FakeRecord]) -> Decoded:
    """What is decoded of records at any offsets."""
    gathering = Gathering(topic, given[0].offset())
    gathering.add(given)
    return gathering.batch


# --- the surroundings of a lane ---


class FakeSource:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.started_at: list[int] = []
        self.is_read = self.is_paused = False
        self.end = -1  # of the log, as far as it is known

    def known_end(self, place: tuple[str, int]) -> int:
        return self.end

    def read(self, place: tuple[str, int], checkpoint: Checkpoint) -> None:
        self.started_at.append(checkpoint.next_offset)
        self.is_read, self.is_paused = True, False

    def leave(self, place: tuple[str, int]) -> None:
        self.is_read = False

    def pause(self, place: tuple[str, int]) -> None:
        self.is_paused = True

    def resume(self, place: tuple[str, int]) -> None:
        self.is_paused = False


class PatientExecutor(Executor):
    """Does nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        for future, action in self.waiting:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001 -- as a pool of threads does
                future.set_exception(error)
        self.waiting = []


class InlineExecutor(PatientExecutor):
    """Does everything at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            self.work()


class ScriptedWriter:
    """Fails with the given errors one after the other, then applies every batch."""

    def __init__(self, next_offset: int = 0, *failures: Exception, until: int | None = None) -> None:
        self.checkpoint, self.segment = Checkpoint(next_offset), Segment(until, ())
        self.tried: list[Decoded] = []
        self.applied: list[Decoded] = []
        self.failures = list(failures)

    def apply(self, batch: Decoded) -> None:
        self.tried.append(batch)
        if self.failures:
            raise self.failures.pop(0)
        self.applied.append(batch)
        self.checkpoint = Checkpoint(batch.end, batch.leader_epoch)


Script = ScriptedWriter | Exception


class LaneWorld:
    """One lane, with a script of writers for it to open and a clock that goes on with every step."""

    def __init__(
        self, *script: Script, workers: Any = None, fits: int = 80_000, value_bytes: int = 1 << 30
    ) -> None:
        self.source, self.partition, self.now = FakeSource(), some_partition(), 0.0
        limits = Limits(records=fits + AT_ONCE, value_bytes=value_bytes, min_interval_s=0.05)
        self.lane = Lane(self.partition, self._open, self.source, workers or InlineExecutor(), limits)  # type: ignore[arg-type]
        self._script = list(script)

    def _open(self) -> ScriptedWriter:
        writer = self._script.pop(0)
        if isinstance(writer, Exception):
            raise writer
        return writer

    def step(self, times: int = 1, after_s: float = 10.0) -> None:
        """An action needs two steps: one begins it, the next one takes note of its end."""
        for _ in range(times):
            self.now += after_s
            self.lane.step(self.now)

    def feed(self, first: int, count: int = 1) -> int:
        return self.lane.feed(records(*[finished_job()] * count, first=first), self.now)


def opened(*script: Script, **options: Any) -> LaneWorld:
    """A lane that has opened the first writer of the script."""
    world = LaneWorld(*script, **options)
    world.step(2)
    return world


def some_partition(topic: str = "analytics") -> Partition:
    """A partition that no other test uses."""
    return Partition(topic, 0, uuid4())


def fresh_database(address: str) -> Settings:
    """Settings for a fresh, migrated database, for a whole module of tests with partitions of their own."""
    settings = local_settings(address, f"test_{uuid4().hex[:12]}")
    migrate(settings)
    return settings


@contextmanager
def pools(settings: Settings, size: int = 2) -> Iterator[tuple[Pool, Pool]]:
    """Connections to ClickHouse as the processor has them: plain ones, and those for numpy columns."""
    both = [Pool(settings, size=size, timeout_s=30, numpy=numpy) for numpy in (False, True)]
    yield both[0], both[1]
    for pool in both:
        pool.close()
