"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """So many runs of everything; `is_quick`: with little of everything, for a first look.

    `only`: beginnings of the names of rows, none: all rows. `patience_s`: how long to wait, before every run, for
    the machine to be quiet.
    """

    runs: int = 3
    is_quick: bool = False
    only: tuple[str, ...] = ()
    patience_s: float = 0.0

    def wants(self, name: str) -> bool:
        """Whether a row of this name is measured."""
        return not self.only or name.startswith(self.only)
