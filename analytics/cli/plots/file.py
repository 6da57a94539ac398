"""A picture as a file, by matplotlib: PNG for screens, SVG and PDF for any size."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analytics.cli.plots.frame import Frame, thinned

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

FORMATS: Final = ("png", "svg", "pdf")
_INCHES: Final = (10.0, 5.0)
_DOTS_PER_INCH: Final = 150
_MOST_LABELS: Final = 12
_MOST_BARS: Final = 1_000
_ROOM: Final = 70
"""Characters for which there is room below the axis."""
_CUT_HATCH, _OPEN_HATCH = "\\\\", "//"
_MEANINGS: Final = ((_CUT_HATCH, "cut by the range"), (_OPEN_HATCH, "in progress"))


def save(frame: Frame, path: Path, *, note: str) -> None:
    """Write the picture; `note` stands below it. Raises ImportError where matplotlib is not installed, and OSError."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # Words stay words, and the same picture is the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "chronoverse"}):
        figure = Figure(figsize=_INCHES, layout=ConstrainedLayoutEngine(rect=(0, 0.03, 1, 0.97)))
        axes = figure.add_subplot()
        keys = _draw(frame)(axes, frame)
        _dress(axes, frame)
        if len(keys) > 1:
            axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        figure.text(0.005, 0.005, note, fontsize="x-small", color="gray")
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=metadata)


def _draw(frame: Frame) -> "Callable[[Axes, Frame], list[Artist]]":
    if not frame.as_bars:
        return _lines
    return _bars if len(frame.labels) * len(frame.curves) <= _MOST_BARS else _areas


def _bars(axes: "Axes", frame: Frame) -> "list[Artist]":
    """Draw bars, hatched where they are not whole; return what explains them."""
    from matplotlib.patches import Patch

    keys: list[Artist] = []
    places, below = range(len(frame.labels)), [0.0] * len(frame.labels)
    hatches = _hatches(frame)
    for at, curve in enumerate(frame.curves):
        heights, colour = [value or 0.0 for value in curve.values], f"C{at}"
        bars = axes.bar(places, heights, bottom=below, width=0.8, color=colour)
        keys.append(Patch(color=colour, label=_name(curve.name)))
        for bar, hatch in zip(bars, hatches, strict=True):
            if hatch:
                bar.set(hatch=hatch, alpha=0.5, edgecolor="white")
        below = [low + height for low, height in zip(below, heights, strict=True)]
    return [*keys, *_hatch_keys(hatches)]


def _areas(axes: "Axes", frame: Frame) -> "list[Artist]":
    """Draw steps in the place of bars, which would take long and could not be told apart; return what explains them."""
    from matplotlib.patches import Patch

    values = [[value or 0.0 for value in curve.values] for curve in frame.curves]
    colours = [f"C{at}" for at in range(len(values))]
    axes.stackplot(range(len(frame.labels)), values, colors=colours, step="mid")
    hatches = _hatches(frame)
    for place, hatch in enumerate(hatches):
        if hatch:
            axes.axvspan(
                place - 0.5, place + 0.5, facecolor="gray", edgecolor="white", alpha=0.5, hatch=hatch
            )
    keys: list[Artist] = [
        Patch(color=colour, label=_name(curve.name))
        for colour, curve in zip(colours, frame.curves, strict=True)
    ]
    return [*keys, *_hatch_keys(hatches)]


def _hatches(frame: Frame) -> list[str]:
    return [
        (_CUT_HATCH if cut else "") + (_OPEN_HATCH if going else "")
        for cut, going in zip(frame.cut, frame.in_progress, strict=True)
    ]


def _hatch_keys(hatches: list[str]) -> "list[Artist]":
    from matplotlib.patches import Patch

    return [
        Patch(facecolor="gray", edgecolor="white", alpha=0.5, hatch=hatch, label=meaning)
        for hatch, meaning in _MEANINGS
        if any(hatch in one for one in hatches)
    ]


def _name(text: str) -> str:
    """Return the text as matplotlib writes it: a dollar begins a formula, a line at the begin hides it."""
    return ("\N{ZERO WIDTH SPACE}" if text.startswith("_") else "") + text.replace("$", r"\$")


def _lines(axes: "Axes", frame: Frame) -> "list[Artist]":
    """Draw lines, dashed to and from buckets that are not whole; return what explains them."""
    from matplotlib.lines import Line2D

    keys: list[Artist] = []
    is_open = [cut or going for cut, going in zip(frame.cut, frame.in_progress, strict=True)]
    beside = [is_open[max(0, at - 1)] or any(is_open[at : at + 2]) for at in range(len(is_open))]
    for curve in frame.curves:
        values = [math.nan if value is None else value for value in curve.values]
        solid = [math.nan if is_open[at] else value for at, value in enumerate(values)]
        dashed = [value if beside[at] else math.nan for at, value in enumerate(values)]
        (drawn,) = axes.plot(solid, marker="o", markersize=3, label=_name(curve.name))
        keys.append(drawn)
        axes.plot(dashed, linestyle="--", marker="o", markersize=3, fillstyle="none", color=drawn.get_color())
    told = ((frame.cut, _MEANINGS[0][1]), (frame.in_progress, _MEANINGS[1][1]))
    if meanings := [meaning for marks, meaning in told if any(marks)]:
        keys.append(Line2D([], [], linestyle="--", color="gray", label=" or ".join(meanings)))
    return keys


def _dress(axes: "Axes", frame: Frame) -> None:
    axes.set(title=frame.title, xlabel=frame.x_title, ylabel=frame.y_title)
    axes.set_ylim(bottom=0, top=None if frame.top else 1)
    axes.set_xlim(-0.6, len(frame.labels) - 0.4)
    axes.yaxis.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    places = thinned(len(frame.labels), _MOST_LABELS)
    labels = [frame.labels[place] for place in places]
    is_long = sum(map(len, labels)) > _ROOM
    axes.set_xticks(places, labels, rotation=30 if is_long else 0, ha="right" if is_long else "center")
