"""Keeping programs running: one that ended is started again, unless a person must look first."""

import signal
from collections.abc import Callable, Sequence
from typing import Final, Literal

from analytics import exit_codes
from sandbox.server import LocalProgram

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
STEADY_AFTER_S: Final = 10.0
_SENT_FROM_OUTSIDE: Final = frozenset({0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT})

State = Literal["running", "restarting", "stopped: look at its log"]
Report = Callable[[str], None]


class Supervised:
    """A running program. The pause before its restart doubles when it crashes soon after the last one."""

    def __init__(self, name: str, program: LocalProgram, report: Report, *, now: float) -> None:
        self.name = name
        self.program = program
        self.state: State = "running"
        self._report = report
        self._started_at = self._restart_at = now
        self._pause_s = FIRST_PAUSE_S

    def check(self, now: float) -> bool:
        """Notice its end, or start it again when that is due; return whether its process id changed."""
        if self.state == "running" and self.program.exit_code is not None:
            self._ended(self.program.exit_code, now)
        if self.state == "restarting" and now >= self._restart_at:
            self.program.respawn()
            self.state, self._started_at = "running", now
            self._report(f"{self.name} runs again (pid {self.program.pid})")
            return True
        return False

    def _ended(self, exit_code: int, now: float) -> None:
        if exit_code in (exit_codes.STOP, exit_codes.INVALID_SETTINGS):
            self.state = "stopped: look at its log"
            why = "a person must look" if exit_code == exit_codes.STOP else "its settings are invalid"
            self._report(f"{self.name} stopped and is not started again: {why}\n{self.program.last_words()}")
            return
        self.state = "restarting"
        crashed_again = exit_code not in _SENT_FROM_OUTSIDE and now - self._started_at < STEADY_AFTER_S
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S) if crashed_again else FIRST_PAUSE_S
        self._restart_at = now + self._pause_s
        self._report(f"{self.name} {_describe(exit_code)}; starting it again in {self._pause_s:g} s")


class Supervisor:
    """All programs that are started again when they end."""

    def __init__(self, programs: Sequence[Supervised]) -> None:
        self.programs = tuple(programs)

    def check(self, now: float) -> bool:
        """Call it several times a second; returns whether a process id changed."""
        return sum(program.check(now) for program in self.programs) > 0  # not any(): all are checked

    def stopped(self) -> list[Supervised]:
        """Return those that a person must look at."""
        return [program for program in self.programs if program.state == "stopped: look at its log"]


def _describe(exit_code: int) -> str:
    if exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"
