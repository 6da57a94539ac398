"""What a person sees: the totals of one subject, and the rows of `watch`. Pure."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from analytics.cli import words
from analytics.cli.samples import Row
from analytics.cli.subjects import Found, Subject
from analytics.client import Freshness, UserAnalytics

_WIDE: Final = 100
"""Columns that a screen with whole ids needs."""


def totals_table(subject: Subject, found: Found) -> Table:
    """Return the totals of one subject, a line each."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("user", subject.user_id)
    if subject.workflow_id is not None:
        table.add_row("workflow", subject.workflow_id)
    if isinstance(found, UserAnalytics):
        table.add_row("workflows", words.count(found.workflows))
    table.add_row("jobs", words.count(found.jobs))
    table.add_row("execution", _execution(found.execution_seconds))
    table.add_row("log lines", words.count(found.log_lines))
    table.add_row("freshness", _freshness(found.freshness))
    return table


def watch_screen(rows: Sequence[Row], hint: str, *, width: int) -> Group:
    """Return a screenful: two lines a subject, its totals and below them their changes per second."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("user or workflow", no_wrap=True)
    for header in ("workflows", "jobs", "execution", "log lines"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("freshness")
    for row in rows:
        table.add_row(_name(row.subject, width), *_totals(row), _state(row))
        table.add_row("", *(Text(change, "cyan") for change in row.changes()), "")
    problems = [Text(f"{_name(row.subject, width)}  {row.problem}", "yellow") for row in rows if row.problem]
    return Group(table, *problems, Text(hint, "dim"))


def _name(subject: Subject, width: int) -> str:
    """Return the id, shortened where the screen is narrow: begin and end, for ids of one minute begin alike."""
    name = subject.workflow_id or subject.user_id
    return name if width >= _WIDE else f"{name[:8]}…{name[-4:]}"


def _totals(row: Row) -> list[str]:
    if row.found is None:
        return ["-"] * 4
    workflows = row.found.workflows if isinstance(row.found, UserAnalytics) else None
    return [
        words.count(workflows),
        words.count(row.found.jobs),
        words.duration(row.found.execution_seconds),
        words.count(row.found.log_lines),
    ]


def _state(row: Row) -> Text:
    told = row.found.freshness if row.found else None
    if row.problem:
        return Text("no answer", "yellow")
    if told is None:
        return Text("not told")
    age = "unknown age" if told.age is None else f"{words.age(told.age)} old"
    return Text(f"{age}, STALE", "bold red") if told.stale else Text(age, "green")


def _execution(seconds: int) -> str:
    return words.duration(seconds) if seconds < 60 else f"{words.duration(seconds)} ({seconds:,} s)"


def _freshness(told: Freshness | None) -> Text:
    return Text(words.freshness(told), "bold red" if told and told.stale else "")
