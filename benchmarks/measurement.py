"""What one run of one contender gave."""

from typing import Literal, Protocol

import msgspec

from benchmarks.fill import Filled
from benchmarks.meter import Cost, Reading, taken_share
from sandbox.generate.flood import Kind

Role = Literal["limit", "rival", "ours"]
Readings = tuple[Reading, Reading, Reading]
"""At the start of everything, when the partitions are assigned, and when every record is applied."""


class Named(Protocol):
    """Who is measured."""

    @property
    def key(self) -> str:
        """What `--only` calls it."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def role(self) -> Role:
        """What it is compared as."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Durations and CPU are in seconds, memory in MB of 10^6 bytes.

    `whole` begins with the first thing done (a process spawned, a view created), `steady` when the partitions are
    assigned to whoever reads them. `taken_share` is what others took of the machine, 0 to 1: the noise.
    `counted_again` are records that a contender without exactly-once counted more than once.
    """

    key: str
    name: str
    role: Role
    kind: Kind
    events: int
    steady_s: float
    whole_s: float
    steady_cpu: Cost
    whole_cpu: Cost
    client_peak_rss_mb: float = 0.0
    server_peak_rss_mb: float = 0.0
    taken_share: float = 0.0
    counted_again: int = 0

    @property
    def events_per_s(self) -> float:
        """Steady."""
        return self.events / self.steady_s


def measured(
    contender: Named,
    filled: Filled,
    readings: Readings,
    *,
    client_peak_rss_mb: float = 0.0,
    server_peak_rss_mb: float = 0.0,
    counted: int | None = None,
) -> Measurement:
    """Return the differences between readings."""
    started, assigned, finished = readings
    return Measurement(
        key=contender.key,
        name=contender.name,
        role=contender.role,
        kind=filled.kind,
        events=filled.events,
        steady_s=finished.at_s - assigned.at_s,
        whole_s=finished.at_s - started.at_s,
        steady_cpu=finished.cost.minus(assigned.cost),
        whole_cpu=finished.cost.minus(started.cost),
        client_peak_rss_mb=client_peak_rss_mb,
        server_peak_rss_mb=server_peak_rss_mb,
        taken_share=taken_share(assigned, finished),
        counted_again=0 if counted is None else counted - filled.events,
    )
