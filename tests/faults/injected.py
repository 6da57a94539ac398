"""Faults that are injected into a processor: where, at which passing, and what happens; tests.faults.crashing does it."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

POINTS = {
    "nothing": "is never passed",
    "before-opening": "a partition is assigned, its checkpoint is not read",
    "before-begin": "the first row of a partition is not inserted",
    "after-begin": "it is",
    "after-opening": "the checkpoint is known, nothing is read",
    "before-parking": "malformed records of a batch are not parked",
    "while-parking": "they are sent, their acknowledgement is not awaited",
    "after-parking": "they are parked",
    "before-facts": "a batch has facts of workflows, they are not written",
    "after-facts": "they are",
    "before-index": "repeats are found, the index is not written",
    "after-index": "the index is written, the numbers are not",
    "before-insert": "numbers and checkpoint of a batch are not sent",
    "half-sent": "half of their block is on the wire",
    "end-unsent": "all of it is, but not that it ends there",
    "after-ack": "the insert is acknowledged, the checkpoint is not read back",
    "after-read-back": "it is",
    "handed-over": "the main thread has given a batch to another thread",
    "in-assignment": "the callback of an assignment calls the consumer",
    "after-assignment": "the callback has returned",
    "in-revocation": "the callback of a revocation begins",
    "before-freeze": "a topic has grown, a partition of it is not frozen",
    "after-freeze": "it is",
    "before-generation": "all of them are, the new generation is not stored",
    "after-generation": "it is",
}


class Fault(NamedTuple):
    """What happens where; see tests.faults.crashing."""

    point: str
    topic: str
    nth: int
    action: str


class InjectedError(Exception):
    """Raised by a fault: no error that the processor knows."""


def parse(word: str) -> Fault:
    """Read POINT[@TOPIC][:N][=ACTION]. Raises ValueError."""
    rest, _, action = word.partition("=")
    rest, _, nth = rest.partition(":")
    point, _, topic = rest.partition("@")
    if point not in POINTS:
        raise ValueError(f"{point} is no point; there are {', '.join(POINTS)}")
    if action not in ("", "kill", "stop", "raise", "stall"):
        raise ValueError(f"{action} is no action")
    return Fault(point, topic, int(nth or 1), action or "kill")


class Faults:
    """Counts passings, of all threads together."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._passed = [0] * len(faults)
        self._lock = threading.Lock()
        self.here = threading.local()  # what this thread does now: .topic, .applying, .sending

    def due(self, point: str) -> Fault | None:
        """Count a passing; return the fault that is to happen at it."""
        topic = getattr(self.here, "topic", "")
        with self._lock:
            for at, one in enumerate(self._faults):
                if one.point == point and one.topic in ("", topic):
                    self._passed[at] += 1
                    if self._passed[at] == one.nth or (one.action == "stall" and self._passed[at] > one.nth):
                        return one
        return None

    def passing(self, point: str) -> None:
        """Let happen what is due."""
        if fault := self.due(point):
            happen(fault)

    @property
    def is_applying(self) -> bool:
        """Whether an insert of this thread is one of a batch: opening and freezing use the same insert."""
        return getattr(self.here, "applying", False)


def happen(fault: Fault) -> None:
    """Do it, and say so before."""
    stall = Path(os.environ.get("FAULT_STALL", ""))
    if fault.action != "stall" or stall.exists():
        print(f"fault {fault.point} {fault.action}", file=sys.stderr, flush=True)
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        # Sent to the program, it would reach the main thread, and this one would go on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    elif fault.action == "raise":
        raise InjectedError(fault.point)
    while fault.action == "stall" and stall.exists():
        time.sleep(0.01)
