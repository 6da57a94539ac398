"""The command line: `python -m benchmarks`, and the same for one part, as in `python -m benchmarks.queries`."""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast, get_args

import click
from rich.console import Console

from benchmarks import show
from benchmarks.effort import Effort
from benchmarks.errors import FAILURES
from benchmarks.figures import Notebook, Part
from benchmarks.machine import this_machine
from benchmarks.targets import judged
from benchmarks.wanted import TARGETS

RESULTS: Final = Path(__file__).parent / "results"
PARTS: Final[tuple[Part, ...]] = get_args(Part)


class Measuring(Protocol):
    """A module that measures a part."""

    def measure(self, directory: Path, book: Notebook, effort: Effort) -> None:
        """Note everything in the book. `directory` is empty, and is removed afterwards."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--only", "parts", type=click.Choice(PARTS), multiple=True, help="Parts to measure; all of them."
)
@click.option("--rows", multiple=True, help="Only rows whose names begin so.")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of everything; 3, quickly 1.")
@click.option("--quick", is_flag=True, help="With little of everything: a first look, in a few minutes.")
@click.option("--patience", default=0.0, help="Longest wait for a quiet machine before every run, s.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go.")
def main(
    parts: tuple[Part, ...],
    rows: tuple[str, ...],
    runs: int | None,
    quick: bool,
    patience: float,
    path: Path | None,
) -> None:
    """Measure, print one table and the targets, and write one JSON file.

    Exit code 1 when something could not be measured or a total is wrong, never because of a time.
    """
    console = Console(width=max(show.WIDTH, Console().width))
    effort = Effort(runs or (1 if quick else 3), quick, rows, patience)
    started_s = time.monotonic()
    book = Notebook(lambda line: console.print(line, markup=False, highlight=False))
    try:
        for part in parts or PARTS:
            _measure(part, book, effort)
    finally:
        target = path or RESULTS / f"{'-'.join(parts) or 'bench'}.json"
        _report(book, effort, time.monotonic() - started_s, target, console, is_partial=bool(parts or rows))
    sys.exit(1 if book.failures else 0)


def main_of(part: Part, arguments: Sequence[str]) -> None:
    """Measure one part."""
    main(["--only", part, *arguments])


def _measure(part: Part, book: Notebook, effort: Effort) -> None:
    measuring = cast(Measuring, import_module(f"benchmarks.{part}"))
    book.say(f"{part}:")
    with tempfile.TemporaryDirectory(prefix=f"bench-{part}-") as directory:
        try:
            measuring.measure(Path(directory), book, effort)
        except FAILURES as error:
            book.fail(part, "all that was still to come", error)


def _report(
    book: Notebook, effort: Effort, duration_s: float, path: Path, console: Console, *, is_partial: bool
) -> None:
    """Print and write what there is. Of a partial benchmark, only targets that were measured are printed."""
    rows = book.rows()
    verdicts = judged(rows, TARGETS)
    show.show(console, rows, [one for one in verdicts if one.is_met is not None or not is_partial])
    for failure in book.failures:
        console.print(f"FAILED {failure}", style="bold red", markup=False)
    options: Mapping[str, object] = {"runs": effort.runs, "quick": effort.is_quick, "rows": effort.only}
    results = show.Results(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(duration_s, 1),
        machine=this_machine(),
        options=options,
        median_taken_share=show.median_taken(rows),
        rows=show.shown(rows),
        verdicts=verdicts,
        failures=book.failures,
    )
    show.write(results, path)
    console.print(f"{duration_s:,.0f} s; written to {path}", markup=False)
