"""Records read field by field, as the contract says: slow, complete, and the source of every reason.

The fast decoders take the common forms and hand everything else to these functions; what they accept must come
out of here the same. Types are those of Chronoverse's Go programs: null and absent are the zero value, integers
are written as integers. Only fields that are needed are checked.
"""

from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from processor.decode.nesting import is_too_deep
from processor.decode.times import parse_time_ns
from processor.ids import parse_id

LONGEST_JOB_S: Final = 366 * 86_400
UINT32_MAX: Final = 2**32 - 1
UINT64_MAX: Final = 2**64 - 1
INT64: Final = (-(2**63), 2**63 - 1)
STREAMS: Final = ("stdout", "stderr")

_GENERATIONS: Final = ("BUILD", "RESCHEDULE", "TERMINATE")
_RESULTS: Final = ("JOB_COMPLETED", "JOB_FAILED")

Payload = dict[str, msgspec.Raw]
_decode_fields: Final = msgspec.json.Decoder(Payload).decode


class Malformed(Exception):
    """The record belongs to the dead-letter topic; the argument is the reason, a word from a fixed set."""

    @property
    def reason(self) -> str:
        """The reason, in lower snake case."""
        return str(self.args[0])


class Unknown(Exception):
    """The record is of a type that this program does not know: skipped, for producers may be newer."""


class Job(NamedTuple):
    """A finished job. `ended_ns` None: at the time of its record. `status`: as sent; empty when there is none."""

    event_key: str
    user: str
    workflow: str
    seconds: int
    ended_ns: int | None
    status: str


class Built(NamedTuple):
    """A workflow was built (event type WORKFLOWS)."""

    user: str
    workflow: str
    kind: str


class Estimate(NamedTuple):
    """An old producer's estimate of log lines (event type LOGS), which is never added."""

    user: str
    workflow: str


class Lifecycle(NamedTuple):
    """A workflow was built, rescheduled, terminated or deleted."""

    user: str
    workflow: str
    action: str
    generation: int


class Result(NamedTuple):
    """A job completed, or failed in the way that the last two fields tell."""

    event_key: str
    user: str
    workflow: str
    is_failure: bool
    failure_kind: str
    error_code: str


class Line(NamedTuple):
    """A log line."""

    event_key: str
    user: str
    workflow: str
    job: str
    stream: str
    sequence: int
    time: str
    message_bytes: int


def read_analytics(value: bytes | None) -> Job | Built | Estimate:
    """Return the event of a record of topic `analytics`. Raises Malformed or Unknown."""
    payload = _object(value)
    event_key, event_type = _text(payload, "EventKey"), _text(payload, "EventType")
    if not event_type:
        raise Malformed("missing_event_type")
    if event_type not in ("WORKFLOWS", "JOBS", "LOGS"):
        raise Unknown(event_type)
    user, workflow = _id(payload, "UserID", "user_id"), _id(payload, "WorkflowID", "workflow_id")
    data = _data(payload)
    if event_type == "WORKFLOWS":
        return Built(user, workflow, _text(data, "kind"))
    if event_type == "LOGS":
        _integer(data, "count", 0, UINT64_MAX, "invalid_count")
        return Estimate(user, workflow)
    completed_at = _text(data, "completed_at")
    ended_ns = _time_ns(completed_at) if completed_at else None
    return Job(event_key, user, workflow, _seconds(data), ended_ns, _status(data))


def read_workflows(value: bytes | None) -> Lifecycle | Result:
    """Return the event of a record of topic `workflows`. Raises Malformed or Unknown."""
    payload = _object(value)
    event_key, action = _text(payload, "EventKey"), _text(payload, "Action")
    if not action:
        raise Malformed("missing_action")
    if action not in (*_GENERATIONS, *_RESULTS, "DELETE"):
        raise Unknown(action)
    user, workflow = _id(payload, "UserID", "user_id"), _id(payload, "ID", "workflow_id")
    generation = _integer(payload, "Generation", *INT64)
    kind, code = _text(payload, "FailureKind"), _text(payload, "ErrorCode")
    if action not in _RESULTS:
        return Lifecycle(user, workflow, action, generation)
    if not event_key:
        job = UUID(int=parse_id(_id(payload, "JobID", "job_id")))
        event_key = f"workflow:job:{job}:{action}"
    return Result(event_key, user, workflow, action == "JOB_FAILED", kind, code)


def read_job_logs(value: bytes | None) -> Line:
    """Return the event of a record of topic `job_logs`. Raises Malformed."""
    payload = _object(value)
    event_key, stream = _text(payload, "EventKey"), _text(payload, "Stream")
    user, workflow = _id(payload, "UserID", "user_id"), _id(payload, "WorkflowID", "workflow_id")
    job = _id(payload, "JobID", "job_id")
    if stream not in STREAMS:
        raise Malformed("invalid_stream")
    sequence = _integer(payload, "SequenceNum", 0, UINT32_MAX)
    time = _text(payload, "TimeStamp")
    _time_ns(time)
    message = _text(payload, "Message")
    return Line(event_key, user, workflow, job, stream, sequence, time, len(message.encode()))


def _object(value: bytes | None) -> Payload:
    """Return the fields, each still as it is written: what nobody needs is not decoded."""
    if value is None:
        raise Malformed("null_value")
    if not value:
        raise Malformed("empty_value")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise Malformed("invalid_utf8") from None
    if is_too_deep(value):
        raise Malformed("deep_nesting")
    try:
        return _decode_fields(value)
    except msgspec.ValidationError:
        raise Malformed("not_an_object") from None
    except msgspec.MsgspecError:
        raise Malformed("not_json") from None


def _field(payload: Payload, name: str) -> object:
    """Return the value of a field; None when it is absent."""
    raw = payload.get(name)
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except msgspec.MsgspecError:  # a number beyond every type
        raise Malformed("wrong_type") from None


def _data(payload: Payload) -> Payload:
    if "Data" not in payload:
        raise Malformed("missing_data")
    try:
        return _decode_fields(payload["Data"])
    except msgspec.ValidationError:
        null = bytes(payload["Data"]).strip() == b"null"
        raise Malformed("null_data" if null else "data_is_no_object") from None


def _id(payload: Payload, field: str, name: str) -> str:
    text = _field(payload, field)
    if text is None or text == "":
        raise Malformed(f"missing_{name}")
    if not isinstance(text, str):
        raise Malformed("wrong_type")
    try:
        parse_id(text)
    except ValueError:
        raise Malformed(f"invalid_{name}") from None
    return text


def _text(payload: Payload, field: str) -> str:
    text = _field(payload, field)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise Malformed("wrong_type")
    return text


def _integer(payload: Payload, field: str, low: int, high: int, reason: str = "wrong_type") -> int:
    number = _field(payload, field)
    if number is None:
        return 0
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise Malformed(reason)
    return number


def _seconds(data: Payload) -> int:
    if _field(data, "job_execution_duration") is None:
        raise Malformed("missing_duration")
    seconds = _integer(data, "job_execution_duration", *INT64, reason="invalid_duration")
    if seconds < 0:
        raise Malformed("negative_duration")
    if seconds > LONGEST_JOB_S:
        raise Malformed("absurd_duration")
    return seconds


def _status(data: Payload) -> str:
    """Return what a later producer may add. Nothing depends on it, so that of a wrong type is none, and no fault."""
    try:
        return _text(data, "status")
    except Malformed:
        return ""


def _time_ns(text: str) -> int:
    try:
        return parse_time_ns(text)
    except ValueError:
        raise Malformed("invalid_time") from None
