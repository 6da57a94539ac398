"""Fakes of what surrounds a lane: the consumer, threads, and writers that fail as they are told."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import Any

from processor.decode.events import Decoded
from processor.lane import Lane, Limits
from processor.lineage import Segment
from processor.model import Checkpoint
from processor.source import AT_ONCE
from tests.processor_world import finished_job, records, some_partition


class FakeSource:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.started_at: list[int] = []
        self.is_read = self.is_paused = False
        self.end = -1  # of the log, as far as it is known

    def known_end(self, place: tuple[str, int]) -> int:
        return self.end

    def read(self, place: tuple[str, int], checkpoint: Checkpoint) -> None:
        self.started_at.append(checkpoint.next_offset)
        self.is_read, self.is_paused = True, False

    def leave(self, place: tuple[str, int]) -> None:
        self.is_read = False

    def pause(self, place: tuple[str, int]) -> None:
        self.is_paused = True

    def resume(self, place: tuple[str, int]) -> None:
        self.is_paused = False


class PatientExecutor(Executor):
    """Does nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        for future, action in self.waiting:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001 -- as a pool of threads does
                future.set_exception(error)
        self.waiting = []


class InlineExecutor(PatientExecutor):
    """Does everything at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            self.work()


class ScriptedWriter:
    """Fails with the given errors one after the other, then applies every batch."""

    def __init__(self, next_offset: int = 0, *failures: Exception, until: int | None = None) -> None:
        self.checkpoint, self.segment = Checkpoint(next_offset), Segment(until, ())
        self.tried: list[Decoded] = []
        self.applied: list[Decoded] = []
        self.failures = list(failures)

    def apply(self, batch: Decoded) -> None:
        self.tried.append(batch)
        if self.failures:
            raise self.failures.pop(0)
        self.applied.append(batch)
        self.checkpoint = Checkpoint(batch.end, batch.leader_epoch)


Script = ScriptedWriter | Exception


class LaneWorld:
    """One lane, with a script of writers for it to open and a clock that goes on with every step."""

    def __init__(
        self, *script: Script, workers: Any = None, fits: int = 80_000, kept_bytes: int = 1 << 30
    ) -> None:
        self.source, self.partition, self.now = FakeSource(), some_partition(), 0.0
        limits = Limits(records=fits + AT_ONCE, kept_bytes=kept_bytes, min_interval_s=0.05)
        self.lane = Lane(self.partition, self._open, self.source, workers or InlineExecutor(), limits)  # type: ignore[arg-type]
        self._script = list(script)

    def _open(self) -> ScriptedWriter:
        writer = self._script.pop(0)
        if isinstance(writer, Exception):
            raise writer
        return writer

    def step(self, times: int = 1, after_s: float = 10.0) -> None:
        """An action needs two steps: one begins it, the next one takes note of its end."""
        for _ in range(times):
            self.now += after_s
            self.lane.step(self.now)

    def feed(self, first: int, count: int = 1) -> int:
        return self.lane.feed(records(*[finished_job()] * count, first=first), self.now)


def opened(*script: Script, **options: Any) -> LaneWorld:
    """A lane that has opened the first writer of the script."""
    world = LaneWorld(*script, **options)
    world.step(2)
    return world


def offsets(batches: Iterable[Decoded]) -> list[tuple[int, int]]:
    return [(batch.first, batch.end) for batch in batches]


def applying(writer: ScriptedWriter) -> tuple[LaneWorld, PatientExecutor]:
    """A lane whose batch [0, 2) a thread is about to apply; and the threads."""
    workers = PatientExecutor()
    world = LaneWorld(writer, ScriptedWriter(9), workers=workers)
    world.step()
    workers.work()
    world.step()
    world.feed(0, 2)
    world.step()
    return world, workers
