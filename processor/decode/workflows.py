"""Topic `workflows`: results of jobs in bulk, and now and then a step of a workflow's life."""

from typing import Annotated, Final, Literal

import msgspec

from processor.decode.careful import INT64, Lifecycle, Malformed, Unknown, read_workflows
from processor.decode.events import Decoded, Records, Rejected
from processor.decode.nesting import is_too_deep
from processor.ids import parse_id


class _PlainResult(msgspec.Struct, gc=False):
    """A result with an EventKey: nothing of it is counted yet, so it only has to be well formed."""

    EventKey: Annotated[str, msgspec.Meta(min_length=1)]
    ID: str
    UserID: str
    Action: Literal["JOB_COMPLETED", "JOB_FAILED"]
    Generation: Annotated[int, msgspec.Meta(ge=INT64[0], le=INT64[1])] | None = None
    FailureKind: str | None = None
    ErrorCode: str | None = None


_decode_result: Final = msgspec.json.Decoder(_PlainResult).decode
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def decode_workflows(chunk: Records, into: Decoded) -> None:
    """Decode records of topic `workflows`."""
    for at, record in enumerate(chunk.records):
        value = record.value() or b""
        try:
            result = _decode_result(value)
            if is_too_deep(value):
                raise ValueError("it is nested too deeply")
            parse_id(result.UserID), parse_id(result.ID)
            if not value.isascii():  # bytes outside of the fields are not checked
                value.decode()
        except _NOT_PLAIN:
            _read_carefully(chunk, at, into)


def _read_carefully(chunk: Records, at: int, into: Decoded) -> None:
    record = chunk.records[at]
    try:
        event = read_workflows(record.value())
    except Malformed as error:
        into.rejected.append(Rejected(record, error.reason))
    except Unknown:
        into.skipped["unknown"] += 1
    else:
        if isinstance(event, Lifecycle):
            _take(event, int(chunk.times_ms[at]), into)


def _take(event: Lifecycle, time_ms: int, into: Decoded) -> None:
    facts = into.fact(parse_id(event.user), parse_id(event.workflow), time_ms)
    if event.action == "DELETE":
        facts.deleted_ms = max(facts.deleted_ms, time_ms)
    elif event.action == "TERMINATE":
        facts.terminate = max(facts.terminate, (event.generation, time_ms))
    else:
        facts.build = max(facts.build, (event.generation, time_ms))
