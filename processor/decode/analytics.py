"""Topic `analytics`: finished jobs in bulk, and now and then a workflow that was built."""

from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np

from processor.decode.careful import LONGEST_JOB_S, Built, Estimate, Job, Malformed, Unknown, read_analytics
from processor.decode.events import (
    COMPLETED,
    FAILED,
    JOB,
    NO_STATUS,
    Bools,
    Decoded,
    Keyed,
    Named,
    Records,
    Rejected,
)
from processor.decode.forms import Buffer, Octets, Pattern, numbers
from processor.decode.keys import Keys, id_keys, job_keys
from processor.decode.known_rows import UNKNOWN
from processor.decode.nesting import DEEPEST, is_too_deep
from processor.decode.times import NS_PER_S, parse_time_s
from processor.ids import ID_LENGTH, Int64s, is_canonical


class _Data(msgspec.Struct, gc=False):
    job_execution_duration: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_JOB_S)]
    completed_at: str | None = None
    status: str | None = None


class _Form(NamedTuple):
    """How a producer prints a JOBS event: fixed bytes with the ids before or behind the object `Data`.

    `seconds` is how an object begins that has nothing but them.
    """

    before: Pattern
    seconds: Pattern
    behind: Pattern
    ids_are_before: bool


_FORMS: Final = (
    _Form(  # as Postgres prints JSONB
        Pattern(b'{"Data": '),
        Pattern(b'{"job_execution_duration": '),
        Pattern(
            b', "UserID": "<user:36>", "EventKey": "analytics:job:<job:36>:completed", '
            b'"EventType": "JOBS", "WorkflowID": "<workflow:36>"}'
        ),
        ids_are_before=False,
    ),
    _Form(  # as Go prints it
        Pattern(
            b'{"EventKey":"analytics:job:<job:36>:completed","UserID":"<user:36>","WorkflowID":"<workflow:36>",'
            b'"EventType":"JOBS","Data":'
        ),
        Pattern(b'{"job_execution_duration":'),
        Pattern(b"}"),
        ids_are_before=True,
    ),
)

_decode_data: Final = msgspec.json.Decoder(_Data).decode
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_AT_RECORD: Final = -(2**62)  # in place of an end: the event does not say when it ended
_BRACE: Final = ord("}")
_STATUS: Final = MappingProxyType({"COMPLETED": COMPLETED, "FAILED": FAILED})


class _What(NamedTuple):
    """What the objects `Data` of some jobs say."""

    seconds: Int64s
    end_s: Int64s  # or _AT_RECORD
    status: Int64s


class _Jobs(NamedTuple):
    """Jobs of one call, in lists that grow together; `at` is the position among its records."""

    keys: list[str]
    owner: list[int]
    seconds: list[int]
    end_s: list[int]
    status: list[int]
    at: list[int]


def decode_analytics(chunk: Records, into: Decoded) -> None:
    """Decode records of topic `analytics`.

    Nearly all of them are jobs in one of two forms, which are taken in bulk; the others are read carefully.
    """
    values = [record.value() or b"" for record in chunk.records]
    left, owners_before = list(range(len(values))), len(into.owners.users)
    for form in _FORMS:
        if left:
            left = _take_form(form, values, left, owners_before, chunk, into)
    jobs = _Jobs([], [], [], [], [], [])
    for at in left:
        _read_carefully(chunk, at, into, jobs)
    if jobs.keys:
        into.keyed.append(_keyed(chunk, jobs))


def _take_form(
    form: _Form, values: list[bytes], candidates: list[int], owners_before: int, chunk: Records, into: Decoded
) -> list[int]:
    """Take the jobs among the candidates that have this form; return the other ones."""
    buffer = Buffer(values if len(candidates) == len(values) else [values[at] for at in candidates])
    before = form.before.at(buffer, buffer.starts)
    behind = form.behind.at(buffer, buffer.ends - form.behind.length)
    ids = before if form.ids_are_before else behind
    keys, taken = id_keys(ids.hole("job"))
    taken &= before.matches & behind.matches
    taken &= buffer.ends - buffer.starts > form.before.length + form.behind.length
    positions = np.array(candidates)
    what = _what(form, buffer, taken)
    pairs = np.concatenate((ids.hole("user"), ids.hole("workflow")), axis=1)
    owner = _owners_of(pairs, taken, owners_before, chunk, positions, into)
    if taken.any():
        taken_keys = Keys(keys.hi[taken], keys.lo[taken])
        taken_what = _What(*(column[taken] for column in what))
        into.keyed.append(_columns(chunk, positions[taken], owner[taken], taken_what, taken_keys))
    left: list[int] = positions[~taken].tolist()
    return left


