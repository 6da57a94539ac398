"""A small history of workflows, jobs and lines, counted by the processor's own code, and a service that tells of it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from analytics.insights.reads import InsightReads
from analytics.lookups import StoreLookups
from analytics.reads import QueryRunner
from analytics.settings import Settings
from processor.additions import additions
from processor.decode.events import Decoded
from processor.fold import fold
from processor.ledger import Ledger
from processor.workflow_facts import write_facts
from tests.grpc_world import serving
from tests.processor_world import (
    ABSENT,
    FakeRecord,
    as_value,
    built,
    finished_job,
    gathered_of,
    log_line,
    pools,
    some_id,
    some_partition,
    step,
)

OWNER, OTHER = UUID(some_id(101)), UUID(some_id(102))
FLOWS = tuple(UUID(some_id(number)) for number in range(201, 209))


class Job(NamedTuple):
    """A job that ended, was completed or failed at the same time, and wrote its lines just before."""

    workflow: UUID
    ended_s: int
    seconds: int = 5
    failure: tuple[str, str] | None = None
    lines: int = 0
    stderr_lines: int = 0
    with_status: bool = False
    user: UUID = OWNER


class Flow(NamedTuple):
    """A workflow: when it was built, of what kind, and what became of it."""

    workflow: UUID
    built_s: int
    kind: str | None = "CONTAINER"
    terminated_s: int | None = None
    deleted_s: int | None = None
    user: UUID = OWNER


class Record(NamedTuple):
    """An event and the second at which it was published."""

    topic: str
    event: Any
    at_s: int


def iso(at_s: int) -> str:
    """A time as records write it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def records_of(flows: Iterable[Flow], jobs: Iterable[Job]) -> list[Record]:
    """What is published of a history."""
    records = [record for flow in flows for record in _of_flow(flow)]
    return records + [record for number, job in enumerate(jobs) for record in _of_job(job, 1_000 + number)]


def _of_flow(flow: Flow) -> Iterable[Record]:
    ids = {"UserID": str(flow.user)}
    if flow.kind is not None:
        yield Record("analytics", built(str(flow.workflow), kind=flow.kind, **ids), flow.built_s)
    steps = (("BUILD", flow.built_s, 1), ("TERMINATE", flow.terminated_s, 1), ("DELETE", flow.deleted_s, 0))
    for action, at_s, generation in steps:
        if at_s is not None:
            key = f"workflow:{flow.workflow}:{action}:{generation}"
            event = step(action, generation=generation, ID=str(flow.workflow), EventKey=key, **ids)
            yield Record("workflows", event, at_s)


def _of_job(job: Job, number: int) -> Iterable[Record]:
    ids = {"UserID": str(job.user), "WorkflowID": str(job.workflow)}
    status = ("FAILED" if job.failure else "COMPLETED") if job.with_status else ABSENT
    event = finished_job(number, seconds=job.seconds, **ids)
    if status is not ABSENT:
        event["Data"]["status"] = status
    yield Record("analytics", event, job.ended_s)
    action = "JOB_FAILED" if job.failure else "JOB_COMPLETED"
    kind, code = job.failure or ("", "")
    result = {"UserID": str(job.user), "ID": str(job.workflow), "JobID": some_id(number)}
    key = f"workflow:job:{some_id(number)}:{action}"
    event = step(action, generation=0, EventKey=key, FailureKind=kind, ErrorCode=code, **result)
    yield Record("workflows", event, job.ended_s)
    for stream, count in (("stdout", job.lines - job.stderr_lines), ("stderr", job.stderr_lines)):
        for sequence in range(count):
            fields = ids | {"TimeStamp": iso(job.ended_s)}
            yield Record(
                "job_logs", log_line(sequence, stream=stream, job=some_id(number), **fields), job.ended_s
            )


def count(
    database: Settings, records: Sequence[Record], *, already_named: Collection[UUID] = frozenset()
) -> None:
    """Count records as a processor does, a partition for each topic; all of them must be new.

    `already_named`: workflows that were counted before.
    """
    with pools(database) as (plain, columns):
        ledger = Ledger(plain, columns)
        for topic in ("analytics", "workflows", "job_logs"):
            given = [
                FakeRecord(as_value(one.event), offset, one.at_s * 1000)
                for offset, one in enumerate(one for one in records if one.topic == topic)
            ]
            if given:
                batch = gathered_of(topic, given)
                assert not batch.rejected
                write_facts(plain, batch.facts)
                for workflow_id in already_named:
                    batch.named.pop(workflow_id.int, None)
                _apply(ledger, some_partition(topic), batch)


def _apply(ledger: Ledger, partition: Any, batch: Decoded) -> None:
    at = ledger.begin(partition, 0, 0)
    named = list(batch.named.values())
    added = additions(batch.keyed, batch.lines, named, streams=batch.streams, failures=batch.failures)
    assert ledger.apply(partition, at, batch.end, fold(added, batch.owners), leader_epoch=-1, ghosts=0)


@asynccontextmanager
async def insights_of(
    database: Settings, *, as_of_s: float | None = None, **settings: object
) -> AsyncIterator[str]:
    """Run a service over a database; yields its address."""
    runner = QueryRunner(database, size=3, timeout_s=10)
    reads = InsightReads(runner, parallel=3, most_waiting=100)
    lookups = StoreLookups(runner, parallel=3, most_waiting=100)
    as_of_ms = None if as_of_s is None else int(as_of_s * 1000)
    try:
        async with serving(lookups, as_of_ms=as_of_ms, reads=reads, **settings) as address:
            yield address
    finally:
        await asyncio.to_thread(runner.close)
