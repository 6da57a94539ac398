"""One table of figures, one of targets, and one JSON file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Row, Spread, number
from benchmarks.machine import Machine
from benchmarks.targets import Verdict

NOTE: Final = (
    "Each figure is the median of the runs, with the least and the most in brackets. Per second: events applied, with "
    "all merges of their rows finished, or requests answered. CPU: microseconds an event (client + ClickHouse + "
    "broker) or a request (service + ClickHouse + callers). Peak MB: resident, of client + ClickHouse. Taken: what "
    "others had of the machine meanwhile; with more than 10%, do not trust the figures."
)
WIDTH: Final = 150
"""Columns that the table needs."""

_RATES: Final = {"per_s": "per second", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}
_WORDS: Final = {True: "met", False: "missed", None: "not measured"}
_COLOURS: Final = {True: "green", False: "red", None: "dim"}


class Shown(msgspec.Struct, frozen=True):
    """A row in the JSON file."""

    part: str
    name: str
    spreads: Mapping[str, Spread]
    runs: Sequence[Mapping[str, float]]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON file."""

    measured_at: str
    duration_s: float
    machine: Machine
    options: Mapping[str, object]
    median_taken_share: float | None
    rows: Sequence[Shown]
    verdicts: Sequence[Verdict]
    failures: Sequence[str]


def shown(rows: Sequence[Row]) -> list[Shown]:
    """Return rows with their spreads."""
    return [
        Shown(
            row.part,
            row.name,
            {one: spread for one in row.measures() if (spread := row.spread(one))},
            row.runs,
        )
        for row in rows
    ]


def median_taken(rows: Sequence[Row]) -> float | None:
    """Return what others had of the machine, in the middle of all runs; None when that was not measured."""
    shares = [run["taken"] for row in rows for run in row.runs if "taken" in run]
    return median(shares) if shares else None


def table_of(rows: Sequence[Row]) -> Table:
    """Return all figures."""
    table = Table(title="figures", title_justify="left")
    table.add_column("what", no_wrap=True)
    for heading in (*_RATES.values(), "CPU µs", "peak MB", "bytes", "taken"):
        table.add_column(heading, justify="right", no_wrap=True)
    part = ""
    for row in rows:
        if row.part != part:
            table.add_section()
            part = row.part
        table.add_row(f"{row.part}: {row.name}", *_cells(row))
    return table


def targets_of(verdicts: Sequence[Verdict]) -> Table:
    """Return what was to be reached, and whether it was."""
    table = Table(title="targets", title_justify="left")
    for heading in ("target", "wanted", "found", ""):
        table.add_column(heading, no_wrap=True)
    for one in verdicts:
        colour = _COLOURS[one.is_met]
        table.add_row(one.target, one.wanted, one.found, f"[{colour}]{_WORDS[one.is_met]}[/{colour}]")
    return table


def remarks(rows: Sequence[Row]) -> list[str]:
    """Return what has no column: requests that failed, and records that a rival counted more than once."""
    counted = {"failures": "requests failed", "counted_again": "records were counted more than once"}
    return [
        f"{row.part}: {row.name}: in a run {number(spread.most)} {what}"
        for row in rows
        for measure, what in counted.items()
        if (spread := row.spread(measure)) and spread.most
    ]


def show(console: Console, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    """Print both tables, and what they mean; without verdicts only the first one."""
    console.print(table_of(rows))
    for line in (NOTE, *remarks(rows)):
        console.print(line, markup=False)
    if verdicts:
        console.print(targets_of(verdicts))


def write(results: Results, path: Path) -> None:
    """Write the JSON file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def _cells(row: Row) -> list[str]:
    return [
        *(_spread(row.spread(measure)) for measure in _RATES),
        _sum(row, "_cpu_us"),
        _sum(row, "_mb"),
        _spread(row.spread("bytes")),
        _share(row.median("taken")),
    ]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.runs == 1:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.least)}–{number(spread.most)})"


def _sum(row: Row, ending: str) -> str:
    """Return the medians of several measures, as terms."""
    values = [row.median(one) or 0.0 for one in row.measures() if one.endswith(ending)]
    return " + ".join(number(one) for one in values)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
