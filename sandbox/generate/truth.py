"""What is true of the generated world: kept by the simulation while it publishes, never read from records.

Each method takes the record's timestamp last, because the simulation calls it at the moment of publication;
most do not need it. An event that is published again does not come here a second time: whoever publishes
knows that it is a repeat.
"""

from array import array
from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from sandbox.generate.forms import utc_day

_DAY_MS = 86_400_000
_ENOUGH_JOBS_FOR_PERCENTILES = 20


class Workflow:
    """One workflow: what the simulation decides with, and what became of it in public."""

    __slots__ = (
        "active", "by_code", "by_kind", "completed", "durations_s", "failed", "generation", "id",
        "ignored_lines", "kind", "lines", "named", "public", "public_kind", "state", "user_id",
    )  # fmt: skip  # sixteen lines of one word each would hide that this is one record

    def __init__(self, workflow_id: str, user_id: str, kind: str) -> None:
        self.id = workflow_id
        self.user_id = user_id
        self.kind = kind
        self.active = True  # may get jobs
        self.generation = 1
        self.public = False  # some valid record names it
        self.named = False  # a record of topic analytics in canonical spelling names it
        self.public_kind: str | None = None
        self.state = "active"
        self.durations_s = array("Q")
        self.completed = self.failed = self.ignored_lines = 0
        self.by_kind: Counter[str] = Counter()
        self.by_code: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()

    @property
    def has_analytics(self) -> bool:
        """Lines count, too, of a workflow that topic analytics has not named yet."""
        return self.named or bool(self.lines)

    def totals(self) -> dict[str, Any]:
        """Return the workflow's entry of `*.expected.json`."""
        number = UUID(self.id).int
        return {
            "user_id": self.user_id,
            "workflow_id": self.id,
            "total_jobs": len(self.durations_s),
            "total_joblogs": self.lines.total(),
            "total_job_execution_duration": sum(self.durations_s),
            "kind": self.public_kind,
            "state": self.state,
            "jobs_completed": self.completed,
            "jobs_failed": self.failed,
            "failures_by_kind": dict(self.by_kind),
            "failures_by_code": dict(self.by_code),
            "stdout_lines": self.lines["stdout"],
            "stderr_lines": self.lines["stderr"],
            "created_at_ms": number >> 80 if number >> 76 & 0xF == 7 else None,
            "ignored_lines_of_logs_events": self.ignored_lines,
        }


