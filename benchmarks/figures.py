"""What every part of the benchmark gives: rows of figures, each measured several times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Literal

import msgspec

from benchmarks.errors import FAILURES

Part = Literal["ingest", "latency", "queries", "insights", "flatness"]
Values = Mapping[str, float]
"""By measure. `per_s`: events or requests a second; `…_ms`: milliseconds; `…_mb`: MB of 10^6 bytes; `…_cpu_us`: CPU
microseconds an event or a request; `taken`: the share of the machine that others had, 0 to 1; `bytes…`: on disk.
"""


class Spread(msgspec.Struct, frozen=True):
    """Of so many runs."""

    median: float
    least: float
    most: float
    runs: int


class Row(msgspec.Struct, frozen=True):
    """One thing that was measured: the values of each run."""

    part: Part
    name: str
    runs: Sequence[Values]

    def spread(self, measure: str) -> Spread | None:
        """Return what the runs say of one measure; None when it was not measured."""
        values = [run[measure] for run in self.runs if measure in run]
        return Spread(median(values), min(values), max(values), len(values)) if values else None

    def median(self, measure: str) -> float | None:
        """Return the middle one of the runs; None when it was not measured."""
        spread = self.spread(measure)
        return None if spread is None else spread.median

    def measures(self) -> list[str]:
        """Return what was measured, in the order of its first appearance."""
        return list(dict.fromkeys(measure for run in self.runs for measure in run))


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all values do not exceed: nearest rank."""
    if not sorted_values:
        raise ValueError("there is no percentile of nothing")
    rank = -(-len(sorted_values) * share // 1)  # rounded up
    return sorted_values[max(0, min(len(sorted_values), int(rank)) - 1)]


def latency_values(latencies_ms: Iterable[float]) -> dict[str, float]:
    """Return p50, p99 and the largest of latencies. Raises ValueError for none."""
    ordered = sorted(latencies_ms)
    return {
        "p50_ms": percentile(ordered, 0.50),
        "p99_ms": percentile(ordered, 0.99),
        "max_ms": percentile(ordered, 1.0),
    }


class Notebook:
    """Collects runs by row, and says each one as it comes; the rows keep the order of their first runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.failures: list[str] = []
        self._runs: dict[tuple[Part, str], list[Values]] = {}

    def note(self, part: Part, name: str, values: Values) -> None:
        """Note one run of a row."""
        runs = self._runs.setdefault((part, name), [])
        runs.append(values)
        self.say(f"  run {len(runs)}  {name}: {in_words(values)}")

    def attempt(self, part: Part, name: str, measure: Callable[[], Values]) -> None:
        """Note one run of a row, or that it failed."""
        try:
            self.note(part, name, measure())
        except FAILURES as error:
            self.fail(part, name, error)

    def fail(self, part: Part, what: str, why: object) -> None:
        """Note that something could not be measured, or came out wrong."""
        self.failures.append(f"{part}, {what}: {why}")
        self.say(f"FAILED {self.failures[-1]}")

    def rows(self) -> list[Row]:
        """Return what there is so far."""
        return [Row(part, name, tuple(runs)) for (part, name), runs in self._runs.items()]


def in_words(values: Values) -> str:
    """Return the values of a run in a line."""
    return ", ".join(f"{measure} {number(value)}" for measure, value in values.items())


def by_name(rows: Iterable[Row]) -> dict[tuple[Part, str], Row]:
    """Return the rows for looking them up."""
    return {(row.part, row.name): row for row in rows}


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
