"""What one run of one contender gave."""

from typing import NamedTuple, Protocol

from benchmarks.figures import Values
from benchmarks.fill import Filled
from benchmarks.meter import Reading, taken_share
from benchmarks.setting import Setting


class Readings(NamedTuple):
    """When the first partition was assigned, when every record was applied, and when ClickHouse had merged what came.

    The clock begins at the assignment: the wait of the broker before it is nobody's merit.
    """

    assigned: Reading
    applied: Reading
    merged: Reading


class Contender(Protocol):
    """Somebody who reads the topics to their ends."""

    @property
    def key(self) -> str:
        """One of `names.CONTENDERS`."""

    def run(self, setting: Setting) -> Values:
        """Measure once. Raises BenchmarkFailed."""


def values_of(
    filled: Filled, readings: Readings, *, client_mb: float, server_mb: float = 0.0
) -> dict[str, float]:
    """Return the values of a run. `client_mb`, `server_mb`: the largest resident sizes, in MB of 10^6 bytes."""
    assigned, applied, merged = readings
    cost = merged.cost.minus(assigned.cost)
    return {
        "per_s": filled.events / (merged.at_s - assigned.at_s),
        "applied_per_s": filled.events / (applied.at_s - assigned.at_s),
        "client_cpu_us": cost.client / filled.events * 1e6,
        "server_cpu_us": cost.server / filled.events * 1e6,
        "broker_cpu_us": cost.broker / filled.events * 1e6,
        "client_mb": client_mb,
        "server_mb": server_mb,
        "taken": taken_share(assigned, merged),
    }
