"""One job, from its dispatch to its last log line."""

import math
from dataclasses import dataclass
from functools import partial
from random import Random

from sandbox.generate.forms import Payload, rfc3339, uuid4, uuid7
from sandbox.generate.outbox import Event, Outbox
from sandbox.generate.truth import Workflow

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_MS = 1_000_000  # nanoseconds
_LONGEST_S = 364 * 86_400
_FAILURES = (
    ("USER", "Aborted"), ("USER", "FailedPrecondition"), ("USER", "InvalidArgument"), ("USER", "NotFound"),
    ("USER", "DeadlineExceeded"), ("SYSTEM", "DeadlineExceeded"), ("SYSTEM", "Internal"),
    ("SYSTEM", "Unavailable"),
)  # fmt: skip  # kind and code: one does not follow from the other
_OFFSETS_MIN = (0, 0, 0, 0, 0, -300, 330, 345)
_WORDS = ("rows", "offset", "chunk", "batch", "page"), ("checked", "loaded", "skipped", "written", "retried")
_ODD_TEXT = (
    '<a href="/x?a=1&b=2">%d</a> && ok\u2028next\u2029para',
    "\x1b[31mERROR\x1b[0m \x1b[1mstep %d\x1b[22m failed \x1b]8;;https://example.org\x07link\x1b]8;;\x07",
    "he said \"%d\" and \\ then 'left' \\n \\u0041 C:\\temp\\14",
    "naïve café — %d ℃ 東京 Ελλάδα \u202eעִבְרִית\u202c العربية 👩‍👩‍👧‍👦 🚀 e\u0301",
    "progress   1%%\rprogress  50%%\rprogress 100%% (%d rows)",
    "tab\tseparated\tvalues\t%d\x0bvertical\ffeed\bback\x7fdel",
    "raw bytes \ufffd\ufffd\ufffd and half a rune \ufffd\ufffd in line %d",
    "nul \x00 inside, line %d",
    'Traceback (most recent call last):\n  File "etl.py", line %d, in <module>\nValueError: x\n',
    '{"EventKey":"log:x","EventType":"JOBS","Data":{"job_execution_duration":%d}}',
)
_SHORT_TEXT = ("", " ", "null", "0")


@dataclass(frozen=True, slots=True)
class Job:
    """What the simulation decides about a job before it starts. Times in Unix milliseconds."""

    id: str
    workflow: Workflow
    started_ms: int
    ended_ms: int
    duration_s: int
    failure: tuple[str, str] | None
    canceled: bool


