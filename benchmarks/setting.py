"""Where a measurement takes place: one broker with one full topic, and a fresh ClickHouse for every run."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from benchmarks.fill import Filled
from benchmarks.measurement import Measurement, Named
from sandbox.broker import LocalBroker


@dataclass
class Setting:
    """What the contenders of one kind share."""

    directory: Path
    broker: LocalBroker
    filled: Filled
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new_directory(self) -> Path:
        """Return an empty directory for one run."""
        path = self.directory / f"{self.filled.kind}-{next(self._numbers)}"
        path.mkdir(parents=True)
        return path


class Contender(Named, Protocol):
    """Somebody who reads the topic to its end."""

    def run(self, setting: Setting) -> Measurement:
        """Measure once. Raises BenchmarkFailed."""
