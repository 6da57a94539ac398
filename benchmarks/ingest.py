"""Events per second from a full topic to applied: librdkafka alone, ClickHouse's own Kafka engine, our processor.

    python -m benchmarks.ingest --events 2000000 --runs 3

Everything runs on this machine in one go. A topic is filled once, every contender reads it, and the runs take
turns, so that what disturbs the machine disturbs all of them.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click
import msgspec
from rich.console import Console

from analytics.errors import AnalyticsError
from analytics.store.pool import StatementFailed
from benchmarks import report
from benchmarks.errors import BenchmarkFailed
from benchmarks.fill import PARTITIONS, Filled, fill
from benchmarks.limit import Limit
from benchmarks.machine import this_machine
from benchmarks.measurement import Measurement
from benchmarks.meter import wait_until_quiet
from benchmarks.ours import OurProcessor
from benchmarks.report import TopicFacts
from benchmarks.rivals import KafkaEngine
from benchmarks.setting import Contender, Setting
from sandbox.broker import LocalBroker
from sandbox.errors import SandboxError
from sandbox.generate.flood import Flood, Kind

RESULTS: Final = Path(__file__).parent / "results" / "ingest.json"
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FAILURES: Final = (BenchmarkFailed, SandboxError, AnalyticsError, StatementFailed)


@dataclass(frozen=True)
class Options:
    """What was asked for. `patience_s`: how long to wait, before every run, for the machine to be quiet."""

    events: int
    duplicates: float
    runs: int
    kinds: tuple[Kind, ...]
    only: tuple[str, ...]
    processors: tuple[int, ...]
    patience_s: float


@dataclass
class Outcome:
    """What came of it so far."""

    topics: list[TopicFacts] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", type=click.IntRange(min=1000), default=2_000_000, help="Records in the topic.")
@click.option("--duplicates", type=click.FloatRange(0, 0.5), default=0.01, help="Share of repeated events.")
@click.option("--runs", type=click.IntRange(min=1), default=3, help="Runs of every contender.")
@click.option("--kinds", type=click.Choice(KINDS), multiple=True, default=KINDS, help="What the topic holds.")
@click.option(
    "--only", multiple=True, help="Contenders by the start of their key: limit, engine, processor-1."
)
@click.option(
    "--processors", type=click.IntRange(1, 8), multiple=True, default=(1, 2), help="Processes of ours."
)
@click.option(
    "--patience", "patience_s", type=float, default=0.0, help="Longest wait for a quiet machine, s."
)
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS)
def main(path: Path, **options: object) -> None:
    """Measure ingestion, print a table, and write a JSON file. Exit code 1 when a run failed or a total is wrong."""
    console = Console(width=max(report.WIDTH, Console().width))
    asked, outcome = msgspec.convert(options, Options), Outcome()
    contenders = chosen(asked)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-ingest-") as directory:
            for kind in asked.kinds:
                _measure_kind(kind, asked, contenders, Path(directory), outcome, console)
    finally:
        _report(asked, outcome, path, console)
    sys.exit(1 if outcome.failures else 0)


def chosen(asked: Options) -> list[Contender]:
    """Return who takes part. Raises click.UsageError when nobody does."""
    everybody: list[Contender] = [Limit(), KafkaEngine("JSONEachRow"), KafkaEngine("RawBLOB")]
    everybody += [OurProcessor(processes) for processes in asked.processors]
    if not asked.only:
        return everybody
    found = [one for one in everybody if one.key.startswith(asked.only)]
    if not found:
        raise click.UsageError(f"--only knows {', '.join(one.key for one in everybody)}")
    return found


def _measure_kind(
    kind: Kind,
    asked: Options,
    contenders: Sequence[Contender],
    directory: Path,
    outcome: Outcome,
    console: Console,
) -> None:
    """Fill a topic of a broker of its own: a processor reads all topics, and the others must be empty."""
    with LocalBroker(directory / kind) as broker:
        broker.create_topics(partitions=PARTITIONS)
        filled = fill(broker.address, Flood(kind, asked.events, duplicates=asked.duplicates))
        outcome.topics.append(_facts(filled))
        console.print(f"{kind}: {filled.events:,} records in the topic after {filled.duration_s:.1f} s")
        setting = Setting(directory, broker, filled)
        for run, contender in _turns(asked.runs, contenders):
            wait_until_quiet(asked.patience_s)
            try:
                one = contender.run(setting)
            except _FAILURES as error:
                outcome.failures.append(f"{kind}, {contender.key}, run {run}: {error}")
                console.print(f"FAILED {outcome.failures[-1]}", style="bold red", markup=False)
            else:
                outcome.measurements.append(one)
                console.print(
                    f"  run {run}  {one.name}: {one.events_per_s:,.0f} events/s, {one.taken_share:.0%} taken"
                )


def _turns(runs: int, contenders: Sequence[Contender]) -> Iterator[tuple[int, Contender]]:
    return ((run, contender) for run in range(1, runs + 1) for contender in contenders)


def _facts(filled: Filled) -> TopicFacts:
    return TopicFacts(
        kind=filled.kind,
        events=filled.events,
        repeats=filled.flood.totals.repeats,
        mean_value_bytes=filled.value_bytes / filled.events,
        fill_s=filled.duration_s,
    )


def _report(asked: Options, outcome: Outcome, path: Path, console: Console) -> None:
    summaries = report.summarize(outcome.measurements)
    for kind in asked.kinds:
        console.print(report.table_of(summaries, kind))
    for line in (report.NOTE, *report.remarks(summaries)):
        console.print(line, markup=False)
    results = report.Results(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        options=msgspec.to_builtins(asked),
        topics=outcome.topics,
        summaries=summaries,
        measurements=outcome.measurements,
        failures=outcome.failures,
    )
    report.write(results, path)
    console.print(f"written to {path}", markup=False)


if __name__ == "__main__":
    main()
