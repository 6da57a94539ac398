"""Events a second from full topics to applied and merged: `python -m benchmarks.ingest`.

librdkafka alone, ClickHouse's own Kafka engine in both its forms, and our processor, which begins with an index of
20 million keys. Topics are filled once, every contender reads them, and the runs take turns, so that what disturbs
the machine disturbs all of them.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.command import main_of
from benchmarks.effort import Effort
from benchmarks.figures import Notebook
from benchmarks.fill import PARTITIONS, fill
from benchmarks.limit import Limit
from benchmarks.load import KINDS, Kind, Load
from benchmarks.measurement import Contender
from benchmarks.meter import wait_until_quiet
from benchmarks.names import ingested
from benchmarks.ours import OurProcessor
from benchmarks.prepared import prepare, with_index
from benchmarks.rivals import KafkaEngine
from benchmarks.setting import Setting
from sandbox.broker import LocalBroker

DUPLICATES: Final = 0.01
CONTENDERS: Final[tuple[Contender, ...]] = (
    Limit(), KafkaEngine("JSONEachRow"), KafkaEngine("RawBLOB"), OurProcessor(1), OurProcessor(2),
)  # fmt: skip
_EVENTS: Final = 2_000_000
_KEYS: Final = 20_000_000
_QUICKLY: Final = 4  # so many times less
_LINES_OF_RUN: Final = 8


def measure(directory: Path, book: Notebook, effort: Effort) -> None:
    """Note every contender at every kind of events. Raises BenchmarkFailed, NotReady."""
    for kind in KINDS:
        contenders = [one for one in CONTENDERS if effort.wants(ingested(kind, one.key))]
        if contenders:
            _measure_kind(kind, contenders, directory / kind, book, effort)


def _measure_kind(
    kind: Kind, contenders: list[Contender], directory: Path, book: Notebook, effort: Effort
) -> None:
    """Use a broker of its own: a processor reads all topics, and the others must be empty."""
    less = _QUICKLY if effort.is_quick else 1
    with LocalBroker(directory) as broker:
        broker.create_topics(partitions=PARTITIONS)
        filled = fill(broker.address, Load(kind, _EVENTS // less, duplicates=DUPLICATES))
        book.say(
            f"{kind}: {filled.events:,} records, {filled.load.repeats:,} of them repeats, of "
            f"{filled.value_bytes / filled.events:.0f} bytes, after {filled.duration_s:.0f} s"
        )
        prepared = prepare(directory / "prepared", broker, with_index(_KEYS // less, _LINES_OF_RUN))
        setting = Setting(directory, broker, filled, prepared)
        for _ in range(effort.runs):
            for contender in contenders:
                wait_until_quiet(effort.patience_s)
                book.attempt("ingest", ingested(kind, contender.key), partial(contender.run, setting))


if __name__ == "__main__":
    main_of("ingest", sys.argv[1:])
