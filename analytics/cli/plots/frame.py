"""What a picture of a time series has: axes, units, names, and which buckets are not whole. Pure."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from analytics.cli.series_lines import Lines
from analytics.cli.units import Unit

_SCALES: Final = {
    Unit.COUNT: (("", 1.0),),
    Unit.MEAN: (("", 1.0),),
    Unit.RATIO: (("%", 0.01),),
    Unit.SECONDS: (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0)),
    Unit.BYTES: (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 1024.0), ("B", 1.0)),
}
_FEW: Final = 2
"""An axis has the largest unit of which the largest value is so many."""


class NoPicture(Exception):
    """The numbers asked for have no axis in common."""


class Curve(NamedTuple):
    """Values of a group or of a number, scaled, a bucket each; None: absent."""

    name: str
    values: list[float | None]


class Frame(NamedTuple):
    """A picture: `as_bars` bars that stand on each other, else lines. A bucket is `cut`, `in_progress`, both or neither."""

    title: str
    x_title: str
    y_title: str
    labels: list[str]
    curves: list[Curve]
    cut: list[bool]
    in_progress: list[bool]
    as_bars: bool

    @property
    def top(self) -> float:
        """The highest value that is drawn; 0 when there is none."""
        if not self.as_bars:
            return max(
                (value for curve in self.curves for value in curve.values if value is not None), default=0
            )
        columns = zip(*(curve.values for curve in self.curves), strict=True)
        return max((sum(value or 0 for value in column) for column in columns), default=0)


def frame_of(lines: Lines, *, every: str, zone: str) -> Frame:
    """Return the picture of lines whose numbers have one unit. Raises NoPicture."""
    units = {line.measure.unit for line in lines.lines}
    if len(units) > 1:
        raise NoPicture("numbers of one picture must have one unit: counts, times, shares or bytes")
    unit = units.pop() if units else Unit.COUNT
    symbol, size = _scale(unit, (value for line in lines.lines for value in line.values))
    names = list(dict.fromkeys(line.measure.title for line in lines.lines))
    what = names[0] if len(names) == 1 else unit.value
    return Frame(
        title=f"{', '.join(names)} by {every}",
        x_title=f"{every}, {zone}",
        y_title=f"{what} ({symbol})" if symbol else what,
        labels=[bucket.label for bucket in lines.buckets],
        curves=[
            Curve(line.name, [None if value is None else value / size for value in line.values])
            for line in lines.lines
        ],
        cut=[bucket.cut for bucket in lines.buckets],
        in_progress=[bucket.in_progress for bucket in lines.buckets],
        as_bars=lines.as_bars,
    )


def ticks(top: float, most: int) -> list[float]:
    """Return at most so many round numbers from 0 to the first one that is not below the top."""
    if top <= 0:
        return [0.0, 1.0]
    least = top / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= least * 0.999)
    return [number * step for number in range(math.ceil(top / step * 0.999) + 1)]


def thinned(count: int, most: int) -> list[int]:
    """Return places among so many, evenly apart, at most so many of them, the first one always."""
    return list(range(0, count, max(1, math.ceil(count / max(1, most)))))


def _scale(unit: Unit, values: Iterable[float | None]) -> tuple[str, float]:
    top = max((value for value in values if value is not None), default=0)
    scales = _SCALES[unit]
    return next((one for one in scales if top >= _FEW * one[1]), scales[-1])
