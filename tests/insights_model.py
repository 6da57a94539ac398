"""A second opinion on ranges of time: every number from the list of events, in plain Python, slow on purpose.

It shares no code with the service or the processor. Civil time is what `zoneinfo` shows for each quarter of an hour: buckets
are runs of quarters that show the same hour, day, week or month.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

QUARTER_S = 900
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


# --- civil time ---


class Civil(NamedTuple):
    start_s: int
    end_s: int
    label: str


def civil_buckets(start_s: int, end_s: int, interval: str, zone: str) -> list[Civil]:
    """The whole buckets that a range touches."""
    name, margin_s = _NAMES[interval], _MARGINS_S[interval]
    quarters = range(start_s - margin_s, end_s + margin_s, QUARTER_S)
    runs = []
    for label, run in groupby(quarters, lambda at_s: name(_local(at_s, zone))):
        found = list(run)
        runs.append(Civil(found[0], found[-1] + QUARTER_S, label))
    return [one for one in runs if one.end_s > start_s and one.start_s < end_s]


def _local(at_s: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone))


def _hour(local: datetime) -> str:
    return local.replace(minute=_first_minute(local)).isoformat(timespec="minutes")


def _first_minute(local: datetime) -> int:
    """Zero, but where clocks were changed by half an hour, into the same hour."""
    minute = local.minute
    while minute and _same_offset(local, minute - 15):
        minute -= 15
    return minute


def _same_offset(local: datetime, minute: int) -> bool:
    earlier = local.astimezone(UTC) - timedelta(minutes=local.minute - minute)
    return earlier.astimezone(local.tzinfo).utcoffset() == local.utcoffset()


def _week(local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"


_NAMES: dict[str, Callable[[datetime], str]] = {
    "HOUR": _hour,
    "DAY": lambda local: f"{local:%Y-%m-%d}",
    "WEEK": _week,
    "MONTH": lambda local: f"{local:%Y-%m}",
}
_MARGINS_S = {"HOUR": 7_200, "DAY": 2 * 86_400, "WEEK": 9 * 86_400, "MONTH": 33 * 86_400}


# --- anomalies ---


class Odd(NamedTuple):
    """An hour that stands out."""

    workflow: str
    start_s: int
    measure: str
    value: float
    median: float
    mad: float
    scale: float
    score: float
    baseline: list[float]


class Judgement(NamedTuple):
    odd: list[Odd]
    judged: int
    not_judged: int


VALUES: dict[str, Callable[[Slice], float | None]] = {
    "FAILED_JOBS": lambda one: one.count_results(failed=True),
    "MEDIAN_DURATION": lambda one: nearest_rank([job.seconds for job in one.jobs], 50) if one.jobs else None,
    "JOBS": lambda one: len(one.jobs),
    "LOG_LINES": lambda one: len(one.lines),
}


def judge(
    history: History, hours: Iterable[Civil], zone: str, workflows: Sequence[str], weeks: int, threshold: float
) -> Judgement:
    """Compare hours with the same hour of earlier weeks; no workflows: all of them together."""
    odd, judged, not_judged = [], 0, 0
    for hour in hours:
        for workflow in workflows or [""]:
            chosen = Chosen(workflows=[workflow]) if workflow else EVERYTHING
            for measure, value_of in VALUES.items():
                value = value_of(history.within(hour.start_s, hour.end_s, chosen))
                if value is None:
                    continue
                found = (value_of(one) for one in _earlier(history, hour, zone, weeks, chosen))
                baseline = [one for one in found if one is not None]
                if len(baseline) < 4:
                    not_judged += 1
                    continue
                judged += 1
                one = _odd(workflow, hour.start_s, measure, value, baseline)
                if abs(one.score) >= threshold:
                    odd.append(one)
    return Judgement(odd, judged, not_judged)


def _earlier(history: History, hour: Civil, zone: str, weeks: int, chosen: Chosen) -> Iterator[Slice]:
    """The hours that the clock called the same, the newest first, from the day on which data begins."""
    begun_s = min(one.at_s for one in history.events if history.chosen(chosen)(one.workflow)) // 86_400 * 86_400
    face = _local(hour.start_s, zone).replace(tzinfo=None)
    for number in range(1, weeks + 1):
        wanted = face - timedelta(days=7 * number)
        around_s = hour.start_s - number * 7 * 86_400
        near = range(around_s - 7_200, around_s + 7_201, QUARTER_S)
        starts = [at_s for at_s in near if _local(at_s, zone).replace(tzinfo=None) == wanted]
        if starts and starts[0] >= begun_s:
            yield history.within(starts[0], starts[0] + 3_600, chosen)


def _odd(workflow: str, start_s: int, measure: str, value: float, baseline: list[float]) -> Odd:
    middle = float(median(baseline))
    mad = float(median(abs(one - middle) for one in baseline))
    least = max(1.0, 0.02 * middle) if measure == "MEDIAN_DURATION" else max(1.0, math.sqrt(middle))
    scale = max(1.4826 * mad, least)
    return Odd(workflow, start_s, measure, value, middle, mad, scale, (value - middle) / scale, baseline)
