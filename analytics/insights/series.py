"""QueryTimeSeries: the same numbers in civil buckets of a zone, every one of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration

from analytics import calendar
from analytics.cache_advice import rested_max_age_s
from analytics.calendar import Bucket, Interval, OddTime, Span
from analytics.errors import InvalidField
from analytics.insights import answers, queries, requests
from analytics.insights.model import Measured, Range, Results, Scope
from analytics.insights.queries import Grouping
from analytics.insights.reading import split_condition
from analytics.insights.reads import Sources
from analytics.insights.requests import Asked
from analytics.insights_pb2 import (
    GROUP_BY_ERROR_CODE,
    GROUP_BY_FAILURE_KIND,
    GROUP_BY_KIND,
    GROUP_BY_RESULT,
    GROUP_BY_UNSPECIFIED,
    GROUP_BY_WORKFLOW,
    GroupBy,
    JobNumbers,
    Numbers,
    QueryTimeSeriesRequest,
    QueryTimeSeriesResponse,
    Series,
    Unavailable,
)
from analytics.insights_pb2 import Bucket as BucketMessage
from analytics.store.pool import Connection

MOST_POINTS: Final = 10_000
COMPLETED, FAILED = "COMPLETED", "FAILED"
"""The groups of GROUP_BY_RESULT."""

_IN_ROWS: Final = {GROUP_BY_UNSPECIFIED: None, GROUP_BY_WORKFLOW: "workflow", GROUP_BY_KIND: "kind"}
_IN_RESULTS: Final = (GROUP_BY_RESULT, GROUP_BY_FAILURE_KIND, GROUP_BY_ERROR_CODE)


class Question(NamedTuple):
    """What a time series is asked for."""

    scope: Scope
    asked: Asked
    interval: Interval
    zone: ZoneInfo
    group_by: GroupBy
    ranks: tuple[float, ...]
    complete_buckets_only: bool


class _Frame(NamedTuple):
    """The buckets of an answer, and up to when they are known."""

    asked: Range
    buckets: list[Bucket]
    now_s: float
    as_of_s: float

    @property
    def starts_s(self) -> list[int]:
        """Where the buckets begin."""
        return [bucket.span.start_s for bucket in self.buckets]

    def elapsed_s(self, bucket: Bucket) -> float:
        """Return how much of a bucket the range covers and has passed."""
        start_s = max(bucket.span.start_s, self.asked.span.start_s)
        return min(bucket.span.end_s, self.asked.span.end_s, self.now_s) - start_s

    def is_in_progress(self, bucket: Bucket) -> bool:
        """Whether events of the bucket may be missing yet."""
        return bucket.span.end_s > self.as_of_s


class _Found(NamedTuple):
    """What was read: groups in order, the numbers of each in a bucket, and what cannot be told."""

    groups: Sequence[str]
    numbers: Callable[[str, Bucket], Numbers]
    unavailable: Sequence[Unavailable]


def parse(request: QueryTimeSeriesRequest) -> Question:
    """Return what is asked for. Raises InvalidField."""
    scope = requests.parse_scope(request.user_id, request.filter)
    asked, interval = requests.parse_range(request.range), requests.parse_interval(request.interval)
    zone, ranks = requests.parse_zone(request.time_zone), requests.parse_ranks(request.percentile_ranks)
    if request.group_by not in (*_IN_ROWS, *_IN_RESULTS):
        raise InvalidField("group_by", "must be one of the values of GroupBy")
    return Question(scope, asked, interval, zone, request.group_by, ranks, request.complete_buckets_only)


async def answer(question: Question, sources: Sources, within_s: float) -> QueryTimeSeriesResponse:
    """Return the series. Raises NoAnalytics, InvalidField for one that is too long, and what reads raise."""
    give_up_at = time.monotonic() + within_s
    as_of_ms, now_s = sources.as_of_ms(), sources.now_s()
    extent = await sources.reads.extent(question.scope.user_id, within_s)
    asked = question.asked.resolved(extent, now_s)
    as_of_s = 0.0 if as_of_ms is None else as_of_ms / 1000  # unknown: no bucket is over for sure
    frame = _Frame(asked, await asyncio.to_thread(_buckets, asked.span, question), now_s, as_of_s)
    read = _read_results if question.group_by in _IN_RESULTS else _read_rows
    found = await read(question, frame, extent, sources, give_up_at)
    _require_room(len(found.groups), len(frame.buckets))
    return QueryTimeSeriesResponse(
        series=await asyncio.to_thread(_series, found, question, frame),
        unavailable=[*answers.NOT_SENT, *found.unavailable],
        duration_precision=answers.PRECISION,
        freshness=sources.freshness(as_of_ms, extent.start_s),
        cache_max_age=Duration(seconds=rested_max_age_s(now_s - asked.span.end_s)),
    )


def _buckets(span: Span, question: Question) -> list[Bucket]:
    """Return every bucket that the range touches. Raises InvalidField."""
    try:
        buckets = list(islice(calendar.buckets(span, question.interval, question.zone), MOST_POINTS + 1))
    except OddTime:
        rule = "has hours or days in this range that do not begin at a quarter of an hour of UTC"
        raise InvalidField("time_zone", rule) from None
    if len(buckets) > MOST_POINTS:
        last = datetime.fromtimestamp(buckets[MOST_POINTS - 1].span.end_s, UTC)
        rule = (
            f"has more than {MOST_POINTS:,} buckets, which is the limit: it may end at {last:%Y-%m-%dT%H:%M:%SZ} "
            "at the latest, or take a longer interval"
        )
        raise InvalidField("range", rule)
    return buckets


async def _read_rows(
    question: Question, frame: _Frame, extent: Span, sources: Sources, give_up_at: float
) -> _Found:
    """Return what is grouped by something that the rows themselves tell."""
    by, starts_s = _IN_ROWS[question.group_by], frame.starts_s
    rows = split_condition(frame.asked.span, extent, starts_s)

    def sums(store: Connection, left_s: float) -> dict[tuple[str, int], Measured]:
        grouping = Grouping(by, starts_s, most=MOST_POINTS + 1)
        return queries.sums(store, question.scope, rows, grouping, question.ranks, left_s)

    if by is not None:  # first, so that the server never makes more sums than are allowed
        groups = await sources.reads.run(
            lambda store, left_s: queries.group_count(store, question.scope, rows, by, left_s),
            give_up_at - time.monotonic(),
        )
        _require_room(groups, len(starts_s))
    found = await sources.reads.run(sums, give_up_at - time.monotonic())

    def numbers(group: str, bucket: Bucket) -> Numbers:
        measured = found.get((group, bucket.span.start_s), Measured())
        return answers.numbers_message(measured, question.ranks, frame.elapsed_s(bucket))

    groups_found = [""] if by is None else sorted({group for group, _ in found})
    return _Found(groups_found, numbers, answers.unknown_of_former_jobs(found.values()))


async def _read_results(
    question: Question, frame: _Frame, extent: Span, sources: Sources, give_up_at: float
) -> _Found:
    """Return jobs that are grouped by something that only their results tell."""
    starts_s = frame.starts_s
    rows = split_condition(frame.asked.span, extent, starts_s)
    outcomes = await sources.reads.run(
        lambda store, left_s: queries.outcomes(store, question.scope, rows, starts_s, question.ranks, left_s),
        give_up_at - time.monotonic(),
    )
    if question.group_by == GROUP_BY_RESULT:
        return _by_result(outcomes, question.ranks)
    at = 0 if question.group_by == GROUP_BY_FAILURE_KIND else 1
    failed = {start_s: _failures_by(at, results) for start_s, (_, results) in outcomes.items()}
    none: Counter[str] = Counter()

    def numbers(group: str, bucket: Bucket) -> Numbers:
        return Numbers(jobs=JobNumbers(failed=failed.get(bucket.span.start_s, none)[group]))

    return _Found(sorted({group for one in failed.values() for group in one}), numbers, ())


def _by_result(found: Mapping[int, tuple[Measured, Results]], ranks: Sequence[float]) -> _Found:
    nothing = Measured(), Results({})

    def numbers(group: str, bucket: Bucket) -> Numbers:
        measured, results = found.get(bucket.span.start_s, nothing)
        by_result = answers.by_result_message(measured, results, ranks)
        if group == COMPLETED:
            durations = None if by_result is None else by_result.completed
            return Numbers(jobs=JobNumbers(completed=measured.jobs_completed), durations=durations)
        durations = None if by_result is None else by_result.failed
        return Numbers(jobs=JobNumbers(failed=measured.jobs_failed), durations=durations)

    is_known = all(results.jobs_with_status == measured.jobs for measured, results in found.values())
    return _Found([COMPLETED, FAILED], numbers, () if is_known else (answers.BY_RESULT,))


def _failures_by(at: int, results: Results) -> Counter[str]:
    """Return failed jobs by failure kind (`at` 0) or error code (1)."""
    jobs: Counter[str] = Counter()
    for failure, count in results.failures.items():
        jobs[failure[at]] += count
    return jobs


def _require_room(groups: int, buckets: int) -> None:
    """Raise InvalidField for an answer that would be too long; one series never is."""
    if groups > 1 and groups * buckets > MOST_POINTS:
        points = groups * buckets
        rule = (
            f"{groups:,} groups with {buckets:,} buckets each are {points:,} points, {MOST_POINTS:,} are the limit: "
            f"ask for at most {max(1, MOST_POINTS // groups):,} buckets, or for {MOST_POINTS // buckets:,} groups, "
            "with a filter"
        )
        raise InvalidField("group_by", rule)


def _series(found: _Found, question: Question, frame: _Frame) -> list[Series]:
    return [Series(group=group, buckets=_messages(group, found, question, frame)) for group in found.groups]


def _messages(group: str, found: _Found, question: Question, frame: _Frame) -> Iterator[BucketMessage]:
    asked = question.asked
    for bucket in frame.buckets:
        span = bucket.span
        begins_before = asked.start_s is not None and span.start_s < asked.start_s
        is_cut = begins_before or (asked.end_s is not None and span.end_s > asked.end_s)
        if question.complete_buckets_only and (is_cut or frame.is_in_progress(bucket)):
            continue
        yield BucketMessage(
            range=answers.range_message(span),
            label=bucket.label,
            numbers=found.numbers(group, bucket),
            cut=is_cut,
            in_progress=frame.is_in_progress(bucket),
        )
