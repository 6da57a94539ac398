"""Topic `analytics`: finished jobs in bulk, and now and then a workflow that was built."""

from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from processor.decode.careful import LONGEST_JOB_S, Built, Estimate, Job, Malformed, Unknown, read_analytics
from processor.decode.events import Decoded, Keyed, Named, Records, Rejected
from processor.decode.keys import Keys, job_keys
from processor.decode.times import NS_PER_S, parse_time_s
from processor.ids import is_canonical


class _Data(msgspec.Struct, gc=False):
    job_execution_duration: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_JOB_S)]
    completed_at: str | None = None


class _PlainJob(msgspec.Struct, gc=False):
    """A JOBS event with all it needs; anything else is read carefully."""

    EventKey: Annotated[str, msgspec.Meta(min_length=1)]
    UserID: str
    WorkflowID: str
    EventType: Literal["JOBS"]
    Data: _Data


_decode_job: Final = msgspec.json.Decoder(_PlainJob).decode
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)  # TypeError: a tombstone


class _Jobs:
    """Jobs of one call, in lists that grow together; `at` is the position among its records."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.owner: list[int] = []
        self.seconds: list[int] = []
        self.at: list[int] = []
        self.ends_s: dict[int, int] = {}  # position among the jobs → when the event itself says it ended

    def add(self, event_key: str, owner: int, seconds: int, at: int) -> None:
        self.keys.append(event_key)
        self.owner.append(owner)
        self.seconds.append(seconds)
        self.at.append(at)


def decode_analytics(chunk: Records, into: Decoded) -> None:
    """Decode records of topic `analytics`."""
    jobs, known = _Jobs(), into.owners.index
    keys, owners, seconds, places = jobs.keys, jobs.owner, jobs.seconds, jobs.at
    for at, record in enumerate(chunk.records):
        value = record.value()
        try:
            job = _decode_job(value)  # type: ignore[arg-type] # None raises TypeError
            if not value.isascii():  # type: ignore[union-attr] # bytes outside of the fields are not checked
                value.decode()  # type: ignore[union-attr]
            data = job.Data
            end_s = parse_time_s(data.completed_at) if data.completed_at else None
            owner = known.get(job.UserID + job.WorkflowID)
            if owner is None:
                owner = _new_owner(chunk, at, job.UserID, job.WorkflowID, into)
        except _NOT_PLAIN:
            _read_carefully(chunk, at, into, jobs)
            continue
        if end_s is not None:
            jobs.ends_s[len(keys)] = end_s
        keys.append(job.EventKey)  # in line, for this is the innermost loop of the program
        owners.append(owner)
        seconds.append(data.job_execution_duration)
        places.append(at)
    if keys:
        into.keyed.append(_columns(chunk, jobs))


def _new_owner(chunk: Records, at: int, user: str, workflow: str, into: Decoded) -> int:
    """Return the owner of a valid event; the first in canonical spelling names its workflow."""
    owner = into.owners.of(user, workflow)
    workflow_id = into.owners.workflows[owner]
    if is_canonical(workflow) and workflow_id not in into.named:
        into.named[workflow_id] = Named(owner, int(chunk.times_ms[at]), int(chunk.offsets[at]))
    return owner


def _read_carefully(chunk: Records, at: int, into: Decoded, jobs: _Jobs) -> None:
    record = chunk.records[at]
    try:
        event = read_analytics(record.value())
    except Malformed as error:
        into.rejected.append(Rejected(record, error.reason))
    except Unknown:
        into.skipped["unknown"] += 1
    else:
        _take(event, chunk, at, into, jobs)


def _take(event: Job | Built | Estimate, chunk: Records, at: int, into: Decoded, jobs: _Jobs) -> None:
    owner = _new_owner(chunk, at, event.user, event.workflow, into)
    if isinstance(event, Built):
        time_ms = int(chunk.times_ms[at])
        facts = into.fact(into.owners.users[owner], into.owners.workflows[owner], time_ms)
        facts.kind = max(facts.kind, (time_ms, int(chunk.offsets[at]), event.kind))
    elif isinstance(event, Estimate):
        into.skipped["estimate"] += 1
    else:
        if event.ended_ns is not None:
            jobs.ends_s[len(jobs.keys)] = event.ended_ns // NS_PER_S
        jobs.add(event.event_key, owner, event.seconds, at)


def _columns(chunk: Records, jobs: _Jobs) -> Keyed:
    at = np.array(jobs.at)
    time_ms = chunk.times_ms[at]
    at_s = time_ms // 1000
    if jobs.ends_s:
        at_s[list(jobs.ends_s)] = list(jobs.ends_s.values())
    keys: Keys = job_keys(jobs.keys)
    zeros = np.zeros(len(at), np.int64)
    return Keyed(
        owner=np.array(jobs.owner),
        at_s=at_s,
        jobs=zeros + 1,
        seconds=np.array(jobs.seconds),
        lines=zeros,
        line_bytes=zeros,
        time_ms=time_ms,
        offset=chunk.offsets[at],
        key_hi=keys.hi,
        key_lo=keys.lo,
        has_key=np.array([bool(key) for key in jobs.keys]),
    )
