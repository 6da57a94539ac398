"""The processor with faults at exact points: `python -m tests.faults.crashing run` in place of `python -m processor run`.

The environment variable FAULTS is a JSON list of faults; at the n-th passing of its point each one happens, once.
FAULT_CONSUMER (JSON) overrides settings of the Kafka consumer, FAULT_STORE_TIMEOUT_S the patience with ClickHouse.
The program itself is the real one: methods are wrapped, from outside, before it starts.
"""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any

POINTS = (
    "before opening", "before begin", "after begin", "after opening",
    "before parking", "while parking", "after parking",
    "before facts", "after facts",
    "before index", "after index",
    "before insert", "half sent", "after ack", "after read-back",
    "in assignment", "after assignment", "in revocation",
)  # fmt: skip
"""In the order of a batch's life; the last three are callbacks of the consumer."""


@dataclass(frozen=True)
class Fault:
    """What happens at the `nth` passing of a point: `kill`, `stop` (SIGSTOP), `raise`, or `sleep` for `seconds`.

    With a topic only its batches and openings are counted; the callbacks of the consumer have none.
    """

    point: str
    nth: int = 1
    action: str = "kill"
    topic: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        assert self.point in POINTS, self.point
        assert self.action in ("kill", "stop", "raise", "sleep"), self.action


class InjectedError(Exception):
    """Raised by a fault; no error that the processor knows."""


def as_environment(*faults: Fault) -> dict[str, str]:
    """What a process needs in its environment."""
    return {"FAULTS": json.dumps([asdict(one) for one in faults])}


class Faults:
    """Counts passings, of all threads together."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._passed = [0] * len(faults)
        self._lock = threading.Lock()
        self.here = threading.local()  # .topic, and .applying: what this thread does now

    def wants(self, point: str) -> bool:
        """Whether a fault is set for this point."""
        return any(one.point == point for one in self._faults)

    def due(self, point: str) -> Fault | None:
        """The fault that happens at this passing."""
        topic = getattr(self.here, "topic", "")
        with self._lock:
            for at, one in enumerate(self._faults):
                if one.point == point and one.topic in ("", topic):
                    self._passed[at] += 1
                    if self._passed[at] == one.nth:
                        return one
        return None

    def passing(self, point: str) -> None:
        """Let happen what is due."""
        if fault := self.due(point):
            happen(fault)


def happen(fault: Fault) -> None:
    print(json.dumps({"event": "fault", **asdict(fault)}), file=sys.stderr, flush=True)
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault.action == "sleep":
        time.sleep(fault.seconds)
    else:
        raise InjectedError(fault.point)


def install(faults: Faults) -> None:
    """Wrap the methods at whose borders the points lie."""
    from processor import apply
    from processor.dead_letter import DeadLetters
    from processor.event_index import EventIndex
    from processor.ledger import Ledger
    from processor.line_index import LineIndex
    from processor.opening import Opener
    from processor.source import Source

    _note_topic(faults, Opener, "open", lambda _, topic, *__: topic)
    _note_topic(faults, apply.PartitionWriter, "apply", lambda writer, *_: writer.partition.topic)
    _wrap(faults, Opener, "open", "before opening", "after opening")
    _wrap(faults, Ledger, "begin", "before begin", "after begin")
    _wrap(faults, DeadLetters, "park", "before parking", "after parking")
    _wrap(faults, apply, "write_facts", "before facts", "after facts")
    _wrap(faults, EventIndex, "write", "before index", "after index")
    _wrap(faults, LineIndex, "write", "before index", "after index")
    _wrap(faults, Ledger, "insert", "before insert", "after ack", only_applying=True)
    _wrap(faults, Ledger, "apply", None, "after read-back", only_applying=True)
    _wrap(faults, Source, "_on_assign", None, "after assignment")
    _wrap(faults, Source, "_on_revoke", "in revocation", None)
    _break_assignment(faults, Source)
    _break_flush(faults)
    _break_sending(faults, Ledger)


def _wrap(
    faults: Faults, owner: Any, name: str, before: str | None, after: str | None, *, only_applying: bool = False
) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        counts = getattr(faults.here, "applying", False) or not only_applying
        if before and counts:
            faults.passing(before)
        result = method(*args, **kwargs)
        if after and counts:
            faults.passing(after)
        return result

    setattr(owner, name, wrapped)


def _note_topic(faults: Faults, owner: Any, name: str, topic_of: Any) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        faults.here.topic, faults.here.applying = topic_of(*args, **kwargs), name == "apply"
        try:
            return method(*args, **kwargs)
        finally:
            faults.here.topic, faults.here.applying = "", False

    setattr(owner, name, wrapped)


def _break_assignment(faults: Faults, source: Any) -> None:
    """An error inside the callback: the binding's consumer, as the callback sees it, fails."""
    method = source._on_assign

    class Consumer:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            faults.passing("in assignment")
            return getattr(self._real, name)

    source._on_assign = lambda self, consumer, partitions: method(self, Consumer(consumer), partitions)


def _break_flush(faults: Faults) -> None:
    """`while parking`: dead letters are produced, and not acknowledged."""
    from processor import run

    class Producer(run.Producer):
        def flush(self, *args: Any) -> Any:
            faults.passing("while parking")
            return super().flush(*args)

    run.Producer = Producer


def _break_sending(faults: Faults, ledger: Any) -> None:
    """`half sent`: the first half of the block of a guarded insert is on the wire."""
    from clickhouse_driver.connection import Connection

    insert, create_socket = ledger.insert, Connection._create_socket

    def armed_insert(*args: Any, **kwargs: Any) -> Any:
        if getattr(faults.here, "applying", False) and faults.wants("half sent"):
            faults.here.fault, faults.here.has_sample = faults.due("half sent"), False
        try:
            return insert(*args, **kwargs)
        finally:
            faults.here.fault = None

    class Socket:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def recv_into(self, *args: Any) -> Any:
            faults.here.has_sample = True  # the server asks for the block
            return self._real.recv_into(*args)

        def sendall(self, data: Any) -> None:
            data, fault = bytes(data), getattr(faults.here, "fault", None)
            if fault and faults.here.has_sample:
                self._real.sendall(data[: len(data) // 2])
                happen(fault)
                data, faults.here.fault = data[len(data) // 2 :], None
            self._real.sendall(data)

    ledger.insert = armed_insert
    Connection._create_socket = lambda self, host, port: Socket(create_socket(self, host, port))


def override_settings(consumer: dict[str, Any], store_timeout_s: float | None) -> None:
    """Change what production has no setting for."""
    from processor import run, source

    if store_timeout_s is not None:
        run._STORE_TIMEOUT_S = store_timeout_s
    config = source.consumer_config
    source.consumer_config = lambda settings: config(settings) | consumer


def main() -> None:
    """Run the processor with the faults of the environment."""
    from processor.__main__ import main as processor

    install(Faults([Fault(**one) for one in json.loads(os.environ.get("FAULTS", "[]"))]))
    timeout_s = os.environ.get("FAULT_STORE_TIMEOUT_S")
    override_settings(
        json.loads(os.environ.get("FAULT_CONSUMER", "{}")), None if timeout_s is None else float(timeout_s)
    )
    processor()


if __name__ == "__main__":
    main()
