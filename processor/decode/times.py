"""Times as records write them: RFC 3339 with up to nine fractional digits and an offset."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
EARLIEST_BEFORE_S: Final = 3600
LATEST_AFTER_S: Final = 300


def _wall_clock_s(text: str) -> int:
    """Return Unix seconds of `2026-03-01T10:00:00`, read as UTC. Raises ValueError."""
    day = date.fromisoformat(text[:10])  # alone, so that 24:00:00 and leap seconds are refused below
    clock = datetime(
        day.year, day.month, day.day, int(text[11:13]), int(text[14:16]), int(text[17:]), tzinfo=UTC
    )
    return int(clock.timestamp())


def parse_time_ns(text: str) -> int:
    """Return Unix nanoseconds, exactly. Raises ValueError for any other form and for times that do not exist."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("no RFC 3339 time")
    clock, fraction, sign, hours, minutes = match.groups()
    seconds = _wall_clock_s(clock)
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError("no offset")
        offset_s = int(hours) * 3600 + int(minutes) * 60
        seconds += offset_s if sign == "-" else -offset_s
    return seconds * NS_PER_S + (int(fraction.ljust(9, "0")) if fraction else 0)


def parse_time_s(text: str) -> int:
    """Return the whole Unix second in which the time lies. Raises ValueError."""
    tail = text[19:]
    if tail == "Z" or (tail[:1] == "." and tail[-1] == "Z" and len(tail) < 12 and _are_digits(tail[1:-1])):
        second = utc_second(text[:19])
        if second is not None:
            return second
    return parse_time_ns(text) // NS_PER_S


@lru_cache(maxsize=1 << 14)
def utc_second(clock: str) -> int | None:
    """Return the Unix second of 19 characters such as `2026-03-01T10:00:00`, in UTC; None when they are no time."""
    try:
        return parse_time_ns(f"{clock}Z") // NS_PER_S
    except ValueError:
        return None


def line_second(text: str, record_ms: int) -> int:
    """Return the second to which a log line belongs: its own, when it is believable, else its record's.

    Believable is from one hour before to five minutes after the record's timestamp. Raises ValueError.
    """
    second, record_s = parse_time_s(text), record_ms // 1000
    if record_s - EARLIEST_BEFORE_S < second < record_s + LATEST_AFTER_S - 1:
        return second
    ahead_ns = parse_time_ns(text) - record_ms * 1_000_000
    believable = -EARLIEST_BEFORE_S * NS_PER_S <= ahead_ns <= LATEST_AFTER_S * NS_PER_S
    return second if believable else record_s


def _are_digits(text: str) -> bool:
    return text.isdecimal() and text.isascii()
