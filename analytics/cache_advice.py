"""For how long a caller may answer from a cache: a tenth of the time for which the numbers have rested.

The rule is that of heuristic freshness in HTTP caches (RFC 9111, section 4.2.2), between 30 and 60 seconds.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from analytics.model import Totals, WorkflowKey

SHORTEST_S: Final = 30
LONGEST_S: Final = 60
_SHARE_OF_REST: Final = 0.1
_REMEMBERED: Final = 20_000  # keys, about 10 MB


class _Seen(NamedTuple):
    totals: Totals
    since_s: float


class CacheAdvice:
    """Remembers which numbers it saw last, and since when. What it never saw may have changed just now."""

    def __init__(self, *, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[WorkflowKey, _Seen] = OrderedDict()  # asked for longest ago first

    def max_age_s(self, key: WorkflowKey, totals: Totals, now_s: float) -> int:
        """Return whole seconds, 30 to 60, for these totals, read at `now_s` of a monotonic clock."""
        seen = self._seen.get(key)
        if seen is None or seen.totals != totals:
            seen = self._seen[key] = _Seen(totals, now_s)
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        return rested_max_age_s(now_s - seen.since_s)


def rested_max_age_s(rested_s: float) -> int:
    """Return whole seconds, 30 to 60, for numbers that have rested so long."""
    return max(SHORTEST_S, min(LONGEST_S, int(rested_s * _SHARE_OF_REST)))
