"""Topic `workflows`: results of jobs in bulk, and now and then a step of a workflow's life."""

import re
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import numpy as np

from processor.decode.careful import INT64, Lifecycle, Malformed, Result, Unknown, read_workflows
from processor.decode.events import RESULT, WAS_COMPLETED, Decoded, Failure, Keyed, Records, Rejected
from processor.decode.forms import Buffer, Pattern
from processor.decode.keys import COMPLETED_TAG, Keys, id_keys, result_key
from processor.decode.known_rows import UNKNOWN
from processor.decode.nesting import is_too_deep
from processor.ids import ID_LENGTH, Int64s, parse_id


class _PlainResult(msgspec.Struct, gc=False):
    """A result with an EventKey."""

    EventKey: Annotated[str, msgspec.Meta(min_length=1)]
    ID: str
    UserID: str
    Action: Literal["JOB_COMPLETED", "JOB_FAILED"]
    Generation: Annotated[int, msgspec.Meta(ge=INT64[0], le=INT64[1])] | None = None
    FailureKind: str | None = None
    ErrorCode: str | None = None


_COMPLETED: Final = (
    Pattern(  # as Postgres prints JSONB
        b'{"ID": "<workflow:36>", "JobID": "<again:36>", "Action": "JOB_COMPLETED", "UserID": "<user:36>", '
        b'"EventKey": "workflow:job:<job:36>:JOB_COMPLETED", "ErrorCode": "", "Generation": 0, "FailureKind": "", '
        b'"ErrorMessage": ""}'
    ),
    Pattern(  # as Go prints it
        b'{"EventKey":"workflow:job:<job:36>:JOB_COMPLETED","ID":"<workflow:36>","UserID":"<user:36>",'
        b'"Action":"JOB_COMPLETED","Generation":0,"JobID":"<again:36>","FailureKind":"","ErrorCode":"","ErrorMessage":""}'
    ),
)
"""All of a record: nothing of a completed job varies but the ids."""

_decode_result: Final = msgspec.json.Decoder(_PlainResult).decode
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_WORD: Final = re.compile(r"[\w.:/-]{0,64}", re.ASCII)
_OTHER: Final = "OTHER"  # in place of text that is no name of a kind or a code
_MOST_FAILURES: Final = 500  # ways to fail in one batch, for their names are in the statement of its insert


class _Results(NamedTuple):
    """Results of one call, in lists that grow together; `at` is the position among its records."""

    keys: list[tuple[int, int]]
    owner: list[int]
    detail: list[int]
    at: list[int]


def decode_workflows(chunk: Records, into: Decoded) -> None:
    """Decode records of topic `workflows`."""
    values = [record.value() or b"" for record in chunk.records]
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    left = np.arange(len(values))
    for pattern in _COMPLETED:
        of_length = left[lengths[left] == pattern.length]
        if len(of_length):
            taken = _take_completed(pattern, values, of_length, chunk, into)
            left = np.setdiff1d(left, taken, assume_unique=True)
    results = _Results([], [], [], [])
    for at in left.tolist():
        try:
            _take_result(_read_plain(values[at]), at, into, results)
        except _NOT_PLAIN:
            _read_carefully(chunk, at, into, results)
    if results.at:
        into.keyed.append(_keyed_results(chunk, results))


def _take_completed(
    pattern: Pattern, values: list[bytes], candidates: Int64s, chunk: Records, into: Decoded
) -> Int64s:
    """Take the completed jobs among the candidates, which have the length of this form; return which."""
    buffer = Buffer([values[at] for at in candidates.tolist()])
    found = pattern.at(buffer, buffer.starts)
    jobs = found.hole("job")
    keys, taken = id_keys(jobs, COMPLETED_TAG)
    taken &= found.matches & (jobs == found.hole("again")).all(axis=1)
    pairs = np.concatenate((found.hole("user"), found.hole("workflow")), axis=1)
    owner = into.owners.canonical.find(pairs)
    was_unknown = owner == UNKNOWN
    for place in np.flatnonzero(taken & was_unknown).tolist():
        try:
            text = pairs[place].tobytes().decode("ascii")
            owner[place] = into.owners.of(text[:ID_LENGTH], text[ID_LENGTH:])
        except ValueError:
            taken[place] = False
    new = taken & was_unknown
    into.owners.remember(pairs[new], owner[new])
    at = candidates[taken]
    if len(at):
        detail = np.full(len(at), WAS_COMPLETED, np.int64)
        into.keyed.append(_keyed(chunk, at, owner[taken], detail, Keys(keys.hi[taken], keys.lo[taken])))
    return at


