"""A picture in the terminal, by plotext."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from analytics.cli.plots.frame import Frame, thinned, ticks

_COLOURS: Final = ("blue", "orange", "green", "red", "magenta", "cyan", "yellow", "gray")
_RICH_COLOURS: Final = ("blue", "dark_orange", "green", "red", "magenta", "cyan", "yellow", "grey50")
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
    """Draw whole buckets as blocks, the others as shades."""
    places = list(range(1, len(frame.labels) + 1))
    for symbol, wanted in ((_WHOLE, False), (_OPEN, True)):
        heights = [
            [
                (value or 0) if is_open == wanted else 0
                for value, is_open in zip(curve.values, _open(frame), strict=True)
            ]
            for curve in frame.curves
        ]
        markers = [plotext.marker(symbol, _colour(at)) for at in range(len(heights))]
        if any(map(any, heights)):
            figure.draw(figure.bar(places, heights, stacked=True, marker=markers, width=width))


def _lines(plotext: Any, figure: Any, frame: Frame) -> None:
    """Draw lines from bucket to bucket; those that lead to one that is not whole are dotted."""
    is_open = _open(frame)
    for at, curve in enumerate(frame.curves):
        colour = _colour(at)
        for place, (value, next_value) in enumerate(
            zip(curve.values, [*curve.values[1:], None], strict=True)
        ):
            if value is None:
                continue
            ends = [place] if next_value is None else [place, place + 1]
            symbol = _POINT if any(is_open[end] for end in ends) else _DOTS
            values = [one for one in (value, next_value) if one is not None]
            signal = figure.signal([end + 1 for end in ends], values, marker=plotext.marker(symbol, colour))
            signal.lines()
            figure.draw(signal)


def _legend(frame: Frame) -> Text:
    legend = Text.assemble((frame.y_title, "bold"), "  ")
    if len(frame.curves) > 1:
        for at, curve in enumerate(frame.curves):
            legend.append("  ■ ", _RICH_COLOURS[at % len(_RICH_COLOURS)])
            legend.append(curve.name)
    return legend


def _x_title(frame: Frame) -> str:
    marked = f"; {_OPEN if frame.as_bars else _POINT}: not whole, see below" if any(_open(frame)) else ""
    return f"{frame.x_title}{marked}"


def _open(frame: Frame) -> list[bool]:
    return [cut or going for cut, going in zip(frame.cut, frame.in_progress, strict=True)]


def _colour(at: int) -> str:
    return _COLOURS[at % len(_COLOURS)]
