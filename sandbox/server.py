"""What the programs of the local stack share: one child process, and for servers a port of 127.0.0.1."""

import signal
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from sandbox.errors import NotReady
from sandbox.ports import LOCALHOST, free_port, is_free
from sandbox.processes import ChildProcess

_ATTEMPTS: Final = 5


class LocalProgram(ABC):
    """A program that can be stopped, killed and started again."""

    def __init__(self) -> None:
        self._child: ChildProcess | None = None

    @abstractmethod
    def _spawn(self) -> ChildProcess:
        """Start the program."""

    @property
    def pid(self) -> int:
        """The process id of the latest start."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._started().exit_code

    def respawn(self) -> None:
        """Start it, without waiting until it answers."""
        assert self._child is None or self._child.exit_code is not None, "it runs already"
        self._child = self._spawn()

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting; nothing happens when it has ended or was never started."""
        if self._child is not None:
            self._child.signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it gracefully; nothing happens when it has ended or was never started."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._started().kill()

    def last_words(self) -> str:
        """Return where the log is and how it ends."""
        return self._started().last_words()

    def _started(self) -> ChildProcess:
        assert self._child is not None, "not started"
        return self._child


class LocalServer(LocalProgram):
    """A program that listens. `port = 0` takes a free port at the first start and keeps it."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self._port = port

    @abstractmethod
    def _await(self, child: ChildProcess) -> None:
        """Return when this very child answers on `self.port`; raise NotReady otherwise."""

    @property
    def port(self) -> int:
        """The port; 0 before the first start when none was given."""
        return self._port

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{LOCALHOST}:{self._port}"

    def start(self) -> None:
        """Return when it answers. Raises NotReady with the end of the log."""
        if self._port:
            self._start_on(self._port)
        else:
            self._start_on_free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_on_free_port(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            try:
                self._start_on(port)
            except NotReady:
                if attempt == _ATTEMPTS or is_free(port):
                    self._port = 0
                    raise  # not because somebody was quicker to take the port
            else:
                return

    def _start_on(self, port: int) -> None:
        self._port = port
        self.respawn()
        try:
            self._await(self._started())
        except BaseException:
            self.kill()
            raise
