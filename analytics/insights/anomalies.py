"""ListAnomalies: hours that stand out from the same hour of earlier weeks."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from analytics import calendar
from analytics.calendar import DAY_S, Bucket, Interval, OddTime, Span
from analytics.errors import InvalidField
from analytics.histogram import value_s
from analytics.insights import answers, page_tokens, queries, requests
from analytics.insights.model import Measured, Range, Scope
from analytics.insights.page_tokens import Token
from analytics.insights.queries import Grouping
from analytics.insights.reading import split_condition
from analytics.insights.reads import Sources
from analytics.insights.requests import Asked
from analytics.insights.robust import Score, least_scale_of_count, least_scale_of_duration, robust_score
from analytics.insights_pb2 import (
    ANOMALY_MEASURE_FAILED_JOBS,
    ANOMALY_MEASURE_JOBS,
    ANOMALY_MEASURE_LOG_LINES,
    ANOMALY_MEASURE_MEDIAN_DURATION,
    Anomaly,
    ListAnomaliesRequest,
    ListAnomaliesResponse,
)
from analytics.requests import require_id
from analytics.store.pool import Connection

DEFAULT_SIZE, MOST_ROWS = 100, 1_000
LEAST_BASELINE: Final = 4
_MOST_WORKFLOWS: Final = 100
_MOST_DAYS: Final = 31
_WEEKS: Final = range(LEAST_BASELINE, 27)
_DEFAULT_WEEKS: Final = 8
_THRESHOLDS: Final = (1.0, 1_000.0)
_DEFAULT_THRESHOLD: Final = 3.5
_MOST_READ: Final = 150_000  # hours of workflows
_MEDIAN: Final = (50.0,)
_WEEK: Final = timedelta(days=7)


class _Measure(NamedTuple):
    value: Callable[[Measured], float | None]
    least_scale: Callable[[float], float]


def _median_s(measured: Measured) -> float | None:
    return value_s(measured.percentile_bins[0]) if answers.knows_durations(measured) else None


_MEASURES: Final = {
    ANOMALY_MEASURE_FAILED_JOBS: _Measure(lambda one: one.jobs_failed, least_scale_of_count),
    ANOMALY_MEASURE_MEDIAN_DURATION: _Measure(_median_s, least_scale_of_duration),
    ANOMALY_MEASURE_JOBS: _Measure(lambda one: one.jobs, least_scale_of_count),
    ANOMALY_MEASURE_LOG_LINES: _Measure(lambda one: one.log_lines, least_scale_of_count),
}


class Question(NamedTuple):
    """What anomalies are asked for."""

    scope: Scope
    asked: Asked
    zone: ZoneInfo
    weeks: int
    threshold: float
    measures: tuple[int, ...]
    size: int
    request: str
    behind: Token | None


class _Hours(NamedTuple):
    """Hours to be judged, and where any hour begins: one that was cut short by a change of clocks has no like."""

    judged: Sequence[Bucket]
    starts_s: Set[int]


class _Judged(NamedTuple):
    anomalies: list[Anomaly]
    judged: int
    not_judged: int


def parse(request: ListAnomaliesRequest) -> Question:
    """Return what is asked for. Raises InvalidField."""
    user = require_id("user_id", request.user_id)
    ids = requests.parse_workflow_ids("workflow_ids", request.workflow_ids, _MOST_WORKFLOWS)
    asked, zone = requests.parse_range(request.range), requests.parse_zone(request.time_zone)
    if asked.start_s is None:
        raise InvalidField("range.start_time", "is required")
    weeks, threshold = request.baseline_weeks or _DEFAULT_WEEKS, request.threshold or _DEFAULT_THRESHOLD
    if weeks not in _WEEKS:
        raise InvalidField("baseline_weeks", f"must be from {_WEEKS.start} to {_WEEKS.stop - 1}")
    if not _THRESHOLDS[0] <= threshold <= _THRESHOLDS[1]:
        raise InvalidField("threshold", f"must be from {_THRESHOLDS[0]:g} to {_THRESHOLDS[1]:g}")
    for at, measure in enumerate(request.measures):
        if measure not in _MEASURES:
            raise InvalidField(f"measures[{at}]", "must be one of the values of AnomalyMeasure")
    measures = tuple(dict.fromkeys(request.measures)) or tuple(_MEASURES)
    size = requests.parse_page_size(request.page_size, default=DEFAULT_SIZE, most=MOST_ROWS)
    digest = page_tokens.request_digest(request)
    behind = page_tokens.parse_token(request.page_token, digest)
    return Question(Scope(user, ids), asked, zone, weeks, threshold, measures, size, digest, behind)


async def answer(question: Question, sources: Sources, within_s: float) -> ListAnomaliesResponse:
    """Return a page. Raises NoAnalytics, InvalidField for a range that is too long, and what reads raise."""
    give_up_at = time.monotonic() + within_s
    as_of_ms, now_s = sources.as_of_ms(), sources.now_s()
    user_id, ids = question.scope.user_id, question.scope.workflow_ids
    extent = await sources.reads.extent(user_id, within_s)
    asked = question.asked.resolved(extent, now_s) if question.behind is None else question.behind.asked
    known_until_s = 0.0 if as_of_ms is None else as_of_ms / 1000  # unknown: no hour is over for sure
    hours, all_hours = await asyncio.to_thread(_hours, question, asked.span)

    def read(store: Connection, left_s: float) -> tuple[dict[tuple[str, int], Measured], dict[str, int]]:
        starts_s = [hour.span.start_s for hour in all_hours]
        whole = Span(starts_s[0], all_hours[-1].span.end_s)
        grouping = Grouping("workflow" if ids else None, starts_s, most=_MOST_READ)
        rows = split_condition(whole, extent, starts_s)
        begun = queries.beginnings(store, user_id, ids, left_s) if ids else {"": extent.start_s}
        return queries.sums(store, question.scope, rows, grouping, _MEDIAN, left_s), begun

    sums, begun = await sources.reads.run(read, give_up_at - time.monotonic())
    ended = [hour for hour in hours if hour.span.end_s <= known_until_s]
    starts_s = {hour.span.start_s for hour in all_hours}
    judged = await asyncio.to_thread(
        _judge, question, _Hours(ended, starts_s), sums, begun
    )  # a second for the longest
    page = _page(question, judged.anomalies)
    return ListAnomaliesResponse(
        anomalies=page[: question.size],
        next_page_token=_next(question, asked, page[question.size - 1]) if len(page) > question.size else "",
        judged=judged.judged,
        not_judged=judged.not_judged,
        freshness=sources.freshness(as_of_ms, extent.start_s),
    )


def _hours(question: Question, span: Span) -> tuple[list[Bucket], list[Bucket]]:
    """Return the hours to be judged, and those together with the ones that they are compared with."""
    if span.end_s - span.start_s > _MOST_DAYS * DAY_S:
        end = datetime.fromtimestamp(span.start_s + _MOST_DAYS * DAY_S, UTC)
        rule = f"is longer than {_MOST_DAYS} days, which is the limit: it may end at {end:%Y-%m-%dT%H:%M:%SZ} at the latest"
        raise InvalidField("range", rule)
    earliest_s = span.start_s - question.weeks * 7 * DAY_S - DAY_S  # clocks may have changed since
    try:
        hours = list(calendar.buckets(Span(max(earliest_s, 0), span.end_s), Interval.HOUR, question.zone))
    except OddTime:
        rule = "has hours in this range that do not begin at a quarter of an hour of UTC"
        raise InvalidField("time_zone", rule) from None
    _require_room(question, len(hours))
    whole = [hour for hour in hours if hour.span.start_s >= span.start_s and hour.span.end_s <= span.end_s]
    return whole, hours


def _require_room(question: Question, hours: int) -> None:
    """Raise InvalidField when more has to be read than one answer may cost."""
    workflows = len(question.scope.workflow_ids or (None,))
    if hours * workflows > _MOST_READ:
        rule = (
            f"{workflows} workflows with {hours:,} hours each, those of earlier weeks among them, are "
            f"{hours * workflows:,}, {_MOST_READ:,} are the limit: ask for at most {_MOST_READ // hours:,} workflows, "
            "or for fewer weeks"
        )
        raise InvalidField("workflow_ids", rule)


def _judge(
    question: Question,
    hours: _Hours,
    sums: Mapping[tuple[str, int], Measured],
    begun: Mapping[str, int],
) -> _Judged:
    result, judged, not_judged = [], 0, 0
    for hour in hours.judged:
        found_s = _earlier(hour.span.start_s, question.weeks, question.zone)
        earlier_s = [at_s for at_s in found_s if at_s in hours.starts_s]
        for workflow_id, begun_s in begun.items():
            now = sums.get((workflow_id, hour.span.start_s), Measured())
            others = [sums.get((workflow_id, at_s), Measured()) for at_s in earlier_s if at_s >= begun_s]
            for measure in question.measures:
                value = _MEASURES[measure].value(now)  # type: ignore[index] # an enum is an int
                if value is None:
                    continue
                anomaly = _anomaly(measure, value, others)
                if anomaly is None:
                    not_judged += 1
                    continue
                judged += 1
                if abs(anomaly.score) >= question.threshold:
                    anomaly.workflow_id, anomaly.label = workflow_id, hour.label
                    anomaly.range.CopyFrom(answers.range_message(hour.span))
                    result.append(anomaly)
    return _Judged(sorted(result, key=_order), judged, not_judged)


def _earlier(start_s: int, weeks: int, zone: ZoneInfo) -> Iterator[int]:
    """Yield when the same civil hour began in earlier weeks, the newest first; where it was left out, not at all."""
    local = datetime.fromtimestamp(start_s, UTC).astimezone(zone)
    for number in range(1, weeks + 1):
        earlier = local - number * _WEEK  # in civil time
        at_s = int(earlier.timestamp())
        if datetime.fromtimestamp(at_s, UTC).astimezone(zone).replace(tzinfo=None) == earlier.replace(
            tzinfo=None
        ):
            yield at_s


def _anomaly(measure: int, value: float, others: Sequence[Measured]) -> Anomaly | None:
    """Return the numbers of one measure of an hour; None when there is too little to judge it by."""
    how = _MEASURES[measure]  # type: ignore[index] # an enum is an int
    baseline = [one for one in map(how.value, others) if one is not None]
    if len(baseline) < LEAST_BASELINE:
        return None
    score: Score = robust_score(value, baseline, how.least_scale(median(baseline)))
    return Anomaly(
        measure=measure,  # type: ignore[arg-type] # an enum is an int
        value=value,
        median=score.median,
        median_absolute_deviation=score.mad,
        score=score.score,
        scale=score.scale,
        baseline=baseline,
    )


def _order(anomaly: Anomaly) -> tuple[float, str]:
    return -abs(anomaly.score), _name(anomaly)


def _name(anomaly: Anomaly) -> str:
    """Return what tells an anomaly from all others of an answer."""
    return f"{anomaly.range.start_time.seconds:010} {anomaly.workflow_id} {anomaly.measure}"


def _page(question: Question, anomalies: Sequence[Anomaly]) -> list[Anomaly]:
    """Return the anomalies of a page and, if there is any, the one behind it."""
    behind = question.behind
    if behind is not None:
        last = (-float(behind.value or 0.0), behind.row)
        anomalies = [one for one in anomalies if _order(one) > last]
    return list(anomalies[: question.size + 1])


def _next(question: Question, asked: Range, last: Anomaly) -> str:
    token = Token(question.request, *asked.span, asked.is_all_time, abs(last.score), _name(last))
    return page_tokens.token_text(token)
