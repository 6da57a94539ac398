"""Where tables are printed."""

import os
from typing import Final

from rich.console import Console

_WIDE: Final = 200


def screen() -> Console:
    """Return the terminal; for a file or a pipe a page so wide that no table is cut, unless COLUMNS says how wide."""
    found = Console()
    if found.is_terminal or "COLUMNS" in os.environ:
        return found
    return Console(width=_WIDE)
