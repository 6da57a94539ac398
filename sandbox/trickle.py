"""A gentle, endless trickle of events of one new user, so that the demo's totals move."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sandbox.generate.record import PlayableRecord
from sandbox.generate.world import Plan, Simulation

RATE: Final = 5.0
"""Records a second."""

_RECORDS: Final = 1_000_000  # two days of them
_LEAD_IN_MS: Final = 3_600_000  # the simulated user needs an hour to start the first job
_FALLBACK_RECORDS: Final = 3_000


def trickle(seed: int, start_ms: int) -> Iterator[PlayableRecord]:
    """Yield records of one user and one workflow, with timestamps from `start_ms` on, `RATE` a second."""
    plan = Plan(
        events=_RECORDS,
        seed=seed,
        users=1,
        workflows=1,
        faults=False,
        start_ms=start_ms - _LEAD_IN_MS,
        days=_RECORDS / RATE / 86_400,
    )
    return iter(Simulation(plan))


def trickling_user(seed: int, start_ms: int) -> str:
    """Return the id of the user to whom `trickle` belongs."""
    value = next(trickle(seed, start_ms)).value_bytes
    return str(msgspec.json.decode(value or b"{}")["UserID"])


def write_events(events: Path, expected: Path) -> None:
    """Generate a small corpus file and its true totals: for an installed wheel, which ships none."""
    simulation = Simulation(Plan(events=_FALLBACK_RECORDS))
    events.parent.mkdir(parents=True, exist_ok=True)
    with events.open("wb") as file:
        file.writelines(record.line() for record in simulation)
    expected.write_bytes(msgspec.json.encode(simulation.truth.expected()))