class Jobs:
    """Runs jobs: decides, and puts all their records into the outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox, self.random, self.truth = outbox, outbox.random, outbox.truth

    def run(self, workflow: Workflow, at_ms: int) -> None:
        """Publish a job's records, all at or after `at_ms`; one of many hours started long before."""
        job = self._decide(workflow, at_ms)
        self._dispatch(job, at_ms)
        lines = self._log(job, max(job.started_ms, at_ms)) if workflow.kind == "CONTAINER" else 0
        if job.canceled:
            return
        self._publish_result(job)
        self._publish_end(job)
        if lines and self.outbox.faults and self.random.random() < 0.02:
            self._estimate_lines(job, lines)

    def _decide(self, workflow: Workflow, at_ms: int) -> Job:
        random = self.random
        duration_s, long = _duration_s(random, workflow.kind)
        started_ms = at_ms + random.randrange(20, 4000) if not long else at_ms - duration_s * 1000 + 60_000
        job_id = (
            uuid4(random) if random.random() < 0.05 else uuid7(random, started_ms - random.randrange(1, 20))
        )
        failure = random.choice(_FAILURES) if random.random() < 0.14 else None
        ended_ms = started_ms + duration_s * 1000 + random.randrange(1000)
        return Job(job_id, workflow, started_ms, ended_ms, duration_s, failure, random.random() < 0.04)

    def _dispatch(self, job: Job, at_ms: int) -> None:
        payload: Payload = {
            "EventKey": f"job:{job.id}:dispatch:1", "JobID": job.id, "WorkflowID": job.workflow.id,
            "ScheduledAt": rfc3339(job.started_ms * _MS), "DispatchAttempt": 1,
            "WorkflowGeneration": job.workflow.generation,
        }  # fmt: skip  # one event, as it is printed
        jsonb = self.random.random() < 0.88
        self.outbox.publish(at_ms, Event("jobs", job.workflow.id, payload, as_jsonb=jsonb))

    # --- the end ---

    def _publish_result(self, job: Job) -> None:
        workflow = job.workflow
        action = "JOB_FAILED" if job.failure else "JOB_COMPLETED"
        kind, code = job.failure or ("", "")
        payload: Payload = {
            "EventKey": f"workflow:job:{job.id}:{action}", "ID": workflow.id, "UserID": workflow.user_id,
            "Action": action, "Generation": 0, "JobID": job.id, "FailureKind": kind, "ErrorCode": code,
            "ErrorMessage": f"rpc error: code = {code} desc = it failed" if code else "",
        }  # fmt: skip
        truth, change = self.truth, _other_failure if job.failure else None
        failed, completed = partial(truth.failed, workflow, kind, code), partial(truth.completed, workflow)
        effect = failed if job.failure else completed
        event = Event("workflows", workflow.id, payload, effect, change, as_jsonb=self.random.random() < 0.88)
        self.outbox.publish(job.ended_ms + self.random.randrange(10, 3000), event)

    def _publish_end(self, job: Job) -> None:
        """Publish the JOBS event; newer producers say more in it, so that it may be days late."""
        random, workflow = self.random, job.workflow
        at_ms = job.ended_ms + random.randrange(10, 3000)
        data: Payload = {"job_execution_duration": job.duration_s}
        ended_ns = job.ended_ms * _MS + random.randrange(_MS)
        completed_ms = None
        if random.random() < 0.2:
            data |= _details(random, job, ended_ns)
            completed_ms = job.ended_ms if data.get("completed_at") else None
        if completed_ms and self.outbox.faults and random.random() < 0.05:
            at_ms += random.randrange(_DAY_MS, 4 * _DAY_MS)
        payload: Payload = {
            "EventKey": f"analytics:job:{job.id}:completed", "UserID": workflow.user_id,
            "WorkflowID": workflow.id, "EventType": "JOBS", "Data": data,
        }  # fmt: skip
        keyless = self.outbox.faults and random.random() < 0.02
        effect = partial(self.truth.ended, workflow, job.duration_s, completed_ms)
        event = Event(
            "analytics", workflow.id, _without_key(random, payload) if keyless else payload, effect,
            None if keyless else _other_duration, as_jsonb=random.random() < 0.88, counts_again=keyless,
        )  # fmt: skip
        self.outbox.publish(at_ms, event)

    def _estimate_lines(self, job: Job, lines: int) -> None:
        count = max(0, lines + self.random.randrange(-1, 2))
        payload: Payload = {
            "EventKey": "", "UserID": job.workflow.user_id, "WorkflowID": job.workflow.id,
            "EventType": "LOGS", "Data": {"count": count},
        }  # fmt: skip
        effect = partial(self.truth.estimated, job.workflow, count)
        event = Event(
            "analytics", job.workflow.id, _without_key(self.random, payload), effect, counts_again=True
        )
        self.outbox.publish(job.ended_ms + 3000, event)

    # --- log lines ---

    def _log(self, job: Job, from_ms: int) -> int:
        """Publish the lines of every attempt, spread over the time that is left; return how many."""
        random, total = self.random, 0
        attempts = 1 if random.random() < 0.95 else random.randrange(2, 4)
        step_ms = max(job.ended_ms - from_ms, 1) / attempts
        retention = random.random() < 0.8
        for attempt in range(1, attempts + 1):
            lines = min(400, int(random.lognormvariate(1.15, 1.15)))
            self._log_attempt(job, attempt, lines, from_ms + int(step_ms * (attempt - 1)), step_ms, retention)
            total += lines
        return total

    def _log_attempt(
        self, job: Job, attempt: int, lines: int, from_ms: int, within_ms: float, retention: bool
    ) -> None:
        random, sequence = self.random, {"stdout": 0, "stderr": 0}
        keyless = self.outbox.faults and attempt == 1 and random.random() < 0.03
        one_stream = "stderr" if random.random() < 0.1 else "stdout" if random.random() < 0.5 else None
        offset_min, prefix = random.choice(_OFFSETS_MIN), "" if attempt == 1 else f"attempt:{attempt}:"
        for index in range(lines):
            stream = one_stream or ("stderr" if random.random() < 0.35 else "stdout")
            number = sequence[stream]
            sequence[stream] = number + 1
            payload: Payload = {
                "EventKey": f"log:{job.id}:{prefix}{stream}:{number}", "JobID": job.id,
                "WorkflowID": job.workflow.id, "UserID": job.workflow.user_id, "Message": _text(random),
                "TimeStamp": "", "SequenceNum": number, "Stream": stream,
                "Retention": retention, "LivePublished": retention,
            }  # fmt: skip
            if keyless:
                payload = _without_key(random, payload)
            self._publish_line(job.workflow, payload, from_ms + int(within_ms * index / lines), offset_min)

    def _publish_line(self, workflow: Workflow, payload: Payload, line_ms: int, offset_min: int) -> None:
        """Publish a line: at once, or so late or with so wrong a clock that its time cannot be believed."""
        random = self.random
        chance = random.random() if self.outbox.faults else 1.0
        at_ms, said_ms = line_ms + random.randrange(20, 2000), line_ms
        if chance < 0.01:
            said_ms = line_ms + random.randrange(_DAY_MS, 300 * _DAY_MS)
        elif chance < 0.03:
            at_ms = line_ms + random.randrange(2 * _HOUR_MS, 10 * _HOUR_MS)
        believed_ms = line_ms if chance >= 0.03 else None
        digits = random.choice((1, 1000, _MS, 1_000_000_000))  # nanoseconds of the clock
        said_ns = said_ms * _MS + random.randrange(_MS)
        payload["TimeStamp"] = rfc3339(said_ns - said_ns % digits, offset_min)
        effect = partial(self.truth.logged, workflow, payload["Stream"], believed_ms)
        event = Event("job_logs", payload["JobID"], payload, effect, _other_line, other_form=False)
        self.outbox.publish(at_ms, event)


