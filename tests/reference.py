"""A second opinion: what the contract says of a list of records, in plain Python, slow on purpose.

It shares no code with the processor or the generator, keeps everything in dictionaries, and reads like the
rules. Input is the corpus format (one JSON object a line: topic, partition_key, key, value or value_b64,
timestamp_ms, headers); the answer has the shape of `*.expected.json`. Order counts within a
`partition_key` only.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from reference_values import (
    NS,
    Json,
    Malformed,
    duration_of,
    integer_of,
    parse,
    text_of,
    time_ns,
    utc_day,
    uuid_of,
    value_of,
)

HORIZON_MS = 336 * 3600 * 1000
GENERATIONS = {"BUILD": "build", "RESCHEDULE": "build", "TERMINATE": "terminate"}
RESULTS = {"JOB_COMPLETED", "JOB_FAILED"}


def load(path: Path) -> Iterator[Json]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


class Workflow:
    def __init__(self) -> None:
        self.user: UUID | None = None  # by any valid record
        self.named = False  # by a record of topic analytics in canonical spelling
        self.kind: str | None = None
        self.generation = {"build": -1, "terminate": -1}
        self.deleted = False
        self.durations: list[int] = []
        self.durations_by_status: dict[str, list[int]] = {"COMPLETED": [], "FAILED": []}
        self.completed = self.failed = self.ignored_lines = 0
        self.by_kind: Counter[str] = Counter()
        self.by_code: Counter[str] = Counter()
        self.by_way: Counter[tuple[str, str]] = Counter()  # kind and code
        self.lines: Counter[str] = Counter()

    @property
    def has_analytics(self) -> bool:
        """Lines count, too, of a workflow that topic analytics has not named yet."""
        return self.named or bool(self.lines)

    @property
    def state(self) -> str:
        if self.deleted:
            return "deleted"
        ended = self.generation["terminate"] >= max(self.generation["build"], 0)
        return "terminated" if ended else "active"


class Reference:
    """Feed records in order; `expected()` is the answer so far."""

    def __init__(self, horizon_ms: int = HORIZON_MS) -> None:
        self.horizon_ms = horizon_ms
        self.seen: dict[tuple[str, str, str], int] = {}  # → newest timestamp of the records of this EventKey
        self.workflows: defaultdict[UUID, Workflow] = defaultdict(Workflow)
        self.job_days: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(
            lambda: defaultdict(lambda: [0, 0])
        )
        self.line_days: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.malformed: list[dict[str, Json]] = []
        self.records: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()

    def feed(self, records: Iterable[Json]) -> "Reference":
        for record in records:
            self.records[record["topic"]] += 1
            if record["topic"] == "jobs":
                continue
            try:
                getattr(self, "_" + record["topic"])(record, parse(value_of(record)))
            except Malformed as error:
                line = sum(self.records.values())
                self.malformed.append({"line": line, "topic": record["topic"], "reason": str(error)})
        return self

    def _is_first(self, record: Json, event_key: str, forever: bool = False) -> bool:
        identity = (record["topic"], record["partition_key"], event_key)
        before, now = self.seen.get(identity), record["timestamp_ms"]
        self.seen[identity] = now if before is None else max(before, now)
        if before is None or (now - before > self.horizon_ms and not forever):
            return True
        self.repeats[record["topic"]] += 1
        return False

    def _analytics(self, record: Json, payload: Json) -> None:
        event_type, event_key = text_of(payload, "EventType"), text_of(payload, "EventKey")
        if event_type == "":
            raise Malformed("missing_event_type")
        if event_type not in ("WORKFLOWS", "JOBS", "LOGS"):
            self.unknown["analytics"] += 1
            return
        user_id = uuid_of(payload, "UserID", "user_id")
        workflow_id = uuid_of(payload, "WorkflowID", "workflow_id")
        data = self._data(payload)
        workflow = self.workflows[workflow_id]  # read only until the record is known to be well formed
        if event_type == "WORKFLOWS":
            kind = text_of(data, "kind")
            self._is_first(record, event_key or f"analytics:workflow:{workflow_id}", forever=True)
            workflow.kind = kind
        elif event_type == "JOBS":
            self._job(record, workflow, user_id, event_key, data)
        else:
            workflow.ignored_lines += integer_of(data, "count", 0, 2**64 - 1, "invalid_count")
        workflow.user = workflow.user or user_id
        if payload["WorkflowID"] == str(workflow_id):
            workflow.named = True

    @staticmethod
    def _data(payload: Json) -> Json:
        if "Data" not in payload:
            raise Malformed("missing_data")
        if payload["Data"] is None:
            raise Malformed("null_data")
        if not isinstance(payload["Data"], dict):
            raise Malformed("data_is_no_object")
        return payload["Data"]

    def _job(self, record: Json, workflow: Workflow, user_id: UUID, event_key: str, data: Json) -> None:
        duration_s = duration_of(data)
        completed_at = text_of(data, "completed_at")
        ended_ns = time_ns(completed_at) if completed_at else record["timestamp_ms"] * 1_000_000
        if event_key and not self._is_first(record, event_key):
            return
        workflow.durations.append(duration_s)
        if data.get("status") in ("COMPLETED", "FAILED"):
            workflow.durations_by_status[data["status"]].append(duration_s)
        day = self.job_days[str(user_id)][utc_day(ended_ns)]
        day[0] += 1
        day[1] += duration_s

    def _workflows(self, record: Json, payload: Json) -> None:
        action, event_key = text_of(payload, "Action"), text_of(payload, "EventKey")
        if action == "":
            raise Malformed("missing_action")
        if action not in (*GENERATIONS, *RESULTS, "DELETE"):
            self.unknown["workflows"] += 1
            return
        user_id, workflow_id = uuid_of(payload, "UserID", "user_id"), uuid_of(payload, "ID", "workflow_id")
        generation = integer_of(payload, "Generation", -(2**63), 2**63 - 1)
        kind, code = text_of(payload, "FailureKind"), text_of(payload, "ErrorCode")
        if action in RESULTS and not event_key:
            event_key = f"workflow:job:{uuid_of(payload, 'JobID', 'job_id')}:{action}"
        workflow = self.workflows[workflow_id]
        workflow.user = workflow.user or user_id
        if action == "DELETE":
            workflow.deleted = True
        elif action in GENERATIONS:
            side = GENERATIONS[action]
            workflow.generation[side] = max(workflow.generation[side], generation)
        elif self._is_first(record, event_key):
            self._result(workflow, action, kind, code)

    @staticmethod
    def _result(workflow: Workflow, action: str, kind: str, code: str) -> None:
        if action == "JOB_COMPLETED":
            workflow.completed += 1
            return
        workflow.failed += 1
        workflow.by_kind[kind] += 1
        workflow.by_code[code] += 1
        workflow.by_way[kind, code] += 1

    def _job_logs(self, record: Json, payload: Json) -> None:
        event_key, stream = text_of(payload, "EventKey"), text_of(payload, "Stream")
        user_id = uuid_of(payload, "UserID", "user_id")
        workflow_id = uuid_of(payload, "WorkflowID", "workflow_id")
        job_id = uuid_of(payload, "JobID", "job_id")
        if stream not in ("stdout", "stderr"):
            raise Malformed("wrong_type")
        sequence = integer_of(payload, "SequenceNum", 0, 2**32 - 1)
        line_ns, record_ns = time_ns(text_of(payload, "TimeStamp")), record["timestamp_ms"] * 1_000_000
        if not self._is_first(record, event_key or f"log:{job_id}:{stream}:{sequence}"):
            return
        workflow = self.workflows[workflow_id]
        workflow.user = workflow.user or user_id
        workflow.lines[stream] += 1
        believable = record_ns - 3600 * NS <= line_ns <= record_ns + 300 * NS
        self.line_days[str(user_id)][utc_day(line_ns if believable else record_ns)] += 1

    # --- the answer, in the shape of *.expected.json ---

    def expected(self) -> dict[str, Json]:
        known = {id_: flow for id_, flow in self.workflows.items() if flow.has_analytics}
        rest = {id_: flow for id_, flow in self.workflows.items() if not flow.has_analytics and flow.user}
        rows = [row(str(id_), flow) for id_, flow in known.items()]
        return {
            "meta": self._meta(),
            "users": users(known),
            "workflows": sorted(rows, key=lambda r: (r["user_id"], r["workflow_id"])),
            "workflows_without_analytics": sorted(
                (
                    {"user_id": str(w.user), "workflow_id": str(id_), "state": w.state}
                    for id_, w in rest.items()
                ),
                key=lambda r: (r["user_id"], r["workflow_id"]),
            ),
            "jobs_by_utc_day": {user: dict(days) for user, days in self.job_days.items()},
            "job_log_lines_by_utc_day": {user: dict(days) for user, days in self.line_days.items()},
            "duration_percentiles": percentiles(known),
            "malformed": self.malformed,
        }

    def _meta(self) -> dict[str, Json]:
        return {
            "records": sum(self.records.values()),
            "records_by_topic": dict(self.records),
            "unknown_types_by_topic": dict(self.unknown),
            "malformed_by_topic": dict(Counter(m["topic"] for m in self.malformed)),
        }


def row(workflow_id: str, workflow: Workflow) -> dict[str, Json]:
    version_7 = UUID(workflow_id).int >> 76 & 0xF == 7
    return {
        "user_id": str(workflow.user),
        "workflow_id": workflow_id,
        "total_jobs": len(workflow.durations),
        "total_joblogs": workflow.lines.total(),
        "total_job_execution_duration": sum(workflow.durations),
        "kind": workflow.kind,
        "state": workflow.state,
        "jobs_completed": workflow.completed,
        "jobs_failed": workflow.failed,
        "failures_by_kind": dict(workflow.by_kind),
        "failures_by_code": dict(workflow.by_code),
        "stdout_lines": workflow.lines["stdout"],
        "stderr_lines": workflow.lines["stderr"],
        "created_at_ms": UUID(workflow_id).int >> 80 if version_7 else None,
        "ignored_lines_of_logs_events": workflow.ignored_lines,
    }


def users(workflows: dict[UUID, Workflow]) -> dict[str, dict[str, int]]:
    totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for workflow in workflows.values():
        user = totals[str(workflow.user)]
        user["total_workflows"] += workflow.named
        user["total_jobs"] += len(workflow.durations)
        user["total_joblogs"] += workflow.lines.total()
        user["total_job_execution_duration"] += sum(workflow.durations)
    return {user: dict(columns) for user, columns in totals.items()}


def percentiles(workflows: dict[UUID, Workflow]) -> dict[str, Json]:
    by_user: defaultdict[str, list[int]] = defaultdict(list)
    for workflow in workflows.values():
        by_user[str(workflow.user)] += workflow.durations
    by_workflow = {str(id_): w.durations for id_, w in workflows.items() if len(w.durations) >= 20}
    return {
        "users": {user: nearest_rank(durations) for user, durations in by_user.items() if durations},
        "workflows": {id_: nearest_rank(durations) for id_, durations in by_workflow.items()},
    }


def nearest_rank(durations_s: list[int]) -> dict[str, int]:
    ordered, n = sorted(durations_s), len(durations_s)
    return {"jobs": n} | {f"p{p}": ordered[-(-p * n // 100) - 1] for p in (50, 95, 99)}


def totals_of(records: Iterable[Json]) -> dict[str, Json]:
    """What must be true after these records, shaped like `*.expected.json`."""
    return Reference().feed(records).expected()
