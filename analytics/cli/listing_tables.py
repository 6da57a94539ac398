"""Workflows as a ranking, or side by side. Pure."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analytics.cli import notes, words
from analytics.cli.measures import Liking, Measure, all_measures
from analytics.cli.series_lines import short_id
from analytics.client import freshness_of
from analytics.insights_pb2 import (
    WORKFLOW_STATE_ACTIVE,
    WORKFLOW_STATE_DELETED,
    WORKFLOW_STATE_TERMINATED,
    ListWorkflowAnalyticsResponse,
    WorkflowRow,
)

MOST_COLUMNS: Final = 6
"""More workflows than these are not compared side by side but in rows."""

_RANKED: Final = ("jobs", "jobs_failed", "success_ratio")
_MORE: Final = ("execution_seconds", "log_lines")
_WIDE: Final = 140
"""Columns that a ranking with whole ids and all numbers needs."""
_STATES: Final = {
    WORKFLOW_STATE_ACTIVE: "active",
    WORKFLOW_STATE_TERMINATED: "terminated",
    WORKFLOW_STATE_DELETED: "deleted",
}


def ranking_view(
    pages: Sequence[ListWorkflowAnalyticsResponse],
    rows: Sequence[WorkflowRow],
    order: Measure,
    *,
    zone: ZoneInfo,
    width: int,
) -> Group:
    """Return a row a workflow, in the order in which they came; `order` is the number that they are ordered by."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("workflow", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("state", no_wrap=True)
    measures = _ranked(rows, order, width)
    for measure in measures:
        is_order = measure.name == order.name
        table.add_column(measure.title, justify="right", no_wrap=True, style="bold" if is_order else "")
    for row in rows:
        numbers = (measure.words(row.numbers) for measure in measures)
        name = row.workflow_id if width >= _WIDE else short_id(row.workflow_id)
        table.add_row(name, row.kind or "(none told)", _STATES.get(row.state, "-"), *numbers)
    left = pages[-1].total_size - len(rows)
    more = [Text(f"{words.count(left)} more: --limit", "dim")] if left > 0 else []
    return _view(pages[-1], table, more, zone)


def comparison_view(
    page: ListWorkflowAnalyticsResponse, rows: Sequence[WorkflowRow], absent: Sequence[str], zone: ZoneInfo
) -> Group:
    """Return a column a workflow; the best of each number is marked. `absent`: ids for which there is none."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(short_id(row.workflow_id), justify="right", no_wrap=True)
    table.add_row("kind", *(row.kind or "(none told)" for row in rows))
    table.add_row("state", *(_STATES.get(row.state, "-") for row in rows))
    table.add_row("created", *(_created(row, zone) for row in rows))
    for measure in all_measures(_ranks(rows)):
        table.add_row("  " * measure.level + measure.title, *_cells(measure, rows))
    missing = [Text(f"nothing counted in this range: {one}", "yellow") for one in absent]
    return _view(page, table, missing, zone)


def in_order(rows: Sequence[WorkflowRow], asked: Sequence[str]) -> tuple[list[WorkflowRow], list[str]]:
    """Return the rows in the order in which their ids were said, and the ids that have none."""
    found = {row.workflow_id: row for row in rows}
    ids = list(dict.fromkeys(str(UUID(one)) for one in asked))  # the service has read them, so they are UUIDs
    return [found[one] for one in ids if one in found], [one for one in ids if one not in found]


def _view(page: ListWorkflowAnalyticsResponse, table: Table, more: Sequence[Text], zone: ZoneInfo) -> Group:
    parts: list[RenderableType] = [
        Text(notes.range_words(page.range, zone), "bold"),
        "",
        table,
        "",
        *more,
        notes.precision_note(page.duration_precision),
        notes.freshness_note(freshness_of(page), zone),
    ]
    return Group(*parts)


def _ranked(rows: Sequence[WorkflowRow], order: Measure, width: int) -> list[Measure]:
    """Return the columns of a ranking: those of always, the percentiles, the number that it is ordered by."""
    ranks = _ranks(rows)
    names = {*_RANKED, *(_MORE if width >= _WIDE else ()), *(f"p{rank:g}" for rank in ranks), order.name}
    known = [one for one in all_measures(ranks) if one.name in names]
    return known if any(one.name == order.name for one in known) else [*known, order]


def _ranks(rows: Sequence[WorkflowRow]) -> list[float]:
    with_jobs = (row.numbers.durations.percentiles for row in rows if row.numbers.durations.percentiles)
    return [one.rank for one in next(with_jobs, ())]


def _cells(measure: Measure, rows: Sequence[WorkflowRow]) -> list[Text]:
    values = [measure.of(row.numbers) for row in rows]
    known = [value for value in values if value is not None]
    best = None
    if measure.liking is not Liking.NEITHER and len(set(known)) > 1:
        best = max(known) if measure.liking is Liking.MORE else min(known)
    return [
        Text(measure.words(row.numbers), "green" if best is not None and value == best else "")
        for row, value in zip(rows, values, strict=True)
    ]


def _created(row: WorkflowRow, zone: ZoneInfo) -> str:
    return notes.moment(row.create_time, zone)[:10] if row.HasField("create_time") else "-"
