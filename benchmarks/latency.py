"""From an event to its answer, in three situations: `python -m benchmarks.latency`.

At 100 events a second; at half of the most that the same machine applies while it also produces them; and in a
minute at whose beginning a second processor joins the first one, to leave it again half a minute later. All three
topics are fed, as jobs fill them. At the end every total is compared with the true one.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.command import main_of
from benchmarks.effort import Effort
from benchmarks.errors import BenchmarkFailed
from benchmarks.feeder import Fed, Feed, serve
from benchmarks.figures import Notebook, Values, latency_values
from benchmarks.meter import Meter, taken_share, wait_until_quiet
from benchmarks.names import situations
from benchmarks.ours import verify_totals
from benchmarks.prober import Prober
from benchmarks.workers import Worker
from sandbox.applied import Applied, AppliedReader
from sandbox.directory import SandboxDirectory
from sandbox.stack import Stack, StackOptions

_GENTLE_PER_S: Final = 100.0
_MEASURED_S: Final = 25.0
_A_MINUTE_S: Final = 60.0
_QUICKLY: Final = 3.0  # so many times shorter
_BEFORE_S: Final = 2.0
_MOST_EVENTS: Final = 600_000
_APPLIED_WITHIN_S: Final = 120.0
_POLL_S: Final = 0.05


class World:
    """A stack with two processors, of which the second one rests, somebody who feeds it, and somebody who asks."""

    def __init__(self, stack: Stack, feeder: Worker) -> None:
        self.stack, self._feeder = stack, feeder
        self.prober = Prober(stack.running())
        self._applied = AppliedReader(stack.settings())
        self.fed: list[Fed] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """Of everything that takes part besides ClickHouse and the broker."""
        own = [one.pid for one in self.stack.processors if one.exit_code is None]
        return (*own, self.stack.service.pid, self._feeder.pid)

    @contextmanager
    def feeding(self, per_s: float | None, events: int) -> Iterator[None]:
        """Publish so many events of all topics meanwhile, at this rate; all are applied at the end."""
        feed = Feed(self.stack.running().kafka, "mixed", events, len(self.fed) + 1, per_s)
        self._feeder.send(feed)
        self._feeder.receive()
        self._feeder.send(None)
        try:
            yield
        finally:
            self.fed.append(self._feeder.receive())
        self._await(sum(one.records for one in self.fed) + self.prober.published)

    def close(self) -> None:
        """Close the connections."""
        self.prober.close()
        self._applied.close()

    def _records(self) -> int:
        return (self._applied.read() or Applied()).records

    def _await(self, records: int) -> None:
        """Return when at least so many are applied. Raises BenchmarkFailed."""
        deadline = time.monotonic() + _APPLIED_WITHIN_S
        while (applied := self._records()) < records:
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"only {applied:,} of {records:,} records were applied")
            time.sleep(_POLL_S)


def measure(directory: Path, book: Notebook, effort: Effort) -> None:
    """Note every situation, and verify the totals. Raises BenchmarkFailed, NotReady."""
    shorter = _QUICKLY if effort.is_quick else 1.0
    with _world(directory, book) as world:
        how = dict(zip(situations(), (_gentle, _at_half, _after_a_rebalance), strict=True))
        for _ in range(effort.runs):
            for name in filter(effort.wants, how):
                wait_until_quiet(effort.patience_s)
                book.attempt("latency", name, partial(how[name], world, shorter))
        for fed in world.fed:
            verify_totals(world.stack.settings(), fed.users, fed.by_workflow, fed.by_user)


def _gentle(world: World, shorter: float) -> Values:
    return _at(world, _GENTLE_PER_S, _MEASURED_S / shorter)


def _at_half(world: World, shorter: float) -> Values:
    most_per_s = _most_per_s(world, int(_MOST_EVENTS / shorter))
    return _at(world, most_per_s / 2, _MEASURED_S / shorter) | {"most_per_s": most_per_s}


def _after_a_rebalance(world: World, shorter: float) -> Values:
    minute_s = _A_MINUTE_S / shorter
    with _joining(world, minute_s / 2) as join:
        return _at(world, _GENTLE_PER_S, minute_s, join)


def _at(
    world: World, per_s: float, seconds: float, change: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Return the latencies of the `seconds` after a change, while so many other events come."""
    stack = world.stack
    with world.feeding(per_s, round(per_s * (_BEFORE_S + seconds))):
        time.sleep(_BEFORE_S)
        change()
        meter = Meter(world.pids, (stack.clickhouse.pid,), (stack.broker.pid,))
        first = meter.read()
        latencies_ms = world.prober.latencies_ms(seconds)
        last = meter.read()
    fed, cost = world.fed[-1], last.cost.minus(first.cost)
    return {
        "fed_per_s": fed.records / fed.duration_s,
        **latency_values(latencies_ms),
        "events": len(latencies_ms),
        "client_cores": cost.client / (last.at_s - first.at_s),
        "server_cores": cost.server / (last.at_s - first.at_s),
        "taken": taken_share(first, last),
    }


def _most_per_s(world: World, events: int) -> float:
    """Return how many events a second are applied at most, from the first one published to the last one applied."""
    started_s = time.monotonic()
    with world.feeding(None, events):
        started_s = time.monotonic()
    return world.fed[-1].records / (time.monotonic() - started_s)


@contextmanager
def _joining(world: World, for_s: float) -> Iterator[Callable[[], None]]:
    """Yield what lets the second processor join, to leave after `for_s`; it rests when the context ends."""
    second = world.stack.processors[1]
    leave = threading.Timer(for_s, second.ask_to_stop)

    def join() -> None:
        second.respawn()
        leave.start()

    try:
        yield join
    finally:
        leave.cancel()
        second.stop()


@contextmanager
def _world(directory: Path, book: Notebook) -> Iterator[World]:
    with SandboxDirectory(directory / "run").claim() as claimed, Worker(serve) as feeder:
        stack = Stack(claimed, StackOptions(processors=2), book.say)
        try:
            stack.start()
            stack.processors[1].stop()
            world = World(stack, feeder)
            yield world
            world.close()
        finally:
            stack.stop()


if __name__ == "__main__":
    main_of("latency", sys.argv[1:])
