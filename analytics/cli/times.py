"""Moments and periods as a person says them: `2026-10-25`, `last-month`, `7d`. Pure: `now` and the zone are arguments.

A name of a period stands for all of it: as the begin of a range for its first moment, as the end for its last one.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from analytics.calendar import QUARTER_S, start_of

RULE: Final = (
    "must be a date (2026-10-25), month (2026-10), ISO week (2026-W43), year, time (2026-10-25T14:30, RFC 3339), "
    "time ago (36h, 7d, 2w, 3mo), or one of {}"
)
_AGO: Final = re.compile(r"(\d{1,5})(h|d|w|mo)")
_FORMS: Final = re.compile(
    r"(?P<year>\d{4})|(?P<month>\d{4}-\d{2})|(?P<week>\d{4}-W\d{2})|(?P<day>\d{4}-\d{2}-\d{2})"
)


class Period(NamedTuple):
    """From one Unix second to another; the same twice for a moment."""

    start_s: float
    end_s: float


class _Days(NamedTuple):
    """Civil days: the first one, and the one after the last."""

    first: date
    behind: date


def _month(day: date, change: int = 0) -> date:
    """Return the first day of the month that is so many months later."""
    months = day.year * 12 + day.month - 1 + change
    return date(months // 12, months % 12 + 1, 1)


def _week(day: date, change: int = 0) -> date:
    return day - timedelta(days=day.weekday() - 7 * change)


_NAMED: Final[Mapping[str, Callable[[date], _Days]]] = {
    "today": lambda day: _Days(day, day + timedelta(1)),
    "yesterday": lambda day: _Days(day - timedelta(1), day),
    "this-week": lambda day: _Days(_week(day), _week(day, 1)),
    "last-week": lambda day: _Days(_week(day, -1), _week(day)),
    "this-month": lambda day: _Days(_month(day), _month(day, 1)),
    "last-month": lambda day: _Days(_month(day, -1), _month(day)),
    "this-year": lambda day: _Days(date(day.year, 1, 1), date(day.year + 1, 1, 1)),
    "last-year": lambda day: _Days(date(day.year - 1, 1, 1), date(day.year, 1, 1)),
}
WORDS: Final = ("now", *_NAMED)


def parse_period(text: str, now: datetime, zone: ZoneInfo) -> Period:
    """Return what the text stands for in that zone. Raises ValueError, which says the rule."""
    try:
        found = _period(text.strip(), now, zone)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ValueError(RULE.format(", ".join(WORDS)))
    return found


def _period(text: str, now: datetime, zone: ZoneInfo) -> Period | None:
    word, today = text.lower(), now.astimezone(zone).date()
    if word == "now":
        start_s = _quarter_s(now.timestamp())
        return Period(start_s, start_s + QUARTER_S)
    if word in _NAMED:
        return _of_days(_NAMED[word](today), zone)
    if ago := _AGO.fullmatch(word):
        return _ago(int(ago[1]), ago[2], now, zone)
    if form := _FORMS.fullmatch(text):
        return _of_days(_days(text, str(form.lastgroup)), zone)
    at = datetime.fromisoformat(text)
    at_s = (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()
    return Period(at_s, at_s)


def _ago(number: int, unit: str, now: datetime, zone: ZoneInfo) -> Period:
    """Hours are exact, to the quarter before; days and more lead to the begin of a civil day."""
    today = now.astimezone(zone).date()
    if unit == "h":
        at_s = _quarter_s(now.timestamp() - number * 3600)
    elif unit == "mo":
        month = _month(today, -number)
        last = _month(month, 1) - timedelta(1)
        at_s = start_of(month.replace(day=min(today.day, last.day)), zone)
    else:
        at_s = start_of(today - timedelta(days=number * (7 if unit == "w" else 1)), zone)
    return Period(at_s, at_s)


def _days(text: str, form: str) -> _Days:
    if form == "day":
        day = date.fromisoformat(text)
        return _Days(day, day + timedelta(1))
    if form == "week":
        monday = date.fromisoformat(f"{text}-1")
        return _Days(monday, monday + timedelta(7))
    first = date.fromisoformat(f"{text}-01" if form == "month" else f"{text}-01-01")
    return _Days(first, _month(first, 1 if form == "month" else 12))


def _of_days(days: _Days, zone: ZoneInfo) -> Period:
    return Period(start_of(days.first, zone), start_of(days.behind, zone))


def _quarter_s(at_s: float) -> int:
    return int(at_s) // QUARTER_S * QUARTER_S


def utc(at_s: float) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(at_s, UTC)
