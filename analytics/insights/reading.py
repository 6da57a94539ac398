"""Which rows of table `analytics` hold a range: whole UTC days where they can, quarters of an hour elsewhere. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from analytics.calendar import DAY_S, Span
from analytics.insights.model import Range

_MOST_STRETCHES = 500  # the text of more would be longer than ClickHouse reads


class Rows(NamedTuple):
    """Day rows and quarter-hour rows whose buckets begin in these spans; each moment of the range is in one of them."""

    days: tuple[Span, ...]
    quarters: tuple[Span, ...]

    @property
    def condition(self) -> str:
        """The same in SQL."""
        parts = [*_conditions("day", self.days), *_conditions("quarter", self.quarters)]
        return f"({' OR '.join(parts)})" if parts else "resolution = 'day' AND 0"


ALL_TIME = "resolution = 'total'"
"""In SQL: the rows that hold everything, whatever its time."""


def rows_of(span: Span, boundaries: Iterable[int] = ()) -> Rows:
    """Return the rows that hold a span so that none of them lies on both sides of a boundary.

    All are Unix seconds and multiples of 900.
    """
    split = {at_s // DAY_S for at_s in (*span, *boundaries) if at_s % DAY_S}
    first, behind = span.start_s // DAY_S, -(-span.end_s // DAY_S)
    days, quarters = [], []
    for is_split, run in groupby(range(first, behind), key=split.__contains__):
        numbers = list(run)
        stretch = Span(numbers[0] * DAY_S, (numbers[-1] + 1) * DAY_S)
        if is_split:
            quarters.append(Span(max(stretch.start_s, span.start_s), min(stretch.end_s, span.end_s)))
        else:
            days.append(stretch)
    return Rows(tuple(days), tuple(quarters))


def _conditions(resolution: str, spans: Iterable[Span]) -> Iterator[str]:
    for start_s, end_s in spans:
        within = f"bucket_start >= toDateTime({start_s}, 'UTC') AND bucket_start < toDateTime({end_s}, 'UTC')"
        yield f"(resolution = '{resolution}' AND {within})"


def condition_of(asked: Range) -> str:
    """Return the SQL condition for the rows of a range."""
    return ALL_TIME if asked.is_all_time else rows_of(asked.span).condition


def split_condition(span: Span, extent: Span, boundaries: Iterable[int]) -> str:
    """Return the SQL condition for the rows of a span, none of which lies on both sides of a boundary.

    `extent`: the UTC days of the user's data, beyond which nothing has to be looked for.
    """
    start_s, end_s = max(span.start_s, extent.start_s), min(span.end_s, extent.end_s)
    if start_s >= end_s:
        return Rows((), ()).condition
    span = Span(start_s, end_s)
    rows = rows_of(span, (one for one in boundaries if start_s < one < end_s))
    if len(rows.days) + len(rows.quarters) > _MOST_STRETCHES:
        rows = Rows((), (span,))
    return rows.condition
