"""Follow one user's summary as the service sends it: what `watch` does where the service can."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from analytics.cli import words
from analytics.cli.lines import json_line, plain_line
from analytics.cli.notes import json_of
from analytics.cli.samples import Row, Sample, next_row
from analytics.cli.subjects import Subject
from analytics.cli.summary_tables import summary_view
from analytics.client import AnalyticsClient, NotFound, TryLater, UserAnalytics, freshness_of
from analytics.insights_pb2 import (
    GetAnalyticsSummaryRequest,
    GetAnalyticsSummaryResponse,
    WatchAnalyticsRequest,
    WatchAnalyticsResponse,
)

LEAST_S, MOST_S = 1.0, 300.0
"""What the service allows as intervals."""

_HIGH: Final = 45
"""Lines that a screen with a whole summary needs."""

_RATED: Final = ("new_workflows", "jobs", "execution_seconds", "log_lines")


class Step(NamedTuple):
    """What happened. `event` None: there was no answer; `summary`: the newest one, with its present freshness."""

    row: Row
    event: WatchAnalyticsResponse | None
    summary: GetAnalyticsSummaryResponse | None


Show = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How steps are shown. `whole`: JSON of the whole summary, not of totals."""

    as_json: bool
    whole: bool
    zone: ZoneInfo


def steps(
    client: AnalyticsClient, subject: Subject, question: GetAnalyticsSummaryRequest, interval_s: float
) -> Iterator[Step]:
    """Yield summaries, heartbeats, and that there is no answer yet or just now. Raises ClientError for anything else."""
    between = timedelta(seconds=min(max(interval_s, LEAST_S), MOST_S))
    request = WatchAnalyticsRequest(summary=question, min_interval=between, heartbeat_interval=between)
    summary, before = None, None
    while True:
        try:
            for event in client.watch(request, on_break=_raised):
                summary = _newest(summary, event)
                now = Sample(time.monotonic(), datetime.now(UTC), found=_totals(summary))
                yield Step(next_row(subject, before, now), event, summary)
                before = now
        except (TryLater, NotFound) as error:
            now = Sample(time.monotonic(), datetime.now(UTC), error=error)
            yield Step(next_row(subject, before, now), None, summary)
            time.sleep(between.total_seconds())  # the pace that --interval asks for, also of vain tries


def show_steps(steps: Iterator[Step], look: Look, hint: str, count: int | None) -> None:
    """Show so many steps, or all of them."""
    is_screen = Console().is_terminal and not look.as_json
    shown = _screen(look, hint) if is_screen else nullcontext(lambda step: click.echo(_line(step, look)))
    with shown as show:
        for number, step in enumerate(steps, 1):
            show(step)
            if number == count:
                return


def _raised(error: TryLater) -> None:
    raise error


def _newest(
    summary: GetAnalyticsSummaryResponse | None, event: WatchAnalyticsResponse
) -> GetAnalyticsSummaryResponse:
    """Return the summary of the event, or the last one with the freshness of a heartbeat."""
    if event.HasField("summary") or summary is None:  # a stream begins with a summary
        return event.summary
    summary.freshness.CopyFrom(event.heartbeat.freshness)
    return summary


def _totals(answer: GetAnalyticsSummaryResponse) -> UserAnalytics:
    """Return the totals; of all time those of GetUserAnalytics."""
    numbers = answer.summary.numbers
    return UserAnalytics(
        workflows=numbers.new_workflows,
        jobs=numbers.jobs.finished,
        execution_seconds=numbers.durations.total_seconds,
        log_lines=numbers.logs.lines,
        freshness=freshness_of(answer),
        cache_max_age=answer.cache_max_age.ToTimedelta() if answer.HasField("cache_max_age") else None,
    )


@contextmanager
def _screen(look: Look, hint: str) -> Iterator[Show]:
    """Draw over what was drawn before; what was drawn last stays."""
    with Live(console=Console(), auto_refresh=False) as live:

        def show(step: Step) -> None:
            brief = live.console.height < _HIGH
            live.update(_drawn(step, look.zone, hint, brief=brief), refresh=True)

        yield show


def _drawn(step: Step, zone: ZoneInfo, hint: str, *, brief: bool) -> Group:
    row = step.row
    rates = dict(zip(_RATED, row.changes(), strict=True)) if row.rates else {}
    parts = []
    if step.summary is not None:
        parts.append(summary_view(row.subject.user_id, step.summary, zone, rates=rates, brief=brief))
    problem = [Text(row.problem, "yellow")] if row.problem else []
    return Group(
        *parts, *problem, Text(f"{hint} at {words.moment(row.sample.asked_at, zone)}; Ctrl-C ends", "dim")
    )


def _line(step: Step, look: Look) -> str:
    if not look.as_json:
        return plain_line(step.row)
    if look.whole and step.event is not None:
        return json_of(step.event)
    return json_line(step.row)
