"""Topic `analytics`: finished jobs in bulk, and now and then a workflow that was built."""

from typing import Annotated, Final, Literal, NamedTuple

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
_UNKNOWN: Final = -1  # in place of an owner
_AT_RECORD: Final = -(2**62)  # in place of an end: the event does not say when it ended


class _Jobs(NamedTuple):
    """Jobs of one call, in lists that grow together; `at` is the position among its records."""

    keys: list[str]
    owner: list[int]
    seconds: list[int]
    end_s: list[int]
    at: list[int]


def decode_analytics(chunk: Records, into: Decoded) -> None:
    """Decode records of topic `analytics`.

    Nearly all of them are plain jobs, which are decoded and taken apart in bulk; the others are read carefully.
    """
    values = [record.value() for record in chunk.records]
    events, at, odd = _decode_in_bulk(values)
    jobs = _take_in_bulk(events, at, into)
    odd += _complete(events, jobs, values, chunk, into)
    for position in odd:
        _read_carefully(chunk, position, into, jobs)
    if jobs.keys:
        into.keyed.append(_columns(chunk, jobs))


def _decode_in_bulk(values: list[bytes | None]) -> tuple[list[_PlainJob], list[int], list[int]]:
    """Return the plain jobs, their positions, and the positions of all other records."""
    events: list[_PlainJob] = []
    odd: list[int] = []
    while (next_at := len(events) + len(odd)) < len(values):
        try:
            events.extend(map(_decode_job, values[next_at:]))  # type: ignore[arg-type] # None raises TypeError
        except _NOT_PLAIN:  # those before it are in the list
            odd.append(len(events) + len(odd))
    others = set(odd)
    return events, [at for at in range(len(values)) if at not in others], odd


def _take_in_bulk(events: list[_PlainJob], at: list[int], into: Decoded) -> _Jobs:
    """Return the jobs as far as the events alone say."""
    known = into.owners.index
    return _Jobs(
        keys=[one.EventKey for one in events],
        owner=[known.get(f"{one.UserID}|{one.WorkflowID}", _UNKNOWN) for one in events],
        seconds=[one.Data.job_execution_duration for one in events],
        end_s=[_AT_RECORD] * len(events),
        at=at,
    )


def _complete(
    events: list[_PlainJob], jobs: _Jobs, values: list[bytes | None], chunk: Records, into: Decoded
) -> list[int]:
    """Add owners and ends; take out the events that are not plain after all, and return their positions."""
    places = {place for place, event in enumerate(events) if event.Data.completed_at}
    if _UNKNOWN in jobs.owner:
        places.update(place for place, owner in enumerate(jobs.owner) if owner == _UNKNOWN)
    places.update(place for place, at in enumerate(jobs.at) if not values[at].isascii())  # type: ignore[union-attr]
    odd = []
    for place in sorted(places, reverse=True):
        event, at = events[place], jobs.at[place]
        try:
            if event.Data.completed_at:
                jobs.end_s[place] = parse_time_s(event.Data.completed_at)
            if not values[at].isascii():  # type: ignore[union-attr]
                values[at].decode()  # type: ignore[union-attr] # bytes outside of the fields were not checked
            if jobs.owner[place] == _UNKNOWN:
                jobs.owner[place] = _owner(chunk, at, event.UserID, event.WorkflowID, into)
        except ValueError:
            odd.append(at)
            for column in jobs:
                del column[place]
    return odd


def _owner(chunk: Records, at: int, user: str, workflow: str, into: Decoded) -> int:
    """Return the owner of a valid event; the first in canonical spelling names its workflow."""
    met_before = len(into.owners.users)
    owner = into.owners.of(user, workflow)
    if is_canonical(workflow):
        workflow_id, offset = into.owners.workflows[owner], int(chunk.offsets[at])
        before = into.named.get(workflow_id)
        if offset < before.offset if before else owner == met_before:
            into.named[workflow_id] = Named(owner, int(chunk.times_ms[at]), offset)
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
    owner = _owner(chunk, at, event.user, event.workflow, into)
    if isinstance(event, Built):
        time_ms = int(chunk.times_ms[at])
        facts = into.fact(into.owners.users[owner], into.owners.workflows[owner], time_ms)
        facts.kind = max(facts.kind, (time_ms, int(chunk.offsets[at]), event.kind))
    elif isinstance(event, Estimate):
        into.skipped["estimate"] += 1
    else:
        jobs.keys.append(event.event_key)
        jobs.owner.append(owner)
        jobs.seconds.append(event.seconds)
        jobs.end_s.append(_AT_RECORD if event.ended_ns is None else event.ended_ns // NS_PER_S)
        jobs.at.append(at)


def _columns(chunk: Records, jobs: _Jobs) -> Keyed:
    at, end_s = np.array(jobs.at), np.array(jobs.end_s)
    time_ms = chunk.times_ms[at]
    keys: Keys = job_keys(jobs.keys)
    zeros = np.zeros(len(at), np.int64)
    return Keyed(
        owner=np.array(jobs.owner),
        at_s=np.where(end_s == _AT_RECORD, time_ms // 1000, end_s),
        jobs=zeros + 1,
        seconds=np.array(jobs.seconds),
        lines=zeros,
        line_bytes=zeros,
        time_ms=time_ms,
        offset=chunk.offsets[at],
        key_hi=keys.hi,
        key_lo=keys.lo,
        has_key=np.ones(len(at), bool) if all(jobs.keys) else np.array([bool(key) for key in jobs.keys]),
    )
