"""A time series as a table for a person, and as CSV. Pure."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analytics.cli import notes
from analytics.cli.measures import Measure
from analytics.cli.series_lines import Lines
from analytics.cli.units import Unit, value_words
from analytics.client import freshness_of
from analytics.insights_pb2 import Bucket, QueryTimeSeriesResponse

CUT, IN_PROGRESS = "~", "…"
_MARKS: Final = {
    CUT: "the range covers only a part of it",
    IN_PROGRESS: "in progress: events may be missing yet",
}


def series_view(
    title: str,
    answer: QueryTimeSeriesResponse,
    lines: Lines,
    zone: ZoneInfo,
    chart: RenderableType | None = None,
) -> Group:
    """Return a row a bucket, or the chart in the place of the rows."""
    has_durations = any(line.measure.unit is Unit.SECONDS for line in lines.lines)
    precision = [notes.precision_note(answer.duration_precision)] if has_durations else []
    return Group(
        Text(title, "bold"),
        "",
        chart or _table(lines),
        "",
        *_marks(lines),
        *precision,
        *notes.unavailable_notes(answer.unavailable),
        notes.freshness_note(freshness_of(answer), zone),
    )


def mark_of(bucket: Bucket) -> str:
    """Return the marks of a bucket that is not whole."""
    return (CUT if bucket.cut else "") + (IN_PROGRESS if bucket.in_progress else "")


def _table(lines: Lines) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    for line in lines.lines:
        table.add_column(line.name, justify="right", no_wrap=True)
    for at, bucket in enumerate(lines.buckets):
        mark = mark_of(bucket)
        cells = (value_words(line.measure.unit, line.values[at]) for line in lines.lines)
        table.add_row(f"{bucket.label} {mark}".rstrip(), *cells, style="dim italic" if mark else "")
    return table


def _marks(lines: Lines) -> list[Text]:
    seen = "".join(mark_of(bucket) for bucket in lines.buckets)
    told = [Text(f"{mark} {meaning}", "dim") for mark, meaning in _MARKS.items() if mark in seen]
    if lines.more:
        among = (
            "added up in the last column"
            if len(lines.lines) and lines.lines[0].measure.sums_up
            else "left out"
        )
        told.append(Text(f"{lines.more} smaller groups are {among}; --json and --csv have them all", "dim"))
    return told


def csv_of(answer: QueryTimeSeriesResponse, measures: Sequence[Measure]) -> str:
    """Return a line for each group and bucket. Times are UTC; seconds, bytes and shares are plain numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [one.name for one in measures]
    writer.writerow(["group", "label", "start_time", "end_time", "cut", "in_progress", *names])
    for series in answer.series:
        for bucket in series.buckets:
            values = (_plain(one.of(bucket.numbers)) for one in measures)
            writer.writerow([series.group, *_when(bucket), *values])
    return text.getvalue()


def _when(bucket: Bucket) -> list[str]:
    bounds = (bucket.range.start_time, bucket.range.end_time)
    times = [f"{one.ToDatetime(UTC):%Y-%m-%dT%H:%M:%SZ}" for one in bounds]
    return [bucket.label, *times, str(bucket.cut).lower(), str(bucket.in_progress).lower()]


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
