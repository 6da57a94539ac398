"""A process beside this one that does what it is sent: see `caller` and `feeder` for what that is."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final, Self

_ENDS_WITHIN_S: Final = 5.0


class Worker:
    """Runs `serve(pipe)` until the context ends, which closes the pipe."""

    def __init__(self, serve: Callable[[Pipe], None]) -> None:
        spawning = multiprocessing.get_context("spawn")  # neither gRPC nor librdkafka survives a fork
        self._pipe, theirs = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def send(self, what: object) -> None:
        """Give it something."""
        self._pipe.send(what)

    def receive(self) -> Any:
        """Wait for what it gives back. Raises EOFError when it has ended."""
        return self._pipe.recv()

    def close(self) -> None:
        """Let it end, or make it."""
        self._pipe.close()
        self._process.join(_ENDS_WITHIN_S)
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
