"""What commands print: tables and bars for a person at a terminal, plain lines for anything else, JSON for scripts."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_LINE_EVERY_S: Final = 5.0

Advance = Callable[[int, str], None]
"""Takes how much is done, and a word on what is done now."""


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their columns; outside of a terminal each row is a line, with tabs between its cells."""
    if not sys.stdout.isatty():
        click.echo(f"# {title}")
        for row in (columns, *rows):
            click.echo("\t".join(str(cell) for cell in row))
        return
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Advance]:
    """Show on standard error how far something is: a bar in a terminal, else a line now and then.

    `total` None: nobody knows how much there is.
    """
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(what, total=total)
            yield lambda done, now: bar.update(task, completed=done, description=f"{what}: {now}")
        return
    told_at = time.monotonic()

    def tell(done: int, now: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _LINE_EVERY_S:
            told_at = time.monotonic()
            click.echo(f"{what}: {now}, {done:,}" + (f" of {total:,}" if total else ""), err=True)

    yield tell


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


def as_time(unix_ms: int) -> str:
    """Return a time in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ms / 1000))


def as_age(seconds: float) -> str:
    """Return how long ago something was, in one or two units."""
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
