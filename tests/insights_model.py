"""A second opinion on ranges of time: every number from the list of events, in plain Python, slow on purpose.

It shares no code with the service or the processor.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

DEFAULT_RANKS = (50.0, 95.0, 99.0)
_ENDS = {"JOB_COMPLETED", "JOB_FAILED"}
_BUILDS = {"BUILD", "RESCHEDULE"}


class Job(NamedTuple):
    workflow: str
    at_s: int
    seconds: int
    status: str


class Result(NamedTuple):
    workflow: str
    at_s: int
    failure: tuple[str, str] | None


class Line(NamedTuple):
    workflow: str
    at_s: int
    size: int
    is_stderr: bool


class Naming(NamedTuple):
    workflow: str
    at_s: int


class Fate:
    """What became of a workflow."""

    def __init__(self) -> None:
        self.kind = ""
        self.built = self.terminated = (-1, 0)  # generation, second
        self.deleted_s: int | None = None

    @property
    def state(self) -> str:
        if self.deleted_s is not None:
            return "DELETED"
        return "TERMINATED" if self.terminated[0] >= max(self.built[0], 0) else "ACTIVE"


class Chosen(NamedTuple):
    """Conditions on workflows; None: no condition."""

    workflows: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    states: Sequence[str] | None = None


EVERYTHING = Chosen()


class Slice:
    """What happened to some workflows in some time."""

    def __init__(self, events: Iterable[NamedTuple]) -> None:
        kept = list(events)
        self.jobs = [one for one in kept if isinstance(one, Job)]
        self.results = [one for one in kept if isinstance(one, Result)]
        self.lines = [one for one in kept if isinstance(one, Line)]
        self.namings = [one for one in kept if isinstance(one, Naming)]

    def __bool__(self) -> bool:
        return bool(self.jobs or self.results or self.lines or self.namings)

    def numbers(self, ranks: Sequence[float] = DEFAULT_RANKS, wall_s: float | None = None) -> dict[str, Any]:
        """Every number by its name in `order_by`, None: there is none; `percentiles` are exact."""
        completed, failed = self.count_results(failed=False), self.count_results(failed=True)
        errors = [line for line in self.lines if line.is_stderr]
        seconds = sum(job.seconds for job in self.jobs)
        return {
            "jobs": len(self.jobs),
            "jobs_completed": completed,
            "jobs_failed": failed,
            "success_ratio": _ratio(completed, completed + failed),
            "log_lines": len(self.lines),
            "log_bytes": sum(line.size for line in self.lines),
            "stderr_lines": len(errors),
            "stderr_bytes": sum(line.size for line in errors),
            "stderr_ratio": _ratio(len(errors), len(self.lines)),
            "lines_per_job": _ratio(len(self.lines), len(self.jobs)),
            "new_workflows": len(self.namings),
            "utilization": seconds / wall_s if wall_s else None,
        } | durations([job.seconds for job in self.jobs], ranks)

    def count_results(self, *, failed: bool) -> int:
        return sum((one.failure is not None) is failed for one in self.results)

    def failures(self) -> Counter[tuple[str, str]]:
        return Counter(one.failure for one in self.results if one.failure is not None)

    def durations_by_result(self, ranks: Sequence[float] = DEFAULT_RANKS) -> dict[str, dict[str, Any]] | None:
        """None unless there are jobs, and every one says how it ended."""
        if not self.jobs or any(not job.status for job in self.jobs):
            return None
        return {
            status: durations([job.seconds for job in self.jobs if job.status == status], ranks)
            for status in ("COMPLETED", "FAILED")
        }


def durations(seconds: Sequence[int], ranks: Sequence[float]) -> dict[str, Any]:
    """How long jobs ran."""
    return {
        "execution_seconds": sum(seconds),
        "average_duration": _ratio(sum(seconds), len(seconds)),
        "minimum_duration": min(seconds, default=None),
        "maximum_duration": max(seconds, default=None),
        "percentiles": [nearest_rank(seconds, rank) for rank in ranks] if seconds else [],
    }


def nearest_rank(values: Sequence[float], rank: float) -> float:
    """The smallest value that at least `rank` percent of the values do not exceed; exact where floats are not."""
    place = math.ceil(Fraction(str(rank)) / 100 * len(values))
    return sorted(values)[max(place, 1) - 1]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


class History:
    """What a list of records (topic, event, second) says of one user; an event comes once."""

    def __init__(self, records: Iterable[Any], user: object) -> None:
        self.events: list[NamedTuple] = []
        self.fates: dict[str, Fate] = {}
        self._named: set[str] = set()
        for topic, event, at_s in records:
            if event["UserID"] == str(user):
                getattr(self, f"_{topic}")(event, at_s)

    def _analytics(self, event: Any, at_s: int) -> None:
        workflow, data = event["WorkflowID"], event["Data"]
        if workflow not in self._named:
            self._named.add(workflow)
            self.events.append(Naming(workflow, at_s))
        if event["EventType"] == "WORKFLOWS":
            self._fate(workflow).kind = data["kind"]
            return
        ended_s = _seconds(data["completed_at"]) if data.get("completed_at") else at_s
        self.events.append(Job(workflow, ended_s, data["job_execution_duration"], data.get("status", "")))

    def _workflows(self, event: Any, at_s: int) -> None:
        workflow, action = event["ID"], event["Action"]
        if action in _ENDS:
            failure = (event["FailureKind"], event["ErrorCode"]) if action == "JOB_FAILED" else None
            self.events.append(Result(workflow, at_s, failure))
            return
        fate, step = self._fate(workflow), (event["Generation"], at_s)
        if action == "DELETE":
            fate.deleted_s = at_s
        elif action in _BUILDS:
            fate.built = max(fate.built, step)
        else:
            fate.terminated = max(fate.terminated, step)

    def _job_logs(self, event: Any, at_s: int) -> None:
        own_s = _seconds(event["TimeStamp"])
        written_s = own_s if -3600 <= own_s - at_s <= 300 else at_s
        size = len(event["Message"].encode())
        self.events.append(Line(event["WorkflowID"], written_s, size, event["Stream"] == "stderr"))

    def _fate(self, workflow: str) -> Fate:
        return self.fates.setdefault(workflow, Fate())

    def fate(self, workflow: str) -> Fate:
        return self.fates.get(workflow, Fate())

    @property
    def known(self) -> set[str]:
        """Workflows with any number in GetWorkflowAnalytics."""
        return self._named | {one.workflow for one in self.events if isinstance(one, Line)}

    @property
    def data_start_s(self) -> int:
        """The start of the first UTC day on which anything was counted."""
        return min(one.at_s for one in self.events) // 86_400 * 86_400

    def chosen(self, chosen: Chosen) -> Callable[[str], bool]:
        return lambda workflow: (
            (chosen.workflows is None or workflow in chosen.workflows)
            and (chosen.kinds is None or self.fate(workflow).kind in chosen.kinds)
            and (chosen.states is None or self.fate(workflow).state in chosen.states)
        )

    def within(self, start_s: float, end_s: float, chosen: Chosen = EVERYTHING) -> Slice:
        fits = self.chosen(chosen)
        return Slice(one for one in self.events if start_s <= one.at_s < end_s and fits(one.workflow))

    def workflow_counts(self, start_s: float, end_s: float, chosen: Chosen = EVERYTHING) -> dict[str, int]:
        fates = [self.fate(one) for one in filter(self.chosen(chosen), self._named)]
        states = Counter(fate.state for fate in fates)
        return {
            "total": len(fates),
            "active": states["ACTIVE"],
            "terminated": states["TERMINATED"],
            "deleted": states["DELETED"],
            "terminated_in_range": sum(
                fate.terminated[0] >= 0 and start_s <= fate.terminated[1] < end_s for fate in fates
            ),
            "deleted_in_range": sum(
                fate.deleted_s is not None and start_s <= fate.deleted_s < end_s for fate in fates
            ),
        }

    def groups(self, start_s: float, end_s: float, name: Callable[[str], str], chosen: Chosen) -> list[str]:
        """Names of what anything was counted for, by the workflow's name."""
        fits = self.chosen(chosen)
        inside = (one for one in self.events if start_s <= one.at_s < end_s and fits(one.workflow))
        return sorted({name(one.workflow) for one in inside})


def _seconds(text: str) -> int:
    return math.floor(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