def _what(form: _Form, buffer: Buffer, taken: Bools) -> _What:
    """Return what jobs say; those whose object `Data` is not what is needed are no longer taken."""
    starts, ends = buffer.starts + form.before.length, buffer.ends - form.behind.length
    found, _, plain = numbers(buffer, starts + form.seconds.length, ends - 1)
    plain &= form.seconds.at(buffer, starts).matches & (buffer.octets[ends - 1] == _BRACE)
    plain &= found <= LONGEST_JOB_S
    what = _What(found.astype(np.int64), np.full(len(starts), _AT_RECORD), np.full(len(starts), NO_STATUS))
    _read_objects(buffer.joined, starts, ends, np.flatnonzero(taken & ~plain), what, taken)
    return what


def _read_objects(
    joined: bytes, starts: Int64s, ends: Int64s, places: Int64s, what: _What, taken: Bools
) -> None:
    """Read the objects at these places one by one."""
    read, rows = [], []
    for place, start, end in zip(
        places.tolist(), starts[places].tolist(), ends[places].tolist(), strict=True
    ):
        try:
            rows.append(_read_data(joined[start:end]))
        except _NOT_PLAIN:
            taken[place] = False
        else:
            read.append(place)
    if read:
        for column, values in zip(what, zip(*rows, strict=True), strict=True):
            column[read] = values


def _owners_of(
    pairs: Octets, taken: Bools, owners_before: int, chunk: Records, positions: Int64s, into: Decoded
) -> Int64s:
    """Return the owners of events; those of no valid ids are no longer taken.

    An owner that is new in this call may have to be named by an earlier record than the one that it was met at.
    """
    owner = into.owners.canonical.find(pairs)
    was_unknown = owner == UNKNOWN
    for place in np.flatnonzero(taken & (was_unknown | (owner >= owners_before))).tolist():
        try:
            text = pairs[place].tobytes().decode("ascii")
            owner[place] = _owner(chunk, int(positions[place]), text[:ID_LENGTH], text[ID_LENGTH:], into)
        except ValueError:
            taken[place] = False
    new = taken & was_unknown
    into.owners.remember(pairs[new], owner[new])
    return owner


def _read_data(data: bytes) -> tuple[int, int, int]:
    """Return seconds, end and status of an object `Data`. Raises msgspec.MsgspecError or ValueError."""
    fields = _decode_data(data)
    if len(data) >= DEEPEST and is_too_deep(b"{" + data):
        raise ValueError("it is nested too deeply")
    if not data.isascii():
        data.decode()  # bytes of fields that are not needed were not checked
    end_s = parse_time_s(fields.completed_at) if fields.completed_at else _AT_RECORD
    return fields.job_execution_duration, end_s, _status(fields.status)


def _status(text: str | None) -> int:
    return _STATUS.get(text or "", NO_STATUS)


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
        jobs.status.append(_status(event.status))
        jobs.at.append(at)


def _keyed(chunk: Records, jobs: _Jobs) -> Keyed:
    what = _What(np.array(jobs.seconds), np.array(jobs.end_s), np.array(jobs.status))
    keyed = _columns(chunk, np.array(jobs.at), np.array(jobs.owner), what, job_keys(jobs.keys))
    return keyed._replace(has_key=np.array([bool(key) for key in jobs.keys]))


def _columns(chunk: Records, at: Int64s, owner: Int64s, what: _What, keys: Keys) -> Keyed:
    time_ms = chunk.times_ms[at]
    return Keyed(
        owner=owner,
        at_s=np.where(what.end_s == _AT_RECORD, time_ms // 1000, what.end_s),
        event=np.full(len(at), JOB),
        amount=what.seconds,
        detail=what.status,
        time_ms=time_ms,
        offset=chunk.offsets[at],
        key_hi=keys.hi,
        key_lo=keys.lo,
        has_key=np.ones(len(at), bool),
    )
