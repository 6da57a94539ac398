"""How a number moved, as an arrow with a colour. Pure."""

from typing import Final

from rich.text import Text

from analytics.cli.measures import Liking, Measure
from analytics.cli.units import NOTHING, Unit, value_words
from analytics.insights_pb2 import Change

_STYLES: Final = {
    Liking.MORE: {True: "green", False: "red"},
    Liking.LESS: {True: "red", False: "green"},
    Liking.NEITHER: {True: "cyan", False: "cyan"},
}
_TIMES: Final = 10
"""From a growth by so much on, `x 12` is easier to read than a percentage."""


def change_text(measure: Measure, change: Change | None) -> Text:
    """Return `▲ 12.2%`; a difference in points for a share, and as it is for a number that was zero before."""
    if change is None or not change.HasField("difference"):
        return Text(NOTHING, "dim")
    if change.difference == 0:
        return Text("=", "dim")
    grew = change.difference > 0
    return Text(f"{'▲' if grew else '▼'} {_amount(measure, change)}", _STYLES[measure.liking][grew])


def _amount(measure: Measure, change: Change) -> str:
    if measure.unit is Unit.RATIO:
        return f"{abs(change.difference) * 100:.2g} points"
    if not change.HasField("ratio"):
        return value_words(measure.unit, abs(change.difference))
    if change.ratio > _TIMES:
        return f"x {change.ratio + 1:,.0f}"
    return value_words(Unit.RATIO, abs(change.ratio))