class Truth:
    """Totals of everything published so far. `expected()` may be asked at any time."""

    def __init__(self, ghost_id: str) -> None:
        self.ghost_id = ghost_id  # the user without valid events
        self.workflows: list[Workflow] = []  # that some valid record names
        self.records: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.malformed: list[tuple[int, str, str]] = []  # line, topic, reason
        self.with_headers = 0
        self._published = 0
        self._job_days: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(
            lambda: defaultdict(lambda: [0, 0])
        )
        self._line_days: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def published(self, topic: str, has_headers: bool) -> None:
        """Count a record, whatever is in it, before its effect."""
        self._published += 1
        self.records[topic] += 1
        self.with_headers += has_headers

    def repeated(self, topic: str, _timestamp_ms: int) -> None:
        """Count a record that repeats another one."""
        self.repeats[topic] += 1

    def refused(self, topic: str, reason: str, _timestamp_ms: int) -> None:
        """Note that the record just published is malformed."""
        self.malformed.append((self._published, topic, reason))

    def skipped(self, topic: str, _timestamp_ms: int) -> None:
        """Count a record of an unknown type."""
        self.unknown[topic] += 1

    def analyzed(self, workflow: Workflow, canonical: bool, _timestamp_ms: int) -> None:
        """Tell of a WORKFLOWS event; `canonical` says whether its id is in lower case."""
        self._make_public(workflow)
        workflow.named |= canonical
        workflow.public_kind = workflow.kind

    def ended(self, workflow: Workflow, duration_s: int, completed_ms: int | None, timestamp_ms: int) -> None:
        """Tell of a JOBS event; `completed_ms` is when the record says so itself."""
        self._make_public(workflow)
        workflow.named = True
        workflow.durations_s.append(duration_s)
        ended_ms = timestamp_ms if completed_ms is None else completed_ms
        day = self._job_days[workflow.user_id][ended_ms // _DAY_MS]
        day[0] += 1
        day[1] += duration_s

    def estimated(self, workflow: Workflow, lines: int, _timestamp_ms: int) -> None:
        """Tell of a LOGS event, which is in no total."""
        self._make_public(workflow)
        workflow.named = True
        workflow.ignored_lines += lines

    def logged(self, workflow: Workflow, stream: str, line_ms: int | None, timestamp_ms: int) -> None:
        """Tell of a log line; `line_ms` None: its own time cannot be believed."""
        self._make_public(workflow)
        workflow.lines[stream] += 1
        self._line_days[workflow.user_id][(timestamp_ms if line_ms is None else line_ms) // _DAY_MS] += 1

    def moved(self, workflow: Workflow, state: str, _timestamp_ms: int) -> None:
        """Tell of a lifecycle event and the state that it leads to."""
        self._make_public(workflow)
        workflow.state = state

    def completed(self, workflow: Workflow, _timestamp_ms: int) -> None:
        """Tell of a JOB_COMPLETED event."""
        self._make_public(workflow)
        workflow.completed += 1

    def failed(self, workflow: Workflow, kind: str, code: str, _timestamp_ms: int) -> None:
        """Tell of a JOB_FAILED event."""
        self._make_public(workflow)
        workflow.failed += 1
        workflow.by_kind[kind] += 1
        workflow.by_code[code] += 1

    def _make_public(self, workflow: Workflow) -> None:
        if not workflow.public:
            workflow.public = True
            self.workflows.append(workflow)

    def expected(self) -> dict[str, Any]:
        """Return everything in the shape of the corpus's `*.expected.json`."""
        known = [workflow for workflow in self.workflows if workflow.has_analytics]
        rest = [workflow for workflow in self.workflows if not workflow.has_analytics]
        return {
            "meta": self._meta(),
            "users": _users(known),
            "workflows": sorted((workflow.totals() for workflow in known), key=_place),
            "workflows_without_analytics": sorted(
                ({"user_id": w.user_id, "workflow_id": w.id, "state": w.state} for w in rest), key=_place
            ),
            "jobs_by_utc_day": {user: _dated(days) for user, days in self._job_days.items()},
            "job_log_lines_by_utc_day": {user: _dated(days) for user, days in self._line_days.items()},
            "duration_percentiles": _percentiles(known),
            "malformed": [dict(zip(("line", "topic", "reason"), row, strict=True)) for row in self.malformed],
        }

    def _meta(self) -> dict[str, Any]:
        reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for _, topic, reason in self.malformed:
            reasons[reason][topic] += 1
        return {
            "records": self._published,
            "records_by_topic": dict(self.records),
            "repeats_by_topic": dict(self.repeats),
            "records_with_headers": self.with_headers,
            "unknown_types_by_topic": dict(self.unknown),
            "malformed_by_topic": dict(Counter(topic for _, topic, _ in self.malformed)),
            "malformed_by_reason": {reason: dict(topics) for reason, topics in sorted(reasons.items())},
            "user_without_valid_events": self.ghost_id,
        }


def _place(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["user_id"], entry["workflow_id"]


def _dated(days: dict[int, Any]) -> dict[str, Any]:
    return {utc_day(day): days[day] for day in sorted(days)}


def _users(workflows: list[Workflow]) -> dict[str, dict[str, int]]:
    users: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for workflow in workflows:
        users[workflow.user_id].update(
            total_workflows=int(workflow.named),
            total_jobs=len(workflow.durations_s),
            total_joblogs=workflow.lines.total(),
            total_job_execution_duration=sum(workflow.durations_s),
        )
    return {user_id: dict(users[user_id]) for user_id in sorted(users)}


def _percentiles(workflows: list[Workflow]) -> dict[str, Any]:
    by_user: defaultdict[str, array[int]] = defaultdict(lambda: array("Q"))
    for workflow in workflows:
        by_user[workflow.user_id].extend(workflow.durations_s)
    busy = [w for w in workflows if len(w.durations_s) >= _ENOUGH_JOBS_FOR_PERCENTILES]
    return {
        "users": {
            user_id: _nearest_ranks(by_user[user_id]) for user_id in sorted(by_user) if by_user[user_id]
        },
        "workflows": {w.id: _nearest_ranks(w.durations_s) for w in sorted(busy, key=lambda w: w.id)},
    }


def _nearest_ranks(durations_s: "array[int]") -> dict[str, int]:
    ordered, jobs = sorted(durations_s), len(durations_s)
    return {"jobs": jobs} | {f"p{p}": ordered[-(-p * jobs // 100) - 1] for p in (50, 95, 99)}
