"""A picture in the terminal, by plotext."""

from itertools import accumulate
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from analytics.cli.plots.frame import Curve, Frame, thinned, ticks

_COLOURS: Final = (33, 208, 40, 196, 170, 44, 226, 245)
"""Of the 256 that terminals have: blue, orange, green, red, magenta, cyan, yellow, grey."""

_WHOLE, _OPEN, _DOTS, _POINT = "█", "░", "braille", "·"
_LEAST_WIDTH: Final = 30
_BETWEEN: Final = 1.5
"""Columns of a bucket that its bar leaves free; plotext rounds, so that one stays free."""

_MOST_Y_TICKS: Final = 6


def chart(frame: Frame, *, width: int, height: int) -> RenderableType:
    """Return the picture. Raises ImportError where plotext is not installed."""
    import plotext

    heights = ticks(frame.top, _MOST_Y_TICKS)
    labels = [f"{one:g}" for one in heights]
    margin = (
        max(map(len, labels)) + 3
    )  # labels, the two sides, and one column more than buckets need: it counts their ends
    each = max(1, (max(width, _LEAST_WIDTH) - margin) // max(1, len(frame.labels)))
    as_bars = frame.as_bars and each > 1
    canvas = each * len(frame.labels) if as_bars else max(width, _LEAST_WIDTH) - margin
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)  # as wide as the caller says, who knows the terminal
    figure.theme("simple")
    figure.canvas("default")
    figure.plot_size(canvas + margin, height)
    if as_bars:
        _bars(plotext, figure, frame, width=(each - _BETWEEN) / each)
    else:
        _lines(plotext, figure, frame)
    _rulers(figure, frame, heights, labels, canvas)
    return Group(_legend(frame), Text.from_ansi(str(figure.build()).rstrip()), Text(_x_title(frame), "dim"))


def _rulers(figure: Any, frame: Frame, heights: list[float], labels: list[str], canvas: int) -> None:
    figure.ruler("y").ticks(heights, labels)
    figure.ruler("y").lim(0, heights[-1])
    widest = max(map(len, frame.labels), default=0)
    places = thinned(len(frame.labels), canvas // (widest + 2))
    figure.ruler("x").ticks([place + 1 for place in places], [frame.labels[place] for place in places])
    figure.ruler("x").lim(0.5, len(frame.labels) + 0.5)


def _bars(plotext: Any, figure: Any, frame: Frame, *, width: float) -> None:
    """Draw whole buckets as blocks, the others as shades.

    What stands on top is drawn first, down to the ground, and covered by the next: plotext's own stacks round each part
    up, so that a handful of failed jobs would look like many.
    """
    places, is_open = list(range(1, len(frame.labels) + 1)), _open(frame)
    tops = list(accumulate(frame.curves, _added, initial=[0.0] * len(places)))[1:]
    for at in reversed(range(len(tops))):
        for symbol, wanted in ((_WHOLE, False), (_OPEN, True)):
            heights = [top if one == wanted else 0.0 for top, one in zip(tops[at], is_open, strict=True)]
            if any(heights):
                marker = plotext.marker(symbol, _colour(at))
                figure.draw(figure.bar(places, heights, marker=marker, width=width))


def _added(below: list[float], curve: Curve) -> list[float]:
    return [low + (value or 0.0) for low, value in zip(below, curve.values, strict=True)]


def _lines(plotext: Any, figure: Any, frame: Frame) -> None:
    """Draw lines from bucket to bucket; those that lead to one that is not whole are dotted."""
    for at, curve in enumerate(frame.curves):
        for symbol, run in _runs(curve, _open(frame)):
            marker = plotext.marker(symbol, _colour(at))
            signal = figure.signal(
                [place + 1 for place, _ in run], [value for _, value in run], marker=marker
            )
            signal.lines()
            figure.draw(signal)


def _runs(curve: Curve, is_open: list[bool]) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return what is drawn in one stroke, with its symbol: points without a gap, up to where the symbol changes."""
    runs: list[tuple[str, list[tuple[int, float]]]] = []
    last: tuple[int, float] | None = None
    for place, value in enumerate(curve.values):
        point = None if value is None else (place, value)
        if point is not None:
            symbol = _POINT if is_open[place] or (last is not None and is_open[place - 1]) else _DOTS
            if last is None or runs[-1][0] != symbol:
                runs.append((symbol, [] if last is None else [last]))
            runs[-1][1].append(point)
        last = point
    return runs


def _legend(frame: Frame) -> Text:
    legend = Text.assemble((frame.y_title, "bold"), "  ")
    if len(frame.curves) > 1:
        for at, curve in enumerate(frame.curves):
            legend.append("  ■ ", f"color({_colour(at)})")
            legend.append(curve.name)
    return legend


def _x_title(frame: Frame) -> str:
    marked = f"; {_OPEN if frame.as_bars else _POINT} is not whole" if any(_open(frame)) else ""
    return f"{frame.x_title}{marked}"


def _open(frame: Frame) -> list[bool]:
    return [cut or going for cut, going in zip(frame.cut, frame.in_progress, strict=True)]


def _colour(at: int) -> int:
    return _COLOURS[at % len(_COLOURS)]
