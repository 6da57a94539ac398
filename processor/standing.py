"""Where this processor's partitions are, as last found out: for metrics and probes."""

from collections.abc import Mapping

from processor import metrics
from processor.source import Place


class Standing:
    """Written by the thread that reports freshness, read by all."""

    def __init__(self) -> None:
        self._as_of_ms: Mapping[Place, int] = {}
        self._shown: set[Place] = set()

    def lag(self, records: Mapping[Place, int]) -> None:
        """Note how many records of each partition are not applied yet; others are not ours any more."""
        for place in self._shown - records.keys():
            for gauge in (metrics.LAG, metrics.AS_OF):
                gauge.remove(*_labels(place))
        self._shown = set(records)
        for place, count in records.items():
            metrics.LAG.labels(*_labels(place)).set(count)
        self._as_of_ms = {place: ms for place, ms in self._as_of_ms.items() if place in self._shown}

    def reported(self, as_of_ms: Mapping[Place, int]) -> None:
        """Note the as-of times that callers of the service can see by now; 0 is unknown."""
        self._as_of_ms = dict(as_of_ms)
        for place, ms in as_of_ms.items():
            if ms > 0:
                metrics.AS_OF.labels(*_labels(place)).set(ms / 1000)

    def as_of_ms(self, place: Place) -> int:
        """Return up to when everything of a partition is counted and reported, in Unix milliseconds; 0 is unknown."""
        return self._as_of_ms.get(place, 0)


def _labels(place: Place) -> tuple[str, str]:
    topic, number = place
    return topic, str(number)