def _duration_s(random: Random, kind: str) -> tuple[int, bool]:
    """Return a duration in seconds, and whether it is one of more than a day."""
    chance = random.random()
    if chance < 0.003:
        return int(math.exp(random.uniform(math.log(26 * 3600), math.log(_LONGEST_S)))), True
    if chance < 0.3:
        return 0, False
    if kind == "HEARTBEAT":
        return random.randrange(9), False
    return min(5 * 3600, int(random.lognormvariate(4.0, 1.5))), False


def _details(random: Random, job: Job, ended_ns: int) -> Payload:
    """Return what newer producers add to JOBS, each field optional."""
    details: Payload = {
        "job_id": job.id, "status": "FAILED" if job.failure else "COMPLETED", "kind": job.workflow.kind,
        "trigger": "MANUAL" if random.random() < 0.08 else "AUTOMATIC",
        "started_at": rfc3339(job.started_ms * _MS), "completed_at": rfc3339(ended_ns),
        "job_execution_duration_ms": job.duration_s * 1000 + 7,
    }  # fmt: skip
    if job.failure:
        details |= {"failure_kind": job.failure[0], "error_code": job.failure[1]}
    if random.random() < 0.1:
        details |= {"labels": {"team": "a", "job_execution_duration": 5}, "retry_count": 0}
    if random.random() < 0.05:
        details["completed_at"] = None
    del details[random.choice(tuple(details))]
    return details


def _without_key(random: Random, payload: Payload) -> Payload:
    """Return the payload of an older producer: its EventKey is empty, or it does not know the field."""
    if random.random() < 0.5:
        return payload | {"EventKey": ""}
    return {name: value for name, value in payload.items() if name not in ("EventKey", "LivePublished")}


def _other_failure(random: Random, payload: Payload) -> Payload:
    kind, code = random.choice(_FAILURES)
    return payload | {"FailureKind": kind, "ErrorCode": code}


def _other_duration(random: Random, payload: Payload) -> Payload:
    """Another duration and another end under the same EventKey."""
    data = payload["Data"] | {
        "job_execution_duration": random.randrange(90_000),
        "completed_at": "2024-02-29T12:00:00Z",
    }
    return payload | {"Data": data}


def _other_line(random: Random, payload: Payload) -> Payload:
    """The same line as a replay sends it: with its EventKey, another text, and another time."""
    job_id, stream, number = payload["JobID"], payload["Stream"], payload["SequenceNum"]
    key = payload.get("EventKey") or f"log:{job_id}:{stream}:{number}"
    time = "2024-02-29T12:00:00.5+05:30" if random.random() < 0.5 else payload["TimeStamp"]
    return payload | {
        "EventKey": key, "Message": "again: " + payload["Message"], "TimeStamp": time, "LivePublished": False
    }  # fmt: skip


def _text(random: Random) -> str:
    chance = random.random()
    if chance < 0.8:
        noun, verb = random.choice(_WORDS[0]), random.choice(_WORDS[1])
        level = ("INFO", "INFO", "WARN", "DEBUG")[int(chance * 5)]
        return f"{level} {noun}={int(chance * 1e8) % 100_000} {verb} in {int(chance * 1e9) % 4000}ms"
    if chance < 0.975:
        return random.choice(_ODD_TEXT) % random.randrange(100_000)
    if chance < 0.998:
        return random.choice(_SHORT_TEXT)
    return f"long line {'x' * random.randrange(1000, 32_000)}"
