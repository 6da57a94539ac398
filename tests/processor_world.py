"""Builders for tests of the processor: records as Chronoverse writes them, and fakes of what surrounds a lane."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from analytics.settings import Settings
from analytics.store.pool import Pool
from processor.decode.events import Decoded
from processor.decode.gather import Gathering
from processor.fold import TOTAL, Rows
from processor.model import Checkpoint, Partition

NOW_MS = 1_772_359_200_000
NOW = "2026-03-01T10:00:00Z"
HORIZON_MS = 336 * 3_600_000
NIL = "00000000-0000-0000-0000-000000000000"
ABSENT = object()
"""As a field's value: the event does not have the field."""

Json = dict[str, Any]


def some_id(number: int) -> str:
    """A UUIDv7; a higher number is a millisecond younger."""
    return f"0195643e-{0xD943 + number:04x}-7293-84fc-8ba6a49b0001"


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
    return finished_job(EventKey="", EventType="LOGS", Data={"count": count}) | fields


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
    gathering = Gathering(topic, given[0].offset())
    gathering.add(given)
    return gathering.batch


# --- the surroundings of a lane ---


class FakeSource:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.started_at: list[int] = []
        self.is_read = self.is_paused = False

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
        future = super().submit(fn, *args, **kwargs)
        self.work()
        return future


class ScriptedWriter:
    """Fails with the given errors one after the other, then applies every batch."""

    def __init__(self, next_offset: int = 0, *failures: Exception) -> None:
        self.checkpoint = Checkpoint(next_offset)
        self.tried: list[Decoded] = []
        self.applied: list[Decoded] = []
        self._failures = list(failures)

    def apply(self, batch: Decoded) -> None:
        self.tried.append(batch)
        if self._failures:
            raise self._failures.pop(0)
        self.applied.append(batch)
        self.checkpoint = Checkpoint(batch.end, batch.leader_epoch)


# --- the store ---


def some_partition(topic: str = "analytics") -> Partition:
    """A partition that no other test uses."""
    return Partition(topic, 0, uuid4())


@contextmanager
def pools(settings: Settings, size: int = 2) -> Iterator[tuple[Pool, Pool]]:
    """Connections to ClickHouse as the processor has them: plain ones, and those for numpy columns."""
    plain = Pool(settings, size=size, timeout_s=30)
    columns = Pool(settings, size=size, timeout_s=30, numpy=True)
    yield plain, columns
    plain.close()
    columns.close()


def rows_of_jobs(count: int, *, user: UUID | None = None) -> Rows:
    """Totals of `count` workflows with one job each."""
    owner = uuid4() if user is None else user
    ones, ids = np.ones(count, np.int64), np.arange(1, count + 1, dtype=np.uint64)
    hi, lo = (np.full(count, half, np.uint64) for half in (owner.int >> 64, owner.int & (1 << 64) - 1))
    zeros = np.zeros(count, np.int64)
    return Rows(zeros + TOTAL, hi, lo, ids, ids, zeros, zeros, ones, zeros, zeros, zeros)
