"""One table and one JSON file of what was measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.measurement import Measurement, Role
from benchmarks.meter import Cost
from sandbox.generate.flood import Kind

NOTE: Final = (
    "events/s: from every partition being assigned to the last record being applied; median of the runs. "
    "C limit, engine: the ratio to librdkafka alone, and to the better form of ClickHouse's Kafka engine. Client, "
    "server, broker: CPU seconds per million events in that time. Peak MB: resident, of client and server. Taken: "
    "what others had of the machine meanwhile; with more than 10%, do not trust the figures.\n"
    "The Kafka engine sums per workflow only, at least once, counts repeated events again, and does not fsync. Our "
    "processor counts each event exactly once, with user totals and time buckets; every total was compared "
    "with the true one."
)
_HEADINGS: Final = (
    "events/s",
    "min–max, k",
    "C limit",
    "engine",
    "client",
    "server",
    "broker",
    "peak MB",
    "taken",
)

WIDTH: Final = 124
"""Columns that a table needs."""


class TopicFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was in a topic; durations in seconds, sizes in bytes."""

    kind: Kind
    events: int
    repeats: int
    mean_value_bytes: float
    fill_s: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one contender; CPU in seconds per million events, ratios None without the other side."""

    kind: Kind
    key: str
    name: str
    role: Role
    runs: int
    median_events_per_s: float
    min_events_per_s: float
    max_events_per_s: float
    median_whole_s: float
    ratio_to_limit: float | None
    ratio_to_best_rival: float | None
    cpu_s_per_million: Cost
    client_peak_rss_mb: float
    server_peak_rss_mb: float
    median_taken_share: float
    most_counted_again: int


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON file."""

    measured_at: str
    machine: Machine
    options: Mapping[str, object]
    topics: Sequence[TopicFacts]
    summaries: Sequence[Summary]
    measurements: Sequence[Measurement]
    failures: Sequence[str]


def summarize(measurements: Iterable[Measurement]) -> list[Summary]:
    """Return one summary for each kind and contender, in the order of their first runs."""
    groups: dict[tuple[Kind, str], list[Measurement]] = {}
    for one in measurements:
        groups.setdefault((one.kind, one.key), []).append(one)
    return [
        _summary(runs, _best(groups, kind, "limit"), _best(groups, kind, "rival"))
        for (kind, _), runs in groups.items()
    ]


def table_of(summaries: Iterable[Summary], kind: Kind) -> Table:
    """Return what is shown of one kind."""
    table = Table(title=f"ingest: {kind}", title_justify="left")
    table.add_column("contender", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in summaries:
        if one.kind == kind:
            table.add_row(*_cells(one))
    return table


def remarks(summaries: Iterable[Summary]) -> list[str]:
    """Return what a number in a column cannot say."""
    return [
        f"{one.kind}: {one.name} counted {one.most_counted_again:,} records more than once in a run"
        for one in summaries
        if one.most_counted_again
    ]


def write(results: Results, path: Path) -> None:
    """Write the JSON file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def _cells(one: Summary) -> tuple[str, ...]:
    cost = one.cpu_s_per_million
    return (
        one.name,
        f"{one.median_events_per_s:,.0f}",
        f"{one.min_events_per_s / 1e3:,.0f}–{one.max_events_per_s / 1e3:,.0f}",
        _ratio(one.ratio_to_limit),
        _ratio(one.ratio_to_best_rival),
        *(f"{cpu_s:.2f}" for cpu_s in (cost.client, cost.server, cost.broker)),
        f"{one.client_peak_rss_mb:.0f} + {one.server_peak_rss_mb:.0f}",
        f"{one.median_taken_share:.0%}",
    )


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _summary(runs: Sequence[Measurement], limit: float | None, best_rival: float | None) -> Summary:
    rates = [one.events_per_s for one in runs]
    first, middle = runs[0], median(rates)
    return Summary(
        kind=first.kind,
        key=first.key,
        name=first.name,
        role=first.role,
        runs=len(runs),
        median_events_per_s=middle,
        min_events_per_s=min(rates),
        max_events_per_s=max(rates),
        median_whole_s=median(one.whole_s for one in runs),
        ratio_to_limit=middle / limit if limit else None,
        ratio_to_best_rival=middle / best_rival if best_rival else None,
        cpu_s_per_million=_median_cost(runs),
        client_peak_rss_mb=max(one.client_peak_rss_mb for one in runs),
        server_peak_rss_mb=max(one.server_peak_rss_mb for one in runs),
        median_taken_share=median(one.taken_share for one in runs),
        most_counted_again=max(one.counted_again for one in runs),
    )


def _median_cost(runs: Sequence[Measurement]) -> Cost:
    def of(part: Callable[[Cost], float]) -> float:
        return median(part(one.steady_cpu) / one.events * 1e6 for one in runs)

    return Cost(of(lambda cost: cost.client), of(lambda cost: cost.server), of(lambda cost: cost.broker))


def _best(groups: Mapping[tuple[Kind, str], Sequence[Measurement]], kind: Kind, role: Role) -> float | None:
    """Return the best median events/s of a role."""
    medians = [
        median(one.events_per_s for one in runs)
        for (of_kind, _), runs in groups.items()
        if of_kind == kind and runs[0].role == role
    ]
    return max(medians, default=None)
