"""Numbers in buckets of time, as a table, a picture, CSV or JSON: what the command `series` does."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.console import RenderableType

from analytics import exit_codes
from analytics.cli import words
from analytics.cli.connection import Connection
from analytics.cli.endings import explained
from analytics.cli.measures import Measure, all_measures, is_percentile, measure_of
from analytics.cli.notes import json_of
from analytics.cli.options import When, Which
from analytics.cli.plots import file, terminal
from analytics.cli.plots.frame import Frame, NoPicture, frame_of
from analytics.cli.questions import GROUPS, INTERVALS, filter_of, range_of
from analytics.cli.screen import screen
from analytics.cli.series_lines import MOST_LINES, Lines, by_group, by_measure, room_for
from analytics.cli.series_tables import csv_of, series_view
from analytics.cli.subjects import subject_of
from analytics.client import freshness_of
from analytics.insights_pb2 import QueryTimeSeriesRequest, QueryTimeSeriesResponse

_STARTS: Final = {"hour": "48h", "day": "30d", "week": "12w", "month": "12mo"}
_COLUMNS: Final = ("jobs", "jobs_failed", "success_ratio", "execution_seconds", "log_lines")
_EXTRA: Final = "needs the extra plot: pip install 'chronoverse-analytics[plot]'"


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """How the range is divided, and which numbers are shown."""

    every: str
    by: str | None
    complete: bool
    show: tuple[str, ...]
    ranks: tuple[float, ...]

    def all_measures(self) -> list[Measure]:
        """Return what was said; otherwise everything."""
        return self._said() or all_measures(self.ranks)

    def lines(self, answer: QueryTimeSeriesResponse, *, for_picture: bool, width: int) -> Lines:
        """Return what is drawn: in a table many numbers, in a picture and by group one, unless more were said."""
        if self.by is not None:
            most = MOST_LINES if for_picture else room_for(answer, self.by, width)
            return by_group(answer, (self._said() or all_measures(()))[0], self.by, most)
        columns = {*_COLUMNS, *(f"p{rank:g}" for rank in self.ranks)}
        default = [
            one for one in all_measures(self.ranks) if one.name in (_COLUMNS[:1] if for_picture else columns)
        ]
        return by_measure(answer, self._said() or default)

    def _said(self) -> list[Measure]:
        return [found for name in self.show if (found := measure_of(name))]

    def check(self) -> None:
        """Raise UsageError for what cannot be shown."""
        if unknown := [name for name in self.show if measure_of(name) is None]:
            raise click.BadParameter(f"{unknown[0]!r} is no number of a bucket", param_hint="'--show'")
        if self.by is not None and len(self.show) > 1:
            raise click.UsageError("with --by, --show takes one number")


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the answer is printed; without any of these as a table."""

    as_json: bool
    as_csv: bool
    chart: bool
    plot: Path | None

    @property
    def is_picture(self) -> bool:
        """Whether it is drawn."""
        return self.chart or self.plot is not None

    def check(self) -> None:
        """Raise UsageError for what cannot be done, before anything is asked."""
        if self.as_json + self.as_csv + self.chart + (self.plot is not None) > 1:
            raise click.UsageError("--json, --csv, --chart and --plot exclude each other")
        if self.plot is not None and self.plot.suffix.removeprefix(".").lower() not in file.FORMATS:
            raise click.BadParameter(f"must end with .{', .'.join(file.FORMATS)}", param_hint="'--plot'")


def series(
    connection: Connection, user_id: str | None, asked: tuple[When, Which], buckets: Buckets, form: Form
) -> None:
    """Print or draw numbers by hour, day, week or month."""
    buckets.check()
    form.check()
    if form.is_picture:
        _require_extra(form)
    with explained(connection), connection.client() as client:
        request = _request(subject_of(connection, user_id).user_id, asked, buckets)
        found = client.series(request)
    if form.as_json:
        click.echo(json_of(found))
    elif form.as_csv:
        click.echo(csv_of(found, buckets.all_measures()), nl=False)
    else:
        _show(found, asked[0], buckets, form)


def _request(user_id: str, asked: tuple[When, Which], buckets: Buckets) -> QueryTimeSeriesRequest:
    when, which = asked
    said = [float(one[1:]) for one in buckets.show if is_percentile(one)]
    return QueryTimeSeriesRequest(
        user_id=user_id,
        range=range_of(when, datetime.now(UTC), start=_STARTS[buckets.every]),
        filter=filter_of(which),
        interval=INTERVALS[buckets.every],
        time_zone=when.zone.key,
        group_by=GROUPS[buckets.by],
        percentile_ranks=said or buckets.ranks,
        complete_buckets_only=buckets.complete,
    )


def _show(found: QueryTimeSeriesResponse, when: When, buckets: Buckets, form: Form) -> None:
    console, zone = screen(), when.zone
    lines = buckets.lines(found, for_picture=form.is_picture, width=console.width)
    title = f"by {buckets.every}, {zone.key}"
    picture: RenderableType | None = None
    if form.is_picture:
        frame = _frame(lines, buckets.every, zone.key)
        title = frame.title
        if form.plot is not None:
            note = words.freshness(freshness_of(found), zone)
            _save(frame, form.plot, note)
            return
        picture = terminal.chart(frame, width=console.width, height=20)
    console.print(series_view(title, found, lines, zone, picture))


def _frame(lines: Lines, every: str, zone: str) -> Frame:
    try:
        return frame_of(lines, every=every, zone=zone)
    except NoPicture as error:
        raise click.BadParameter(str(error), param_hint="'--show'") from None


def _save(frame: Frame, path: Path, note: str) -> None:
    try:
        file.save(frame, path, note=note)
    except OSError as error:
        click.echo(f"Error: --plot: cannot write {path}: {error.strerror}", err=True)
        sys.exit(exit_codes.INVALID_SETTINGS)
    click.echo(f"drawn: {path}")


def _require_extra(form: Form) -> None:
    from importlib.util import find_spec

    option, library = ("--chart", "plotext") if form.chart else ("--plot", "matplotlib")
    if find_spec(library) is None:
        raise click.UsageError(f"{option} {_EXTRA}")
