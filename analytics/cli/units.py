"""Numbers with their units, short enough for the cell of a table. Pure."""

from enum import Enum
from typing import Final

from analytics.cli import words

NOTHING: Final = "-"
"""For a number that is not known, or has nothing to be computed from."""

_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_KIBI: Final = 1024


class Unit(Enum):
    """What a number counts. The value names it on an axis."""

    COUNT = "number"
    SECONDS = "duration"
    RATIO = "share"
    BYTES = "bytes"
    MEAN = "mean"


def value_words(unit: Unit, value: float | None) -> str:
    """Return a number as a person reads it; `-` for none."""
    return NOTHING if value is None else _WORDS[unit](value)


def span(seconds: float) -> str:
    """Return seconds in their two largest units: `1d 3h`, `2m 5s`, `4.5s`."""
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    place = next(at for at, (size, _) in enumerate(_SPANS) if whole >= size)
    parts = [f"{whole // _SPANS[place][0]:,}{_SPANS[place][1]}"]
    if place + 1 < len(_SPANS):
        smaller, unit = _SPANS[place + 1]
        if rest := whole % _SPANS[place][0] // smaller:
            parts.append(f"{rest}{unit}")
    return " ".join(parts)


def share(ratio: float) -> str:
    """Return `97.2%`; never 0% or 100% for what is not exactly that."""
    if 0 < ratio < 0.0005:
        return "<0.1%"
    if 0.9995 <= ratio < 1:
        return ">99.9%"
    return f"{ratio * 100:,.1f}".removesuffix(".0") + "%"


def size(count: float) -> str:
    """Return `1.4 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < _KIBI:
            return f"{count:,.1f}".removesuffix(".0") + f" {unit}"
        count /= _KIBI
    return f"{count:,.1f}".removesuffix(".0") + " TiB"


def mean(value: float) -> str:
    """Return a number that is no count with three digits that count: `0.0123`, `12.3`, `1,234`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _count(value: float) -> str:
    return words.count(round(value))


_WORDS: Final = {Unit.COUNT: _count, Unit.SECONDS: span, Unit.RATIO: share, Unit.BYTES: size, Unit.MEAN: mean}
