"""`chronoverse-sandbox generate`: a file of events, and beside it what is true of them.

What it needs is imported when it runs: this module is loaded for every command of the sandbox.
"""

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sandbox.generate.record import PlayableRecord

_STEP = 1000
_FILE = click.Path(dir_okay=False, path_type=Path)


class Rfc3339(click.ParamType[int]):
    """A time with an offset; the value is Unix milliseconds."""

    name = "rfc3339"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds, or fail with an example."""
        if isinstance(value, int):
            return value
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if time.tzinfo is None:
            self.fail(f"{value!r} has no offset; write it like 2025-03-01T00:00:00Z", param, ctx)
        return int(time.timestamp() * 1000)


@click.command()
@click.option("--events", type=click.IntRange(min=1), required=True, help="How many records.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--output", type=_FILE, required=True, help="The records: *.jsonl.gz or *.jsonl.")
@click.option("--expected", type=_FILE, help="The true totals, as JSON.")
@click.option("--users", type=click.IntRange(min=0), default=0, help="0: as many as fit the events.")
@click.option("--workflows", type=click.IntRange(min=0), default=0, help="0: as many as fit the events.")
@click.option("--faults/--no-faults", default=True, show_default=True, help="Repeats, malformed records, …")
@click.option(
    "--start", type=Rfc3339(), default="2025-03-01T00:00:00Z", show_default=True, help="First event."
)
@click.option("--days", type=click.FloatRange(min=0.01), default=60.0, show_default=True, help="Event time.")
def generate(
    events: int,
    seed: int,
    output: Path,
    expected: Path | None,
    users: int,
    workflows: int,
    faults: bool,
    start: int,
    days: float,
) -> None:
    """Make events in Chronoverse's wire format, with the faults of the real world, and their true totals."""
    from sandbox.generate.world import Plan, Simulation

    simulation = Simulation(Plan(events, seed, users, workflows, faults, start, days))
    write_records(simulation, output, events)
    if expected is not None:
        expected.write_text(json.dumps(simulation.truth.expected(), indent=1) + "\n")
    malformed = len(simulation.truth.malformed)
    click.echo(f"{output}: {events:,} records, {malformed:,} of them malformed", err=True)


def write_records(records: "Iterable[PlayableRecord]", output: Path, total: int) -> None:
    """Write a corpus file, compressed if its name ends in `.gz`; show a bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress, _opened(output) as file:
        task = progress.add_task(output.name, total=total)
        for number, record in enumerate(records, start=1):
            file.write(record.line())
            if number % _STEP == 0:
                progress.advance(task, _STEP)
        progress.update(task, completed=total)


@contextmanager
def _opened(output: Path) -> Iterator[IO[bytes]]:
    """Open for writing; the header of a compressed file has neither name nor time, so that bytes repeat."""
    with output.open("wb") as file:
        if output.suffix != ".gz":
            yield file
            return
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed,
            io.BufferedWriter(packed, 1 << 16) as buffered,
        ):
            yield buffered
