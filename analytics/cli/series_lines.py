"""A time series as lines: one a group, or one a number. Tables, plots and CSV are made of them. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from analytics.cli.measures import Measure
from analytics.insights_pb2 import Bucket, QueryTimeSeriesResponse, Series

MOST_LINES: Final = 8
"""More groups are more than an eye can tell apart, and than a table has room for."""

_SHORT: Final = 13
_NUMBER, _GAP, _MARKS = 8, 2, 5
"""Columns of a usual number, between two columns, and of the marks behind a label."""


class Line(NamedTuple):
    """Values of one number, a bucket each; None: absent."""

    name: str
    measure: Measure
    values: list[float | None]


class Lines(NamedTuple):
    """Lines over the same buckets. `as_bars`: they are parts of a whole. `more`: groups that have no line of their own."""

    buckets: Sequence[Bucket]
    lines: list[Line]
    as_bars: bool = False
    more: int = 0


def by_measure(answer: QueryTimeSeriesResponse, measures: Sequence[Measure]) -> Lines:
    """Return a line a number, of a series that is not grouped."""
    buckets = answer.series[0].buckets if answer.series else []
    lines = [Line(one.title, one, _values(buckets, one)) for one in measures]
    return Lines(buckets, lines, as_bars=len(measures) == 1 and measures[0].sums_up)


def by_group(
    answer: QueryTimeSeriesResponse, measure: Measure, grouped_by: str, most: int = MOST_LINES
) -> Lines:
    """Return at most so many lines: the largest groups, and the others as one where they can be added up."""
    if not answer.series:
        return Lines([], [])
    ordered = sorted(answer.series, key=lambda one: -_size(one, measure))
    shown = ordered if len(ordered) <= most else ordered[: most - 1]
    if grouped_by == "result":
        shown = list(answer.series)  # completed below, failed above, whichever is larger
    lines = [Line(group_name(one.group, grouped_by), measure, _values(one.buckets, measure)) for one in shown]
    rest = ordered[len(shown) :]
    if rest and measure.sums_up:
        lines.append(_sum_of(rest, measure))
    return Lines(answer.series[0].buckets, lines, measure.sums_up, len(rest))


def room_for(answer: QueryTimeSeriesResponse, grouped_by: str, width: int) -> int:
    """Return how many columns a table of that width has for groups, two at least."""
    names = [len(group_name(one.group, grouped_by)) for one in answer.series]
    label = max((len(bucket.label) for one in answer.series[:1] for bucket in one.buckets), default=0)
    room = (width - label - _MARKS) // (max([*names, _NUMBER]) + _GAP)
    return min(max(room, 2), MOST_LINES)


def group_name(group: str, grouped_by: str) -> str:
    """Return the name of a group, short; begin and end of an id, for ids of one minute begin alike."""
    if not group:
        return "(none told)"
    return short_id(group) if grouped_by == "workflow" else group


def short_id(workflow_id: str) -> str:
    """Return begin and end of an id."""
    return f"{workflow_id[:8]}…{workflow_id[-4:]}" if len(workflow_id) > _SHORT else workflow_id


def _sum_of(rest: Sequence[Series], measure: Measure) -> Line:
    columns = zip(*(_values(one.buckets, measure) for one in rest), strict=True)
    return Line(f"{len(rest)} more", measure, [_total(column) for column in columns])


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _size(series: Series, measure: Measure) -> float:
    return _total(_values(series.buckets, measure)) or 0


def _values(buckets: Sequence[Bucket], measure: Measure) -> list[float | None]:
    return [measure.of(bucket.numbers) for bucket in buckets]