def _read_plain(value: bytes) -> Result:
    """Return a result with an EventKey. Raises what is in _NOT_PLAIN for anything else."""
    found = _decode_result(value)
    if is_too_deep(value):
        raise ValueError("it is nested too deeply")
    if not value.isascii():  # bytes outside of the fields are not checked
        value.decode()
    parse_id(found.UserID), parse_id(found.ID)
    is_failure = found.Action == "JOB_FAILED"
    return Result(
        found.EventKey, found.UserID, found.ID, is_failure, found.FailureKind or "", found.ErrorCode or ""
    )


def _read_carefully(chunk: Records, at: int, into: Decoded, results: _Results) -> None:
    record = chunk.records[at]
    try:
        event = read_workflows(record.value())
    except Malformed as error:
        into.rejected.append(Rejected(record, error.reason))
    except Unknown:
        into.skipped["unknown"] += 1
    else:
        if isinstance(event, Lifecycle):
            _take_step(event, int(chunk.times_ms[at]), into)
        else:
            _take_result(event, at, into, results)


def _take_step(event: Lifecycle, time_ms: int, into: Decoded) -> None:
    facts = into.fact(parse_id(event.user), parse_id(event.workflow), time_ms)
    if event.action == "DELETE":
        facts.deleted_ms = max(facts.deleted_ms, time_ms)
    elif event.action == "TERMINATE":
        facts.terminate = max(facts.terminate, (event.generation, time_ms))
    else:
        facts.build = max(facts.build, (event.generation, time_ms))


def _take_result(event: Result, at: int, into: Decoded, results: _Results) -> None:
    results.owner.append(into.owners.of(event.user, event.workflow))
    results.keys.append(result_key(event.event_key))
    failed = (
        failure_position(event.failure_kind, event.error_code, into.failures)
        if event.is_failure
        else WAS_COMPLETED
    )
    results.detail.append(failed)
    results.at.append(at)


def failure_position(kind: str, code: str, failures: dict[Failure, int]) -> int:
    """Return the position of the way in which a job failed, plus 1; a new way is added to `failures`."""
    failure = Failure(_word(kind), _word(code))
    if failure not in failures and len(failures) >= _MOST_FAILURES:
        failure = Failure(_OTHER, _OTHER)
    return failures.setdefault(failure, len(failures)) + 1


def _word(text: str) -> str:
    """Return a name; anything else would make as many counters as a producer has messages."""
    return text if _WORD.fullmatch(text) else _OTHER


def _keyed_results(chunk: Records, results: _Results) -> Keyed:
    keys = Keys(
        np.array([hi for hi, _ in results.keys], np.uint64),
        np.array([lo for _, lo in results.keys], np.uint64),
    )
    return _keyed(chunk, np.array(results.at), np.array(results.owner), np.array(results.detail), keys)


def _keyed(chunk: Records, at: Int64s, owner: Int64s, detail: Int64s, keys: Keys) -> Keyed:
    return Keyed(
        owner=owner,
        at_s=chunk.times_ms[at] // 1000,
        event=np.full(len(at), RESULT, np.int64),
        amount=np.zeros(len(at), np.int64),
        detail=detail,
        time_ms=chunk.times_ms[at],
        offset=chunk.offsets[at],
        key_hi=keys.hi,
        key_lo=keys.lo,
        has_key=np.ones(len(at), bool),
    )
