"""Hours that stand out, as a person sees them. Pure."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analytics.cli import notes, words
from analytics.cli.series_lines import short_id
from analytics.cli.units import Unit, value_words
from analytics.client import freshness_of
from analytics.insights_pb2 import (
    ANOMALY_MEASURE_FAILED_JOBS,
    ANOMALY_MEASURE_JOBS,
    ANOMALY_MEASURE_LOG_LINES,
    ANOMALY_MEASURE_MEDIAN_DURATION,
    Anomaly,
    ListAnomaliesResponse,
)

_NAMES: Final = {
    ANOMALY_MEASURE_FAILED_JOBS: "failed jobs",
    ANOMALY_MEASURE_MEDIAN_DURATION: "median duration",
    ANOMALY_MEASURE_JOBS: "jobs",
    ANOMALY_MEASURE_LOG_LINES: "log lines",
}
_GROWTH_IS_BAD: Final = (ANOMALY_MEASURE_FAILED_JOBS, ANOMALY_MEASURE_MEDIAN_DURATION)
_WEEKS_SHOWN: Final = 8


def anomalies_view(
    title: str, page: ListAnomaliesResponse, rows: Sequence[Anomaly], *, left: bool, zone: ZoneInfo
) -> Group:
    """Return a row for each hour that stands out. `left`: there are more."""
    parts: list[RenderableType] = [Text(title, "bold"), ""]
    parts += [_table(rows) if rows else "nothing stands out", ""]
    if left:
        parts.append(Text("there are more: --limit", "dim"))
    judged = f"judged: {words.count(page.judged)} hours by measure and workflow"
    if page.not_judged:
        judged += (
            f"; not judged: {words.count(page.not_judged)}, for fewer than four earlier weeks have a value"
        )
    return Group(*parts, Text(judged, "dim"), notes.freshness_note(freshness_of(page), zone))


def _table(rows: Sequence[Anomaly]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    has_workflows = any(row.workflow_id for row in rows)
    table.add_column("hour", no_wrap=True)
    if has_workflows:
        table.add_column("workflow", no_wrap=True)
    table.add_column("what", no_wrap=True)
    for title in ("value", "usual", "MAD", "score"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("earlier weeks, newest first")
    for row in rows:
        names = [row.label, *([short_id(row.workflow_id)] if has_workflows else [])]
        values = (_value(row, one) for one in (row.value, row.median, row.median_absolute_deviation))
        table.add_row(*names, _NAMES.get(row.measure, "-"), *values, _score(row), _baseline(row))
    return table


def _value(row: Anomaly, value: float) -> str:
    if row.measure == ANOMALY_MEASURE_MEDIAN_DURATION:
        return value_words(Unit.SECONDS, value)
    return f"{value:,.1f}".removesuffix(".0")


def _score(row: Anomaly) -> Text:
    grew = row.score > 0
    style = "bold red" if grew and row.measure in _GROWTH_IS_BAD else "bold yellow"
    return Text(f"{'▲' if grew else '▼'} {abs(row.score):,.1f}", style)


def _baseline(row: Anomaly) -> Text:
    shown = [_value(row, one) for one in row.baseline[:_WEEKS_SHOWN]]
    return Text("  ".join([*shown, *(["…"] if len(row.baseline) > _WEEKS_SHOWN else [])]), "dim")
