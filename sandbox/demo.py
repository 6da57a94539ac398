"""What `make run` shows: events are played, and the service's totals are compared with the true ones."""

import secrets
import threading
import time
from pathlib import Path
from typing import Final

from sandbox.applied import Applied, AppliedReader
from sandbox.directory import Running
from sandbox.feeder import Feeder
from sandbox.paste import commands_to_paste, how_to_get_grpcurl
from sandbox.screen import Screen, Totals
from sandbox.stack import Stack
from sandbox.totals import Answers, Asker, ExpectedTotals, read_expected

SHIPPED: Final = Path(__file__).parents[1] / "tests" / "data" / "small.jsonl.gz"
"""A small corpus that a clone of the project has, and an installed wheel has not."""

_ASK_EVERY_S: Final = 0.5


class Demo:
    """Plays events until the totals are right, says so, and goes on with a trickle that keeps them moving.

    Without `events` it takes the shipped ones, and generates some where they are missing.
    """

    def __init__(self, stack: Stack, data: Path, events: Path | None, screen: Screen) -> None:
        from sandbox.trickle import trickling_user

        self._stack, self._data, self._screen = stack, data, screen
        self._seed, self._start_ms = secrets.randbelow(1 << 32), time.time_ns() // 1_000_000
        events = events or _events(stack)
        self._expected = read_expected(expected_beside(events))
        self._newcomer = trickling_user(self._seed, self._start_ms)
        users = [*self._expected.users, self._newcomer]
        self._observer = Observer(stack.running(), stack.applied_reader(), users, self._expected)
        self._feeder = Feeder(stack.directory, screen.line, "play", str(events.absolute()))
        self._told = False

    def check(self) -> None:
        """Notice what happened; call it several times a second."""
        self._feeder.check()
        if not self._told and self._observer.equal_after_s is not None:
            self._told = True
            self._tell(self._observer.equal_after_s)
            self._feeder = self._trickle()

    def totals(self) -> Totals:
        """Return what the screen shows."""
        observer = self._observer
        return Totals(self._expected, observer.answers, self._newcomer, observer.applied.records)

    def stop(self) -> None:
        """Feed and ask no more."""
        self._feeder.stop()
        self._observer.stop()

    def _tell(self, equal_after_s: float) -> None:
        """Say that the numbers are right, and how to ask for them."""
        self._screen.line(
            f"{len(self._expected.users)} users and {len(self._expected.workflows)} workflows: all totals, "
            f"asked over gRPC, are equal to the expected ones ({equal_after_s:.1f} s after the first event)",
            "bold green",
        )
        self._screen.line("Ask for them yourself, in another terminal in this directory:\n")
        for command in commands_to_paste(self._stack.service.address, self._data, self._expected):
            self._screen.line(command + "\n")
        if hint := how_to_get_grpcurl():
            self._screen.line(hint)

    def _trickle(self) -> Feeder:
        self._screen.line(f"Now a few events a second of a new user: {self._newcomer}")
        seed, start = str(self._seed), str(self._start_ms)
        return Feeder(
            self._stack.directory, self._screen.line, "trickle", "--seed", seed, "--start-ms", start
        )


class Observer:
    """Asks for totals and progress again and again, in a thread of its own; its attributes are the latest."""

    def __init__(
        self, running: Running, reader: AppliedReader, users: list[str], expected: ExpectedTotals
    ) -> None:
        self._asker = Asker(running.grpc, Path(running.keys.private))
        self._reader = reader
        self._users, self._expected = users, expected
        self._started = time.monotonic()
        self._ended = threading.Event()
        self.answers = Answers()
        self.applied = Applied()
        self.equal_after_s: float | None = None
        threading.Thread(target=self._observe, name="observer", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _observe(self) -> None:
        while not self._ended.is_set():
            self.applied = self._reader.read() or self.applied
            self.answers = self._asker.ask(self._users, self._expected)
            if self.equal_after_s is None and self.answers.equal(self._expected):
                self.equal_after_s = time.monotonic() - self._started
            self._ended.wait(_ASK_EVERY_S)
        self._asker.close()
        self._reader.close()


def expected_beside(events: Path) -> Path:
    """Return where the true totals of a corpus file are: `x.jsonl.gz` has `x.expected.json`."""
    return events.with_name(events.name.removesuffix(".gz").removesuffix(".jsonl") + ".expected.json")


def _events(stack: Stack) -> Path:
    if SHIPPED.exists():
        return SHIPPED
    from sandbox.trickle import write_events

    generated = stack.directory.path / "demo" / "events.jsonl"
    write_events(generated, expected_beside(generated))
    return generated
