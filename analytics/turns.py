"""When loops of a program turned last: one that stands still for long will not go on by itself."""

import time
from collections.abc import Callable, Mapping


class Turns:
    """Notes turns of loops; `limits_s` says by name how long each may stand still. For all threads."""

    def __init__(self, limits_s: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits_s, self._clock = limits_s, clock
        self._turned_at = dict.fromkeys(limits_s, clock())

    def note(self, loop: str) -> None:
        """A loop has turned."""
        self._turned_at[loop] = self._clock()

    def problems(self) -> list[str]:
        """Return which loops stand still for too long."""
        now = self._clock()
        stood_s = {loop: now - at for loop, at in self._turned_at.items()}
        return [
            f"loop `{loop}` stands still since {stood_s[loop]:.0f} s"
            for loop, limit_s in self._limits_s.items()
            if stood_s[loop] > limit_s
        ]
