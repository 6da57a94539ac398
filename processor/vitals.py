"""What probes ask of a processor: do its loops turn, and does it count what is published?"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from analytics.turns import Turns
from processor.lane import State
from processor.source import Place
from processor.standing import Standing

COUNTING: Final = "counting"
REPORTING: Final = "freshness"
_LONGEST_TURNS_S: Final = {
    COUNTING: 180.0,  # at the start it may wait for ClickHouse for a minute; after 300 s the group goes on without us
    REPORTING: 300.0,  # it may wait for ClickHouse and Kafka several times
}

States = Callable[[], Mapping[Place, State]]


class Vitals:
    """Answers `/live` and `/ready`, for any thread. Loops say `note` at each turn."""

    def __init__(self, stale_after_s: float, now_s: Callable[[], float] = time.time) -> None:
        self._stale_after_s, self._now_s = stale_after_s, now_s
        self._turns = Turns(_LONGEST_TURNS_S)
        self._stop: threading.Event | None = None
        self._states: States = dict
        self.note = self._turns.note
        self.standing = Standing()

    def running(self, stop: threading.Event, states: States) -> None:
        """From now on partitions are counted, until `stop` is set."""
        self._stop, self._states = stop, states
        self.note(REPORTING)

    def live_problems(self) -> list[str]:
        """Return which loops stand still. While it drains, that is what they shall do."""
        return [] if self._is_draining else self._turns.problems()

    def ready_problems(self) -> list[str]:
        """Return why this processor does not count what is published right now; nothing when it does."""
        if self._stop is None:
            return ["starting: it waits for ClickHouse, Kafka or the topics; see log event `not_ready`"]
        if self._is_draining:
            return ["draining"]
        states = self._states()
        if not states:
            return ["no partition is assigned to it"]
        return [problem for place, state in states.items() if (problem := self._problem(place, state))]

    @property
    def _is_draining(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def _problem(self, place: Place, state: State) -> str | None:
        name = "{}/{}".format(*place)
        if state == "halted":
            return f"partition {name} is halted; see log event `partition_halted`"
        as_of_ms = self.standing.as_of_ms(place)
        if as_of_ms == 0:
            return f"how far partition {name} is counted is not known yet"
        age_s = self._now_s() - as_of_ms / 1000
        return f"partition {name} is {age_s:.0f} s behind" if age_s > self._stale_after_s else None
