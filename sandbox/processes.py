"""Child processes: each one dies with this process, logs to a file, and can be stopped and killed."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from sandbox import child
from sandbox.errors import NotReady

STOP_WITHIN_S: Final = 15.0
_POLL_S: Final = 0.01


class Process(Protocol):
    """What is asked of a process that was started: a part of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its id, also after the end."""

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raise subprocess.TimeoutExpired after so many seconds."""

    def send_signal(self, sig: int) -> None:
        """Send a signal; nothing happens when it has ended."""


def spawn(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start `command` through `child.py`, which ties its life to this process."""
    launcher = [sys.executable, "-I", "-S", child.__file__, str(os.getpid())]

    def start() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    return _spawner.run(start)


launch: Callable[[Sequence[str], Path, Mapping[str, str]], Process] = spawn
"""How every child begins; the tests have a quicker way for our own programs."""


class ChildProcess:
    """One run of a program; it ends no later than this process. `command` is executed without a shell."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = launch(command, log, {**os.environ, **(environment or {})})

    @property
    def pid(self) -> int:
        """The process id, also after the end."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def stop(self, within_s: float = STOP_WITHIN_S) -> int:
        """Ask it to end (SIGTERM), make it end (SIGKILL) after `within_s`, and return the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it now (SIGKILL) and return the exit code."""
        self.signal(signal.SIGKILL)
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        self._process.send_signal(number)

    def wait(self, within_s: float) -> int:
        """Return the exit code; raise NotReady when it still runs after `within_s`."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise NotReady(f"{self.name} did not finish within {within_s:g} s\n{self.last_words()}") from None

    def wait_until(self, ready: Callable[[], bool], within_s: float) -> None:
        """Return when `ready()` is true. Raises NotReady when the program ends, or takes too long."""
        deadline = time.monotonic() + within_s
        while not ready():
            if self.exit_code is not None:
                raise NotReady(f"{self.name} ended with exit code {self.exit_code}\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} did not answer within {within_s:g} s\n{self.last_words()}")
            time.sleep(_POLL_S)

    def last_words(self, lines: int = 5) -> str:
        """Return where the log is and how it ends."""
        return f"  log: {self.log}\n" + "\n".join(f"  | {line}" for line in tail(self.log, lines))


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines of a text file that may be large; none when it does not exist."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return file.read().decode(errors="replace").splitlines()[-lines:]


class _Spawner:
    """A thread that lives as long as the process and starts every child.

    PR_SET_PDEATHSIG is tied to the parent *thread*: a child from a thread that ends would end with it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()

    def run(self, start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._owner != os.getpid():  # the first use in this process; threads do not survive a fork
                self._owner = os.getpid()
                self._tasks = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(self._tasks,), name="spawner", daemon=True).start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._tasks.put((future, start))
        return future.result()

    @staticmethod
    def _serve(tasks: "queue.SimpleQueue[_Task]") -> None:
        while True:
            future, start = tasks.get()
            try:
                future.set_result(start())
            except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
                future.set_exception(error)


_Task = tuple["Future[subprocess.Popen[bytes]]", Callable[[], "subprocess.Popen[bytes]"]]
_spawner = _Spawner()
