"""Numbers, durations and ages in words for a person. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from analytics.client import Freshness

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def count(number: int | None) -> str:
    """Return `12,345`; `-` for a number that there is not."""
    return "-" if number is None else f"{number:,}"


def duration(seconds: int) -> str:
    """Return whole seconds in their two largest units: `1 d 3 h`, `2 min 5 s`, `0 s`."""
    place = next((index for index, (size, _) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
    size, unit = _UNITS[place]
    words = f"{seconds // size:,} {unit}"
    if place + 1 < len(_UNITS):
        smaller, smaller_unit = _UNITS[place + 1]
        if rest := seconds % size // smaller:
            words += f" {rest} {smaller_unit}"
    return words


def age(past: timedelta) -> str:
    """Return how long ago: tenths below a minute, then as `duration`."""
    seconds = past.total_seconds()
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(round(seconds))


def rate(per_second: float | None, unit: str = "") -> str:
    """Return a change per second with its sign: `+2.5/s`, `+3.0 s/s`; empty when unknown."""
    return "" if per_second is None else f"{per_second:+,.1f}{unit}/s"


def moment(time: datetime, zone: tzinfo = UTC) -> str:
    """Return a time to the second, in a zone."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def freshness(told: Freshness | None, zone: tzinfo = UTC) -> str:
    """Return `as of …, 1.2 s old`, with STALE behind it when the service says so."""
    if told is None:
        return "how old they are, the service does not tell"
    if told.as_of is None or told.age is None:
        words = "as of an unknown time"
    else:
        words = f"as of {moment(told.as_of, zone)}, {age(told.age)} old"
    return f"{words}, STALE" if told.stale else words
