"""What is published in these tests, and what must be true of it."""

import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Message, Producer

from sandbox.partitioner import partition_of
from tests.processor_world import NOW_MS, built, finished_job, log_line, some_id, step
from tests.reference import Reference

Totals = dict[tuple[str, str], tuple[int, int, int, int]]
"""(user, workflow or "") → workflows, jobs, execution seconds, log lines."""


class Event(NamedTuple):
    """A record to be. `partition` None: where Kafka's partitioner puts its key."""

    topic: str
    value: Any
    key: str
    time_ms: int = NOW_MS
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def user(number: int) -> str:
    return some_id(1_000_000 + number)


def workflow(number: int) -> str:
    """Belongs to `user(number % 3)`."""
    return some_id(2_000_000 + number)


def _ids(number: int) -> dict[str, str]:
    return {"UserID": user(number % 3), "WorkflowID": workflow(number)}


def job(number: int, *, workflows: int = 7, time_ms: int = NOW_MS, **fields: Any) -> Event:
    """The end of job `number`, of a workflow that is always the same; it took `number % 600` seconds.

    The event of every third one tells whether it failed.
    """
    of, data = number % workflows, {"job_execution_duration": number % 600}
    if number % 3 == 0:
        data["status"] = "FAILED" if _has_failed(number) else "COMPLETED"
    event = finished_job(number, **({"Data": data} | _ids(of) | fields))
    return Event("analytics", event, workflow(of), time_ms)


def _has_failed(number: int) -> bool:
    return number % 4 == 0


def result(number: int, *, workflows: int = 7, time_ms: int = NOW_MS) -> Event:
    """What became of job `number`: every fourth one failed, in one of five ways."""
    of, job_id = number % workflows, some_id(number)
    action = "JOB_FAILED" if _has_failed(number) else "JOB_COMPLETED"
    kind, code = _FAILURES[number % 5] if _has_failed(number) else ("", "")
    event = step(
        action, generation=0, EventKey=f"workflow:job:{job_id}:{action}", ID=workflow(of), UserID=user(of % 3),
        JobID=job_id, FailureKind=kind, ErrorCode=code, ErrorMessage=code and "it failed",
    )  # fmt: skip
    return Event("workflows", event, workflow(of), time_ms)


_FAILURES = (
    ("USER", "Aborted"), ("USER", "DeadlineExceeded"), ("SYSTEM", "DeadlineExceeded"), ("SYSTEM", "Internal"), ("", ""),
)  # fmt: skip


def jobs(first: int, count: int, **options: Any) -> list[Event]:
    return [job(number, **options) for number in range(first, first + count)]


def jobs_in(partition: int, first: int, count: int) -> list[Event]:
    """Jobs whose keys belong to this one of two partitions."""
    return [one for one in jobs(first, 20 * count) if partition_of(one.key, 2) == partition][:count]


def workflow_built(number: int) -> Event:
    return Event("analytics", built(workflow(number), UserID=user(number % 3)), workflow(number))


def line(number: int, sequence: int, *, workflows: int = 7, time_ms: int = NOW_MS, **fields: Any) -> Event:
    """Line `sequence` of job `number`."""
    of = number % workflows
    event = log_line(sequence, job=some_id(number), **(_ids(of) | fields))
    return Event("job_logs", event, workflow(of), time_ms)


def lines(number: int, first: int, count: int, **options: Any) -> list[Event]:
    return [line(number, sequence, **options) for sequence in range(first, first + count)]


def some_events(first: int, count: int) -> list[Event]:
    """Of all kinds, with repeats among them: about 3.7 records a number."""
    events: list[Event] = []
    for number in range(first, first + count):
        events += [job(number), result(number), line(number, 0, stream="stderr" if number % 3 else "stdout")]
        if number % 7 == 0:
            events.append(workflow_built(number % 14))
        if number % 5 == 0:
            events += [job(max(first, number - 3)), result(max(first, number - 2))]  # published twice
        if number % 11 == 0:
            events += lines(number, 0, 3)
    return events


def place_of(event: Event, partitions: Mapping[str, int]) -> int:
    """The partition of an event, where topics have so many of them."""
    return partition_of(event.key, partitions[event.topic]) if event.partition is None else event.partition


class Log:
    """Everything published, in order. Repeats of an event under one key are in the order in which they were sent."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.events: list[Event] = []

    def publish(self, events: Iterable[Event], partitions: Mapping[str, int]) -> None:
        """Return when the broker has all of them."""
        failures: list[str] = []

        def delivered(error: Any, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        sent = list(events)
        # A new one each time: it knows of partitions that were added.
        producer = Producer({
            "bootstrap.servers": self._bootstrap, "linger.ms": 5, "message.max.bytes": 10 << 20, "log_level": 0,
        })  # fmt: skip
        for one in sent:
            number = place_of(one, partitions)
            place = one.topic, _bytes(one.value), one.key.encode(), number
            producer.produce(*place, delivered, timestamp=one.time_ms, headers=list(one.headers))
            producer.poll(0)
        assert producer.flush(60) == 0
        assert failures == []
        self.events += sent

    def records(self) -> list[dict[str, Any]]:
        """As the reference model reads them."""
        return [
            {
                "topic": one.topic,
                "partition_key": one.key,
                "timestamp_ms": one.time_ms,
            }
            | _as_reference(_bytes(one.value))
            for one in self.events
        ]

    def reference(self) -> Reference:
        """The model that has read everything."""
        return Reference().feed(self.records())

    def truth(self) -> Totals:
        """What must have been counted."""
        reference = self.reference()
        return true_totals(reference, reference.expected())


def true_totals(reference: Reference, answer: Any) -> Totals:
    """Totals of a reference and its answer."""
    totals: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for row in answer["workflows"]:
        numbers = row["total_jobs"], row["total_job_execution_duration"], row["total_joblogs"]
        totals[row["user_id"], row["workflow_id"]].update(dict(enumerate(numbers, 1)))
    for id_, row in answer["users"].items():
        numbers = (
            row["total_workflows"], row["total_jobs"], row["total_job_execution_duration"], row["total_joblogs"],
        )  # fmt: skip
        totals[id_, ""].update(dict(enumerate(numbers)))
    for id_, flow in reference.workflows.items():
        if flow.named:
            totals[str(flow.user), str(id_)][0] = 1
    return {pair: (row[0], row[1], row[2], row[3]) for pair, row in totals.items() if any(row.values())}


def _as_reference(value: bytes | None) -> dict[str, str | None]:
    return {"value": None} if value is None else {"value_b64": b64encode(value).decode()}


def _bytes(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
