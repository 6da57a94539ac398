"""GetAnalyticsSummary: everything that is known of one range, and how it has changed."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration

from analytics import calendar
from analytics.cache_advice import rested_max_age_s
from analytics.calendar import Span
from analytics.errors import InvalidField
from analytics.insights import answers, queries, requests, workflow_queries
from analytics.insights.cost import Rates, cost_of
from analytics.insights.model import Measured, Range, Results, Scope, WorkflowCounts
from analytics.insights.reading import condition_of
from analytics.insights.reads import Sources
from analytics.insights.requests import Asked
from analytics.insights_pb2 import (
    COMPARISON_PREVIOUS_PERIOD,
    COMPARISON_UNSPECIFIED,
    COMPARISON_YEAR_AGO,
    Change,
    Comparison,
    GetAnalyticsSummaryRequest,
    GetAnalyticsSummaryResponse,
    Summary,
    Unavailable,
)
from analytics.store.pool import Connection

_EARLIER: Final = {
    COMPARISON_PREVIOUS_PERIOD: calendar.period_before,
    COMPARISON_YEAR_AGO: calendar.year_before,
}


_ALL: Final = Span(0, 2**32)  # in place of an extent that is not known yet


class Question(NamedTuple):
    """What a summary is asked for."""

    scope: Scope
    asked: Asked
    ranks: tuple[float, ...]
    comparison: Comparison
    zone: ZoneInfo
    rates: Rates | None


class _Found(NamedTuple):
    """What was read of one range."""

    asked: Range
    measured: Measured
    results: Results
    counts: WorkflowCounts


def parse(request: GetAnalyticsSummaryRequest) -> Question:
    """Return what is asked for. Raises InvalidField."""
    scope = requests.parse_scope(request.user_id, request.filter)
    asked = requests.parse_range(request.range)
    ranks, zone = requests.parse_ranks(request.percentile_ranks), requests.parse_zone(request.time_zone)
    comparison = request.comparison
    if comparison not in (COMPARISON_UNSPECIFIED, *_EARLIER):
        raise InvalidField("comparison", "must be COMPARISON_PREVIOUS_PERIOD or COMPARISON_YEAR_AGO")
    if comparison and asked.start_s is None:
        raise InvalidField("comparison", "needs range.start_time: nothing comes before all time")
    rates = requests.parse_rates(request.rates) if request.HasField("rates") else None
    return Question(scope, asked, ranks, comparison, zone, rates)


async def answer(question: Question, sources: Sources, within_s: float) -> GetAnalyticsSummaryResponse:
    """Return the summary. Raises NoAnalytics, and what reads raise."""
    as_of_ms, now_s = sources.as_of_ms(), sources.now_s()
    extent, found = await _find(question, sources, now_s, within_s)
    response = GetAnalyticsSummaryResponse(
        summary=_summary(found[0], question, now_s),
        unavailable=_unavailable(found),
        duration_precision=answers.PRECISION,
        freshness=sources.freshness(as_of_ms, extent.start_s),
        cache_max_age=Duration(seconds=rested_max_age_s(now_s - found[0].asked.span.end_s)),
    )
    if len(found) > 1:
        response.compared_with.CopyFrom(_summary(found[1], question, now_s))
        response.changes.extend(_changes(question, *found, now_s=now_s))
    return response


async def _find(
    question: Question, sources: Sources, now_s: float, within_s: float
) -> tuple[Span, list[_Found]]:
    """Return the extent of the user's data, and what is in the range, and in the one that it is compared with.

    All is read at once, unless the range begins where the data does.
    """
    give_up_at = time.monotonic() + within_s
    reading_extent = asyncio.ensure_future(sources.reads.extent(question.scope.user_id, within_s))
    try:
        needs_extent = question.asked.start_s is None and question.asked.end_s is not None
        known = await reading_extent if needs_extent else _ALL
        ranges = [question.asked.resolved(known, now_s)]
        if question.comparison:
            earlier = _EARLIER[question.comparison](ranges[0].span, question.zone)
            ranges.append(Range(earlier, is_all_time=False))
        left_s = give_up_at - time.monotonic()
        reading = [_read(question, one, sources, left_s) for one in ranges]
        found, extent = list(await asyncio.gather(*reading)), await reading_extent
    finally:
        reading_extent.cancel()
        with suppress(asyncio.CancelledError, Exception):  # the first failure is the one that is told
            await reading_extent
    if found[0].asked.is_all_time:
        found[0] = found[0]._replace(asked=question.asked.resolved(extent, now_s))
    return extent, found


async def _read(question: Question, asked: Range, sources: Sources, within_s: float) -> _Found:
    scope, rows = question.scope, condition_of(asked)

    def outcome(store: Connection, left_s: float) -> tuple[Measured, Results]:
        found = queries.outcomes(store, scope, rows, (), question.ranks, left_s)
        return found.get(0, (Measured(), Results({})))

    def counts(store: Connection, left_s: float) -> WorkflowCounts:
        return workflow_queries.workflow_counts(store, scope, asked.span, left_s)

    run = sources.reads.run
    (measured, results), found = await asyncio.gather(run(outcome, within_s), run(counts, within_s))
    return _Found(asked, measured, results, found)


def _summary(found: _Found, question: Question, now_s: float) -> Summary:
    summary = Summary(
        range=answers.range_message(found.asked.span),
        numbers=answers.numbers_message(found.measured, question.ranks, _elapsed_s(found.asked, now_s)),
        failures=answers.failure_counts(found.results),
        durations_by_result=answers.by_result_message(found.measured, found.results, question.ranks),
        workflows=answers.counts_message(found.counts),
    )
    if question.rates is not None:
        cost = cost_of(found.measured, question.rates)
        summary.cost.CopyFrom(answers.cost_message(cost, question.rates.currency_code))
    return summary


def _elapsed_s(asked: Range, now_s: float) -> float:
    """Return how much of a range has passed."""
    return min(asked.span.end_s, now_s) - asked.span.start_s


def _unavailable(found: Sequence[_Found]) -> Iterator[Unavailable]:
    yield from answers.NOT_SENT
    yield from answers.unknown_of_former_jobs(one.measured for one in found)
    if any(one.results.jobs_with_status != one.measured.jobs for one in found):
        yield answers.BY_RESULT


def _changes(question: Question, now: _Found, before: _Found, *, now_s: float) -> Iterator[Change]:
    former = _values(before, question.ranks, now_s)
    for name, value in _values(now, question.ranks, now_s).items():
        yield _change(name, former[name], value)


def _change(name: str, before: float | None, now: float | None) -> Change:
    change = Change(number=name, before=before, now=now)
    if before is not None and now is not None:
        change.difference = now - before
        if before:
            change.ratio = (now - before) / before
    return change


def _values(found: _Found, ranks: Sequence[float], now_s: float) -> Mapping[str, float | None]:
    """Return all numbers by the names that ListWorkflowAnalyticsRequest.order_by has for them; None: unset."""
    one = found.measured
    results, elapsed_s = one.jobs_completed + one.jobs_failed, _elapsed_s(found.asked, now_s)
    is_known = answers.knows_durations(one)
    percentiles_s = answers.percentiles_s(one) if is_known else [None] * len(ranks)
    return {
        "jobs": one.jobs,
        "jobs_completed": one.jobs_completed,
        "jobs_failed": one.jobs_failed,
        "success_ratio": one.jobs_completed / results if results else None,
        "execution_seconds": one.execution_seconds,
        "average_duration": one.execution_seconds / one.jobs if one.jobs else None,
        "minimum_duration": one.shortest_seconds if is_known else None,
        "maximum_duration": one.longest_seconds if is_known else None,
        **{f"p{rank:g}": one_s for rank, one_s in zip(ranks, percentiles_s, strict=True)},
        "log_lines": one.log_lines,
        "log_bytes": one.log_bytes,
        "stderr_lines": one.stderr_lines,
        "stderr_bytes": one.stderr_bytes,
        "stderr_ratio": one.stderr_lines / one.log_lines if one.log_lines else None,
        "lines_per_job": one.log_lines / one.jobs if one.jobs else None,
        "utilization": one.execution_seconds / elapsed_s if elapsed_s > 0 else None,
        "new_workflows": one.workflows,
    }
