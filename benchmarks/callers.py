"""Processes of callers, and what they cost beside what they were told."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Self

from benchmarks.caller import Job, Told, serve
from benchmarks.meter import Meter, Reading
from benchmarks.workers import Worker

PROCESSES: Final = 2
_STARTS_IN_S: Final = 0.1
_FEW: Final = 4  # so many callers, and fewer, are one process


class Heard(NamedTuple):
    """What the callers of one run were told, by process, and readings at both ends of the measured time."""

    jobs: Sequence[Job]
    told: Sequence[Told]
    first: Reading
    last: Reading


class Callers:
    """Processes that live as long as the context."""

    def __init__(self, processes: int = PROCESSES) -> None:
        self._workers = [Worker(serve) for _ in range(processes)]

    @property
    def pids(self) -> tuple[int, ...]:
        """Of all the processes."""
        return tuple(worker.pid for worker in self._workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    def run(self, job: Job, meter: Meter) -> Heard:
        """Let `job.callers` ask together. Raises EOFError when a process has ended."""
        jobs = divided(job, 1 if job.callers <= _FEW else len(self._workers))
        workers = self._workers[: len(jobs)]
        for worker, one in zip(workers, jobs, strict=True):
            worker.send(one)
        for worker in workers:
            worker.receive()
        start_s = time.monotonic() + _STARTS_IN_S
        for worker in workers:
            worker.send(start_s)
        first = _at(start_s + job.warm_up_s, meter.read)
        last = _at(start_s + job.warm_up_s + job.measured_s, meter.read)
        return Heard(jobs, [worker.receive() for worker in workers], first, last)


def divided(job: Job, parts: int) -> list[Job]:
    """Return jobs of nearly equal size with questions of their own: no two processes ask the same one."""
    return [
        replace(
            job,
            callers=len(range(part, job.callers, parts)),
            questions=job.questions[part::parts] or job.questions,
            tokens=-(-job.tokens // parts),
        )
        for part in range(parts)
    ]


def _at(time_s: float, read: Callable[[], Reading]) -> Reading:
    time.sleep(max(0.0, time_s - time.monotonic()))
    return read()
