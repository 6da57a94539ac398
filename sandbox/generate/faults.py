"""Records that are no events: malformed ones, each for one reason, and ones of unknown types.

Each names a job of its own, so that it never uses up the EventKey of a real event. Reasons are the corpus's
words; those that the corpus does not have follow the contract.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from sandbox.generate.forms import Payload, go_json, jsonb, rfc3339, uuid7
from sandbox.generate.outbox import Event, Outbox
from sandbox.generate.truth import Workflow

Spoil = Callable[[Random, Payload], Payload | bytes | None]  # a payload to print, or the value itself

_MALFORMED_A_JOB = 0.033
_UNKNOWN_A_JOB = 0.02
_GHOSTLY = 0.1
_ALL = ("analytics", "workflows", "job_logs")
_WORKFLOW_FIELD = {"analytics": "WorkflowID", "workflows": "ID", "job_logs": "WorkflowID"}
_TYPE_FIELD = {"analytics": "EventType", "workflows": "Action", "job_logs": "Stream"}
_UNKNOWN_TYPES = {
    "analytics": ("BILLING", "JOBS_V2", "JOB_STARTED", "NOTIFICATIONS"),
    "workflows": ("ARCHIVE", "JOB_CANCELED", "PAUSE", "RESUME"),
}
_NO_UUIDS = (
    "12345", "not-a-uuid", "undefined", "me@example.org", "0190f1a2-3b4c-7d5e-8f60-123456789ab",
    "0190f1a2-3b4c-7d5e-8f60-123456789abg", "workflow:0190f1a2-3b4c-7d5e-8f60-123456789abc",
    "0190f1a23b4c7d5e8f60123456789abc", "{0190f1a2-3b4c-7d5e-8f60-123456789abc}",
    "urn:uuid:0190f1a2-3b4c-7d5e-8f60-123456789abc", "0190f1a2-3b4c-7d5e-8f60-123456789abc ",
)  # fmt: skip  # a list of words
_NIL = "00000000-0000-0000-0000-000000000000"
_NO_JSON = (
    b"<html><body><h1>502 Bad Gateway</h1></body></html>\n", b"connection reset by peer", b"   \n\t ",
    b'{EventKey: "x"}',
)  # fmt: skip
_NO_OBJECTS = (b"[]", b"42", b"true", b'"JOBS"', b"null")
_BAD_TIMES = (
    "",
    "yesterday",
    "2025-13-01T00:00:00Z",
    "2025-03-01 00:00:00Z",
    "2025-03-01T00:00:00",
    "1740787200",
)


class Faults:
    """Puts faulty records into the outbox, beside the jobs."""

    def __init__(self, outbox: Outbox, ghost_id: str) -> None:
        self.outbox, self.random, self.ghost_id = outbox, outbox.random, ghost_id

    def maybe(self, workflow: Workflow, at_ms: int) -> None:
        """Leave a faulty record of this workflow: one in 200 records malformed, half as many unknown."""
        if self.random.random() < _MALFORMED_A_JOB:
            self._publish_malformed(workflow, at_ms)
        if self.random.random() < _UNKNOWN_A_JOB:
            self._publish_unknown(workflow, at_ms)

    def _publish_malformed(self, workflow: Workflow, at_ms: int) -> None:
        topic = self.random.choice(_ALL)
        reason, spoil = self.random.choice(_MALFORMED[topic])
        payload = self._template(topic, workflow, at_ms)
        spoiled = spoil(self.random, payload)
        if isinstance(spoiled, dict):
            as_jsonb = self.random.random() < 0.5 and topic != "job_logs"
            spoiled = jsonb(spoiled) if as_jsonb else go_json(spoiled)
        key = payload["JobID"] if topic == "job_logs" else workflow.id
        self.outbox.publish_value(
            at_ms, topic, key, spoiled, partial(self.outbox.truth.refused, topic, reason)
        )

    def _publish_unknown(self, workflow: Workflow, at_ms: int) -> None:
        topic = self.random.choice(tuple(_UNKNOWN_TYPES))
        payload = self._template(topic, workflow, at_ms)
        payload[_TYPE_FIELD[topic]] = self.random.choice(_UNKNOWN_TYPES[topic])
        effect = partial(self.outbox.truth.skipped, topic)
        event = Event(
            topic, workflow.id, payload, effect, as_jsonb=self.random.random() < 0.5, counts_again=True
        )
        self.outbox.publish(at_ms, event)

    def _template(self, topic: str, workflow: Workflow, at_ms: int) -> Payload:
        """Return a valid event of a job that exists nowhere else."""
        job_id = uuid7(self.random, at_ms)
        user_id = self.ghost_id if self.random.random() < _GHOSTLY else workflow.user_id
        if topic == "analytics":
            return {
                "EventKey": f"analytics:job:{job_id}:completed", "UserID": user_id, "WorkflowID": workflow.id,
                "EventType": "JOBS", "Data": {"job_execution_duration": self.random.randrange(1, 900)},
            }  # fmt: skip  # one event, as it is printed
        if topic == "workflows":
            return {
                "EventKey": f"workflow:job:{job_id}:JOB_COMPLETED", "ID": workflow.id, "UserID": user_id,
                "Action": "JOB_COMPLETED", "Generation": 0, "JobID": job_id,
                "FailureKind": "", "ErrorCode": "", "ErrorMessage": "",
            }  # fmt: skip
        return {
            "EventKey": f"log:{job_id}:stdout:7", "JobID": job_id, "WorkflowID": workflow.id,
            "UserID": user_id, "Message": "héllo 世界", "TimeStamp": rfc3339(at_ms * 1_000_000),
            "SequenceNum": 7, "Stream": "stdout", "Retention": True, "LivePublished": False,
        }  # fmt: skip


# --- ways to spoil a record ---


def _set(field: str, *values: object) -> Spoil:
    return lambda random, payload: payload | {field: random.choice(values)}


def _data(**choices: tuple[object, ...]) -> Spoil:
    return lambda random, payload: payload | {"Data": {n: random.choice(v) for n, v in choices.items()}}


def _event(event_type: str, spoil: Spoil) -> Spoil:
    return lambda random, payload: spoil(random, payload | {"EventType": event_type, "EventKey": ""})


def _missing(field: str) -> Spoil:
    def spoil(random: Random, payload: Payload) -> Payload:
        chance = random.random()
        if chance < 0.5:
            return {name: value for name, value in payload.items() if name != field}
        return payload | {field: None if chance < 0.75 else ""}

    return spoil


def _number(text: str) -> Spoil:
    """A duration that no JSON library prints: put in afterwards."""
    return lambda _, payload: go_json(payload | {"Data": {"job_execution_duration": 87654321}}).replace(
        b"87654321", text.encode()
    )


def _not_utf8(random: Random, payload: Payload) -> bytes:
    text = go_json(payload)
    chance = random.random()
    if chance < 0.3:
        return b"\xff" + text
    bad = b"\xc3(" if chance < 0.65 else b"\xff\xfe"
    field = random.choice(("UserID", "Message")) if "Message" in payload else "UserID"
    at = text.index(field.encode()) + len(field) + 5
    return text[:at] + bad + text[at + 2 :]


def _not_json(random: Random, payload: Payload) -> bytes:
    text = go_json(payload)
    return random.choice(
        (*_NO_JSON, text.replace(b'"', b"'"), text[:-1] + b",}", text + b"garbage", text + b"}", text + text)
    )


def _no_object(random: Random, payload: Payload) -> bytes:
    text = go_json(payload)
    quoted = b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return random.choice((*_NO_OBJECTS, b"[" + text + b"]", quoted))


def _truncated(random: Random, payload: Payload) -> bytes:
    text = go_json(payload)
    return text[: random.randrange(5, len(text) - 1)]


def _nested(random: Random, payload: Payload) -> bytes:
    depth = random.choice((1200, 5000, 12000))
    text = go_json(payload | {"UserID": 87654321})
    return text.replace(b"87654321", b"[" * depth + b"]" * depth)


def _everywhere(topic: str) -> list[tuple[str, Spoil]]:
    workflow, type_ = _WORKFLOW_FIELD[topic], _TYPE_FIELD[topic]
    return [
        ("missing_user_id", _missing("UserID")),
        ("missing_workflow_id", _missing(workflow)),
        ("missing_type", _missing(type_)),
        ("invalid_user_id", _set("UserID", *_NO_UUIDS)),
        ("invalid_workflow_id", _set(workflow, *_NO_UUIDS)),
        ("nil_id", _set("UserID", _NIL)),
        ("nil_id", _set(workflow, _NIL)),
        ("wrong_type", _set("UserID", 42, True, ["x"], {"id": "x"})),
        ("wrong_type", _set(workflow, 7, False, ["x"])),
        ("wrong_type", _set(type_, 1, ["JOBS"])),
        ("wrong_type", _set("EventKey", 12345)),
        ("not_json", _not_json),
        ("not_an_object", _no_object),
        ("truncated_json", _truncated),
        ("invalid_utf8", _not_utf8),
        ("deep_nesting", _nested),
        ("empty_value", lambda _random, _payload: b""),
        ("null_value", lambda _random, _payload: None),
    ]


_NO_DATA: tuple[object, ...] = (17, True, [{"kind": "CONTAINER"}], '{"job_execution_duration":3}')
_MALFORMED: dict[str, list[tuple[str, Spoil]]] = {
    "analytics": [
        *_everywhere("analytics"),
        *(("null_data", _event(type_, _set("Data", None))) for type_ in ("JOBS", "WORKFLOWS", "LOGS")),
        *(("data_is_no_object", _event(t, _set("Data", *_NO_DATA))) for t in ("JOBS", "WORKFLOWS", "LOGS")),
        ("absurd_duration", _data(job_execution_duration=(34_560_000, 1_700_000_000_000, 2**64 - 1))),
        ("negative_duration", _data(job_execution_duration=(-1, -3600, -(2**63)))),
        ("fractional_duration", _data(job_execution_duration=(12.5, 0.25, 59.999))),
        ("duration_is_string", _data(job_execution_duration=("1m", "42", ""))),
        ("invalid_count", _event("LOGS", _data(count=(1.5, "3", -1, -250)))),
        *(("duration_not_a_number", _number(text)) for text in ("NaN", "Infinity", "-Infinity")),
        *(("number_beyond_uint64", _number(text)) for text in ("18446744073709551616", "1" + 300 * "0")),
        *(("fractional_duration", _number(text)) for text in ("12.0", "1e3")),
    ],
    "workflows": [
        *_everywhere("workflows"),
        ("generation_beyond_int64", lambda _, payload: payload | {"Action": "BUILD", "Generation": 2**63}),
        ("wrong_type", lambda _, payload: payload | {"Action": "TERMINATE", "Generation": "9"}),
    ],
    "job_logs": [
        *_everywhere("job_logs"),
        ("missing_job_id", _missing("JobID")),
        ("invalid_job_id", _set("JobID", *_NO_UUIDS)),
        ("unknown_stream", _set("Stream", "stdin", "STDOUT")),
        ("invalid_time", _set("TimeStamp", *_BAD_TIMES)),
        ("sequence_beyond_uint32", _set("SequenceNum", -1, 2**32, 7.5, "7")),
    ],
}  # fmt: skip  # a table reads better in rows
