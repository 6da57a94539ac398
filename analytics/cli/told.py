"""Text that came in events, made fit for a terminal: kinds, error codes, names of groups. Pure."""

from typing import Final

from rich.text import Text

_NONE: Final = "(none told)"
_LONGEST: Final = 60


def told(text: str) -> str:
    """Return it without what could command a terminal, and not longer than a table bears; words for nothing."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return (shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…") or _NONE


def told_cell(text: str) -> Text:
    """Return it as a cell, in which brackets are brackets and no markup."""
    return Text(told(text))
