"""Every number that is counted over a range: its name in the contract, for people, its unit, and where it is. Pure.

The names are those of ListWorkflowAnalyticsRequest.order_by, and of new_workflows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from analytics.cli.units import Unit, value_words
from analytics.insights_pb2 import JobNumbers, Numbers


class Liking(Enum):
    """Whether people like a number to grow: a colour in a terminal."""

    MORE = "more"
    LESS = "less"
    NEITHER = "neither"


@dataclass(frozen=True)
class Measure:
    """A number. `of` returns None where it is absent; `sums_up`: values of groups may be stacked; `level`: indentation."""

    name: str
    title: str
    unit: Unit
    of: Callable[[Numbers], float | None]
    liking: Liking = Liking.NEITHER
    sums_up: bool = False
    level: int = 0

    def words(self, numbers: Numbers) -> str:
        """Return the number as a person reads it; `-` where it is absent."""
        return value_words(self.unit, self.of(numbers))


def seconds(duration: Duration) -> float:
    """Return a duration as a number."""
    return float(duration.seconds + duration.nanos / 1e9)


def percentile(rank: float) -> Measure:
    """Return the percentile of a rank."""

    def of(numbers: Numbers) -> float | None:
        found = (seconds(one.value) for one in numbers.durations.percentiles if one.rank == rank)
        return next(found, None)

    return Measure(f"p{rank:g}", f"p{rank:g}", Unit.SECONDS, of, Liking.LESS, level=1)


def all_measures(ranks: Sequence[float]) -> list[Measure]:
    """Return all of them in the order of tables, with these percentiles."""
    at = next(place for place, one in enumerate(_FIXED) if one.name == "maximum_duration")
    return [*_FIXED[:at], *(percentile(rank) for rank in ranks), *_FIXED[at:]]


def measure_of(name: str) -> Measure | None:
    """Return the measure of a name; None when there is none."""
    known = next((one for one in _FIXED if one.name == name), None)
    return known or (percentile(float(name[1:])) if is_percentile(name) else None)


def is_percentile(name: str) -> bool:
    """Whether it is one such as p99.9."""
    try:
        return name[:1] == "p" and 0 < float(name[1:]) <= 100
    except ValueError:
        return False


def _jobs(numbers: Numbers) -> float | None:
    """Finished jobs; in a group of one result, where that is not told, those with that result."""
    jobs: JobNumbers = numbers.jobs
    if jobs.HasField("finished"):
        return jobs.finished
    told = [_present(jobs, name) for name in ("completed", "failed")]
    return next((one for one in told if one is not None), None)


def _present(message: Any, field: str) -> float | None:
    value: float = getattr(message, field)
    return value if message.HasField(field) else None


def _in_jobs(field: str) -> Callable[[Numbers], float | None]:
    return lambda numbers: _present(numbers.jobs, field)


def _in_logs(field: str) -> Callable[[Numbers], float | None]:
    """Counts have no presence of their own, but the message that they are in does."""

    def of(numbers: Numbers) -> float | None:
        logs = numbers.logs
        if field in ("stderr_ratio", "lines_per_job"):
            return _present(logs, field)
        value: float = getattr(logs, field)
        return value if numbers.HasField("logs") else None

    return of


def _in_durations(field: str) -> Callable[[Numbers], float | None]:
    def of(numbers: Numbers) -> float | None:
        durations = numbers.durations
        return seconds(getattr(durations, field)) if durations.HasField(field) else None

    return of


def _execution(numbers: Numbers) -> float | None:
    return numbers.durations.total_seconds if numbers.HasField("durations") else None


_FIXED: Final = (
    Measure("jobs", "jobs", Unit.COUNT, _jobs, sums_up=True),
    Measure(
        "jobs_completed", "completed", Unit.COUNT, _in_jobs("completed"), Liking.MORE, sums_up=True, level=1
    ),
    Measure("jobs_failed", "failed", Unit.COUNT, _in_jobs("failed"), Liking.LESS, sums_up=True, level=1),
    Measure("success_ratio", "success", Unit.RATIO, _in_jobs("success_ratio"), Liking.MORE, level=1),
    Measure("execution_seconds", "execution", Unit.SECONDS, _execution, sums_up=True),
    Measure("average_duration", "average", Unit.SECONDS, _in_durations("average"), Liking.LESS, level=1),
    Measure("minimum_duration", "shortest", Unit.SECONDS, _in_durations("minimum"), level=1),
    Measure("maximum_duration", "longest", Unit.SECONDS, _in_durations("maximum"), Liking.LESS, level=1),
    Measure("utilization", "at work", Unit.MEAN, lambda numbers: _present(numbers, "utilization"), level=1),
    Measure("log_lines", "log lines", Unit.COUNT, _in_logs("lines"), sums_up=True),
    Measure("log_bytes", "log bytes", Unit.BYTES, _in_logs("bytes"), sums_up=True, level=1),
    Measure("stderr_lines", "stderr lines", Unit.COUNT, _in_logs("stderr_lines"), Liking.LESS, True, 1),
    Measure("stderr_bytes", "stderr bytes", Unit.BYTES, _in_logs("stderr_bytes"), Liking.LESS, True, 1),
    Measure("stderr_ratio", "stderr share", Unit.RATIO, _in_logs("stderr_ratio"), Liking.LESS, level=1),
    Measure("lines_per_job", "lines per job", Unit.MEAN, _in_logs("lines_per_job"), level=1),
    Measure(
        "new_workflows",
        "new workflows",
        Unit.COUNT,
        lambda numbers: _present(numbers, "new_workflows"),
        sums_up=True,
    ),
)
NAMES: Final = tuple(one.name for one in _FIXED)
