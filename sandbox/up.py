"""Bring the stack up, keep it running in the foreground, and take it down in order."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sandbox.demo import Demo
from sandbox.directory import SandboxDirectory
from sandbox.feeder import Feeder
from sandbox.screen import Screen, View
from sandbox.stack import Stack, StackOptions

_TICK_S: Final = 0.1


def run(data: Path, options: StackOptions, *, events: Path | None, demo: bool, screen: Screen) -> None:
    """Return after SIGINT or SIGTERM, with everything stopped. Raises SandboxError, all stopped as well.

    A second signal while it stops ends it at once; the children die with it.
    """
    with _signals_interrupt(), SandboxDirectory(data).claim() as directory:
        stack = Stack(directory, options, screen.line)
        try:
            stack.start()
            directory.publish(stack.running())
            _watch(stack, _feeding(stack, data, events, screen, demo=demo), screen)
        except KeyboardInterrupt:
            screen.line("stopping")
        finally:
            directory.withdraw()
            stack.stop()


def _feeding(
    stack: Stack, data: Path, events: Path | None, screen: Screen, *, demo: bool
) -> Demo | Feeder | None:
    running = stack.running()
    screen.line(f"ready: gRPC {running.grpc}, Kafka {running.kafka}, ClickHouse {running.clickhouse}")
    if demo:
        return Demo(stack, data, events, screen)
    if events:
        return Feeder(stack.directory, screen.line, "play", str(events.absolute()))
    return None


def _watch(stack: Stack, feeding: Demo | Feeder | None, screen: Screen) -> None:
    """Keep everything running until a signal interrupts."""
    try:
        with screen.live():
            while True:
                if stack.check(time.monotonic()):
                    stack.directory.publish(stack.running())
                if feeding:
                    feeding.check()
                screen.show(_view(stack, feeding))
                time.sleep(_TICK_S)
    finally:
        if feeding:
            feeding.stop()


def _view(stack: Stack, feeding: Demo | Feeder | None) -> View:
    return View(
        running=stack.running(),
        programs=stack.supervisor.programs,
        totals=feeding.totals() if isinstance(feeding, Demo) else None,
        hint=f"Logs are in {stack.directory.logs}. Ctrl-C stops everything.",
    )


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Make SIGTERM, and the end of the terminal, what Ctrl-C is: a KeyboardInterrupt.

    SIGINT is set, too: a shell starts background jobs with SIGINT ignored.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
