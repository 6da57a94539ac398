"""The processor with faults at exact points: `python -m tests.faults.crashing POINT[@TOPIC][:N][=ACTION] ...`

At the N-th passing of a point (the first one by default; with a topic, only its batches and openings are counted) the
action happens, once: `kill` (SIGKILL, the default), `stop` (SIGSTOP) or `raise`. With `stall` a thread waits there, from
the N-th passing on, as long as the file FAULT_STALL exists. The log says what happens: "fault POINT ACTION".
The program is the real one: its methods are wrapped from outside before it starts.

FAULT_CONSUMER (JSON) overrides settings of the Kafka consumer, FAULT_INSERT (JSON) those of the guarded insert,
FAULT_STORE_TIMEOUT_S the patience with ClickHouse, FAULT_FILTER_BYTES the size of the filter of a partition: production
has no settings for them. Without a fault, for these settings alone, the point is `nothing`.
FAULT_STRANDED is a file: a processor that starts while it exists has a consumer that finds no broker.
FAULT_LOOKS_S is how often the processor looks whether its consumer reaches a broker.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

from sandbox.ports import LOCALHOST, free_port
from tests.faults.injected import Faults, happen, parse


def install(faults: Faults) -> None:
    """Wrap the methods at whose borders the points lie."""
    from processor import adoption, apply, lane, opening, run
    from processor.event_index import EventIndex
    from processor.ledger import Ledger
    from processor.line_index import LineIndex
    from processor.source import Source

    _note_topic(faults, opening.Opener, "open", lambda _, topic, *__: topic)
    _note_topic(faults, apply.PartitionWriter, "apply", lambda writer, *_: writer.partition.topic)
    _wrap(faults, opening.Opener, "open", "before-opening", "after-opening")
    _wrap(faults, Ledger, "begin", "before-begin", "after-begin")
    _wrap(faults, run.DeadLetters, "park", "before-parking", "after-parking")
    _wrap(faults, apply, "write_facts", "before-facts", "after-facts", when=lambda _, facts: bool(facts))
    _wrap(
        faults,
        EventIndex,
        "write",
        "before-index",
        "after-index",
        when=lambda _, events, named: events is not None or bool(named),
    )
    _wrap(faults, LineIndex, "write", "before-index", "after-index")
    _wrap(faults, Ledger, "insert", "before-insert", "after-ack", when=lambda *_, **__: faults.is_applying)
    _wrap(faults, Ledger, "apply", None, "after-read-back")
    _wrap(faults, Ledger, "freeze", "before-freeze", "after-freeze")
    for module in (opening, adoption):
        _wrap(faults, module, "store_generation", "before-generation", "after-generation")
    _wrap(faults, Source, "_on_assign", None, "after-assignment")
    _wrap(faults, Source, "_on_revoke", "in-revocation", None)
    _note_hand_over(faults, lane.Lane)
    _break_assignment(faults, Source)
    _break_parking(faults, run)
    _break_sending(faults, Ledger)


def _wrap(
    faults: Faults,
    owner: Any,
    name: str,
    before: str | None,
    after: str | None,
    *,
    when: Callable[..., bool] = lambda *_, **__: True,
) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        counts = when(*args, **kwargs)
        if before and counts:
            faults.passing(before)
        result = method(*args, **kwargs)
        if after and counts:
            faults.passing(after)
        return result

    setattr(owner, name, wrapped)


def _note_topic(faults: Faults, owner: Any, name: str, topic_of: Callable[..., str]) -> None:
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        faults.here.topic, faults.here.applying = topic_of(*args, **kwargs), name == "apply"
        try:
            return method(*args, **kwargs)
        finally:
            faults.here.topic, faults.here.applying = "", False

    setattr(owner, name, wrapped)


def _note_hand_over(faults: Faults, lane: Any) -> None:
    start = lane._start

    def wrapped(self: Any, now: float) -> None:
        start(self, now)
        if self._in_hand is not None:
            faults.passing("handed-over")

    lane._start = wrapped


class _Around:
    """An object as it is, but for what a subclass adds."""

    def __init__(self, real: Any, faults: Faults) -> None:
        self._real, self._faults = real, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _break_assignment(faults: Faults, source: Any) -> None:
    """The consumer fails, as the callback sees it."""
    method = source._on_assign

    class Consumer(_Around):
        def __getattr__(self, name: str) -> Any:
            self._faults.passing("in-assignment")
            return super().__getattr__(name)

    source._on_assign = lambda self, consumer, places: method(self, Consumer(consumer, faults), places)


def _break_parking(faults: Faults, run: Any) -> None:
    class Producer(run.Producer):
        def flush(self, *args: Any) -> Any:
            faults.passing("while-parking")
            return super().flush(*args)

    run.Producer = Producer


def _break_sending(faults: Faults, ledger: Any) -> None:
    """Of the blocks that the driver sends for an insert, the one with columns is ours, the empty one after it ends it."""
    from clickhouse_driver.connection import Connection

    insert, send_data, create_socket = ledger.insert, Connection.send_data, Connection._create_socket

    def armed_insert(*args: Any, **kwargs: Any) -> Any:
        faults.here.sending = "query" if faults.is_applying else None
        try:
            return insert(*args, **kwargs)
        finally:
            faults.here.sending = None

    def watched_send_data(self: Any, block: Any, table_name: str = "") -> None:
        sending = getattr(faults.here, "sending", None)
        if sending == "query" and block.num_columns:
            faults.here.sending = "block"
        elif sending == "block":
            faults.here.sending = None
            faults.passing("end-unsent")
        send_data(self, block, table_name)

    class Socket(_Around):
        def sendall(self, data: Any) -> None:
            data = bytes(data)
            if getattr(self._faults.here, "sending", None) == "block" and (
                fault := self._faults.due("half-sent")
            ):
                self._real.sendall(data[: len(data) // 2])
                happen(fault)
                data = data[len(data) // 2 :]
            self._real.sendall(data)

    ledger.insert, Connection.send_data = armed_insert, watched_send_data
    Connection._create_socket = lambda self, *args: Socket(create_socket(self, *args), faults)


def override_settings() -> None:
    """Change what production has no setting for."""
    from processor import ledger, run, source

    config, consumer = source.consumer_config, json.loads(os.environ.get("FAULT_CONSUMER", "{}"))
    source.consumer_config = lambda settings: config(settings) | consumer
    ledger.ONE_BLOCK.update(json.loads(os.environ.get("FAULT_INSERT", "{}")))
    if Path(os.environ.get("FAULT_STRANDED") or os.devnull).is_file():
        consumer["bootstrap.servers"] = f"{LOCALHOST}:{free_port()}"
    if looks_s := os.environ.get("FAULT_LOOKS_S"):
        consumer["statistics.interval.ms"] = round(float(looks_s) * 1000)
        run.StrandedClients = partial(run.StrandedClients, every_s=float(looks_s))
    if timeout_s := os.environ.get("FAULT_STORE_TIMEOUT_S"):
        run._STORE_TIMEOUT_S = float(timeout_s)
    if filter_bytes := os.environ.get("FAULT_FILTER_BYTES"):
        run._SMALLEST_FILTER_BYTES = run._LARGEST_FILTER_BYTES = int(filter_bytes)


def main(arguments: list[str]) -> None:
    """Run the processor with these faults."""
    from processor.__main__ import main as processor

    install(Faults([parse(word) for word in " ".join(arguments).split()]))
    override_settings()
    processor(os.environ.get("FAULT_COMMAND", "run").split())


if __name__ == "__main__":
    main(sys.argv[1:])
