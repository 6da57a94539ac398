"""Builders for tests of the processor: records as Chronoverse writes them, and fakes of what surrounds a lane."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from analytics.settings import Settings
from analytics.store.pool import Pool
from processor.decode.events import Decoded
from processor.decode.gather import Gathering
from processor.model import Partition
from tests.copied_database import migrated

NOW_MS = 1_772_359_200_000
NOW = "2026-03-01T10:00:00Z"
HORIZON_MS = 336 * 3_600_000
NIL = "00000000-0000-0000-0000-000000000000"


class _Absent:
    def __repr__(self) -> str:
        return "absent"  # in the name of a test, which must be the same in every process


ABSENT = _Absent()
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


# --- places ---


def some_partition(topic: str = "analytics") -> Partition:
    """A partition that no other test uses."""
    return Partition(topic, 0, uuid4())


def fresh_database(address: str, kind: str = "test") -> Settings:
    """Settings for a fresh, migrated database, for a whole module of tests with partitions of their own.

    It lives as long as the module; of kind "kept", as long as the server.
    """
    return migrated(address, f"{kind}_{uuid4().hex[:12]}")


@contextmanager
def pools(settings: Settings, size: int = 2) -> Iterator[tuple[Pool, Pool]]:
    """Connections to ClickHouse as the processor has them: plain ones, and those for numpy columns."""
    both = [Pool(settings, size=size, timeout_s=30, numpy=numpy) for numpy in (False, True)]
    yield both[0], both[1]
    for pool in both:
        pool.close()
