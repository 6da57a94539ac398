"""A summary as a person sees it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analytics.cli import notes, words
from analytics.cli.changes import change_text
from analytics.cli.measures import Measure, all_measures
from analytics.cli.units import Unit
from analytics.client import freshness_of
from analytics.insights_pb2 import (
    Cost,
    DurationsByResult,
    FailureCount,
    GetAnalyticsSummaryResponse,
    Numbers,
    Summary,
    WorkflowCounts,
)

_INDENT: Final = "  "
_MOST_FAILURES: Final = 10
_LONG: Final = ("minimum_duration", "log_bytes", "stderr_lines", "stderr_bytes", "lines_per_job")
"""What a small screen leaves out."""


def summary_view(
    user_id: str,
    answer: GetAnalyticsSummaryResponse,
    zone: ZoneInfo,
    *,
    rates: Mapping[str, str] | None = None,
    brief: bool = False,
) -> Group:
    """Return the numbers of a range with what they are compared with.

    `rates`: changes per second, by measure. `brief`: what fits on a small screen.
    """
    summary, fresh = answer.summary, notes.freshness_note(freshness_of(answer), zone)
    parts: list[RenderableType] = [
        _head(user_id, answer, zone),
        "",
        _numbers(answer, rates or {}, brief=brief),
    ]
    if brief:
        return Group(*parts, *_footer(summary), fresh)
    if summary.HasField("durations_by_result"):
        parts += ["", _by_result(summary.durations_by_result)]
    if summary.failures:
        parts += ["", _failures(summary.failures)]
    parts += ["", *_footer(summary), notes.precision_note(answer.duration_precision)]
    parts += notes.unavailable_notes(answer.unavailable)
    return Group(*parts, fresh)


def _head(user_id: str, answer: GetAnalyticsSummaryResponse, zone: ZoneInfo) -> Table:
    head = Table.grid(padding=(0, 3, 0, 0))
    head.add_column(style="bold")
    head.add_column(overflow="fold")
    head.add_row("user", user_id)
    head.add_row("range", notes.range_words(answer.summary.range, zone))
    if answer.HasField("compared_with"):
        head.add_row("before", notes.range_words(answer.compared_with.range, zone))
    return head


def _numbers(answer: GetAnalyticsSummaryResponse, rates: Mapping[str, str], *, brief: bool) -> Table:
    """Return a line a number; columns of the former range and the change only when it was asked for."""
    is_compared = answer.HasField("compared_with")
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold", show_header=is_compared)
    for title in ("", "now", *(("before", "change") if is_compared else ()), *(("",) if rates else ())):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    now, before = answer.summary.numbers, answer.compared_with.numbers
    changes = {one.number: one for one in answer.changes}
    for measure in all_measures([one.rank for one in now.durations.percentiles]):
        if brief and measure.name in _LONG:
            continue
        cells: list[RenderableType] = [_title(measure), measure.words(now)]
        moved: list[RenderableType] = [measure.words(before), change_text(measure, changes.get(measure.name))]
        rate: list[RenderableType] = [Text(rates.get(measure.name, ""), "cyan")] if rates else []
        table.add_row(*cells, *(moved if is_compared else []), *rate)
    return table


def _title(measure: Measure) -> Text:
    return Text(_INDENT * measure.level + measure.title, "" if measure.level else "bold")


def _by_result(told: DurationsByResult) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    numbers = [Numbers(durations=told.completed), Numbers(durations=told.failed)]
    table.add_column("durations", no_wrap=True)
    for title in ("completed", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    ranks = [one.rank for one in told.completed.percentiles or told.failed.percentiles]
    table.add_row(_INDENT + "jobs", *(words.count(one.count) for one in (told.completed, told.failed)))
    for measure in all_measures(ranks):
        if measure.unit is Unit.SECONDS and any(measure.of(one) is not None for one in numbers):
            table.add_row(_INDENT + measure.title, *(measure.words(one) for one in numbers))
    return table


def _failures(failures: Sequence[FailureCount]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("failures", no_wrap=True)
    table.add_column("error code")
    table.add_column("jobs", justify="right", no_wrap=True)
    for one in failures[:_MOST_FAILURES]:
        name = _INDENT + (one.failure_kind or "(none told)")
        table.add_row(name, one.error_code or "(none told)", words.count(one.jobs))
    if rest := failures[_MOST_FAILURES:]:
        jobs = sum(one.jobs for one in rest)
        table.add_row(_INDENT + f"{len(rest)} more", "--json has them all", words.count(jobs))
    return table


def _footer(summary: Summary) -> Iterator[Text]:
    yield _workflows(summary.workflows)
    if summary.HasField("cost"):
        yield _cost(summary.cost)


def _workflows(counts: WorkflowCounts) -> Text:
    return Text.assemble(
        ("workflows", "bold"),
        f"   {words.count(counts.total)}: {words.count(counts.active)} active, ",
        f"{words.count(counts.terminated)} terminated, {words.count(counts.deleted)} deleted; in this range ",
        f"{words.count(counts.terminated_in_range)} terminated, {words.count(counts.deleted_in_range)} deleted",
    )


def _cost(cost: Cost) -> Text:
    parts = ", ".join(f"{name} {price(getattr(cost, name))}" for name in ("execution", "jobs", "logs"))
    total = f"{cost.currency_code} {price(cost.total)}".strip()
    return Text.assemble(("cost", "bold"), f"        {total} ({parts})")


def price(text: str) -> str:
    """Return an exact decimal number without zeros at its end, but with two places."""
    whole, _, places = text.partition(".")
    return f"{int(whole):,}.{places.rstrip('0').ljust(2, '0')}"
