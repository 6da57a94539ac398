"""Civil hours, days, weeks and months of a time zone, as ranges of Unix seconds. Pure.

A bucket begins at the first moment of its civil hour or day. Where clocks are put back, an hour comes twice and is two
buckets; where they are put forward, a day may begin at one o'clock, and what does not exist (an hour, or the day
that Samoa left out) is no bucket.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

QUARTER_S: Final = 900
DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_MONDAY: Final = 0


class Interval(Enum):
    """How long buckets are."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(NamedTuple):
    """A half-open range of Unix seconds."""

    start_s: int
    end_s: int


class Bucket(NamedTuple):
    """A civil hour, day, week or month, and its name."""

    span: Span
    label: str


class OddTime(Exception):
    """Something in this zone and range does not begin at a quarter of an hour of UTC (it did not, long ago)."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name, UTC for an empty one; None when there is no such zone."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the name of a folder, or a path
        return None


def buckets(span: Span, interval: Interval, zone: ZoneInfo) -> Iterator[Bucket]:
    """Yield the whole civil buckets that a span touches, in order and without a gap. Raises OddTime."""
    if interval is Interval.HOUR:
        yield from _hours(span, zone)
        return
    first = _first_date(_local(span.start_s, zone).date(), interval)
    start_s = start_of(first, zone)
    while start_s < span.end_s:
        following = _next_date(first, interval)
        end_s = start_of(following, zone)
        if end_s > start_s:  # else the day was left out
            yield Bucket(Span(_even(start_s), _even(end_s)), _LABELS[interval](first))
        first, start_s = following, end_s


def start_of(day: date, zone: ZoneInfo) -> int:
    """Return the first second at which the zone's calendar shows this day or a later one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    early_s, late_s = sorted(int(midnight.replace(fold=fold).timestamp()) for fold in (0, 1))
    if _local(early_s, zone).date() >= day:
        return early_s
    while late_s - early_s > 1:  # midnight is left out: find the moment at which clocks were put forward
        middle_s = (early_s + late_s) // 2
        if _local(middle_s, zone).date() >= day:
            late_s = middle_s
        else:
            early_s = middle_s
    return late_s


def period_before(span: Span, zone: ZoneInfo) -> Span:
    """Return the span of the same length just before: as many civil days, when it is made of whole ones."""
    first, behind = (_local(at_s, zone).date() for at_s in span)
    if (start_of(first, zone), start_of(behind, zone)) == span:
        return Span(start_of(first - (behind - first), zone), span.start_s)
    return Span(span.start_s - (span.end_s - span.start_s), span.start_s)


def year_before(span: Span, zone: ZoneInfo) -> Span:
    """Return the span between the same civil times of the year before; February 29 becomes 28."""
    return Span(*(_year_before(at_s, zone) for at_s in span))


def _year_before(at_s: int, zone: ZoneInfo) -> int:
    local = _local(at_s, zone)
    day = _same_day(local.date(), local.year - 1)
    if at_s == start_of(local.date(), zone):
        return start_of(day, zone)
    return int(local.replace(year=day.year, month=day.month, day=day.day).timestamp())


def _same_day(day: date, year: int) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=year, day=28) if is_leap_day else day.replace(year=year)


def _hours(span: Span, zone: ZoneInfo) -> Iterator[Bucket]:
    start_s = _hour_start(span.start_s, zone)
    while start_s < span.end_s:
        end_s = _hour_end(start_s, zone)
        label = _local(start_s, zone).isoformat(timespec="minutes")
        yield Bucket(Span(start_s, end_s), label)
        start_s = end_s


def _hour_start(at_s: int, zone: ZoneInfo) -> int:
    start_s = _even(at_s)
    while _hour(start_s - QUARTER_S, zone) == _hour(start_s, zone):
        start_s -= QUARTER_S
    return start_s


def _hour_end(start_s: int, zone: ZoneInfo) -> int:
    hour = _hour(start_s, zone)
    local, later = _local(start_s, zone), _local(start_s + _HOUR_S, zone)
    is_plain = local.utcoffset() == later.utcoffset() and not (local.minute or local.second)
    end_s = start_s + (_HOUR_S if is_plain else QUARTER_S)
    while _hour(end_s, zone) == hour:
        end_s += QUARTER_S
    _local_is_even(end_s, zone)
    return end_s


def _hour(at_s: int, zone: ZoneInfo) -> tuple[datetime, timedelta | None]:
    """Return what all moments of one civil hour have in common; a repeated hour has another offset."""
    local = _local(at_s, zone)
    return local.replace(minute=0, second=0, tzinfo=None), local.utcoffset()


def _local_is_even(at_s: int, zone: ZoneInfo) -> None:
    if (_local(at_s, zone).utcoffset() or timedelta()) % timedelta(seconds=QUARTER_S):
        raise OddTime(zone.key)


def _even(at_s: int) -> int:
    if at_s % QUARTER_S:
        raise OddTime(at_s)
    return at_s


def _local(at_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone)


def _first_date(day: date, interval: Interval) -> date:
    if interval is Interval.WEEK:
        return day - timedelta(days=day.weekday() - _MONDAY)
    return day.replace(day=1) if interval is Interval.MONTH else day


def _next_date(first: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if interval is Interval.WEEK else 1)


def _week(first: date) -> str:
    year, week, _ = first.isocalendar()
    return f"{year}-W{week:02}"


_LABELS: Final[dict[Interval, Callable[[date], str]]] = {
    Interval.DAY: date.isoformat,
    Interval.WEEK: _week,
    Interval.MONTH: lambda first: f"{first:%Y-%m}",
}
