"""A whole stack under a test: it plays records, waits until they are counted, and says what came out."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from analytics.store.pool import Connection
from sandbox.applied import COUNTED_TOPICS, Applied
from sandbox.directory import SandboxDirectory
from sandbox.partitioner import partition_of
from sandbox.play import play_records
from sandbox.records import CorpusRecord, read_corpus
from sandbox.stack import PARTITIONS, Stack, StackOptions
from sandbox.totals import Answers, Asker, ExpectedTotals
from tests import databases
from tests.eventually import eventually
from tests.topic_reader import read_topic

COUNT_WITHIN_S = 240.0
WEEK_MS = 7 * 86_400_000


class Origin(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Log:
    """The records played so far."""

    def __init__(self) -> None:
        self.records: list[CorpusRecord] = []
        self.counted = 0
        """How many of them the processors read."""

    def add(self, records: Sequence[CorpusRecord]) -> None:
        self.records += records
        self.counted += sum(record.topic in COUNTED_TOPICS for record in records)

    def origins(self) -> Iterator[Origin]:
        """Where the broker put each of them: in the order of the file within a partition."""
        following: Counter[tuple[str, int]] = Counter()
        for record in self.records:
            place = record.topic, partition_of(record.partition_key, PARTITIONS)
            yield Origin(*place, following[place])
            following[place] += 1


class StackUnderTest:
    """A running stack with a log of what was played into it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.log = Log()
        self.running = stack.running()
        self._applied = stack.applied_reader()
        self._asker = Asker(self.running.grpc, Path(self.running.keys.private))

    def play(self, records: Sequence[CorpusRecord], *, rate: float | None = None) -> None:
        """Play records behind those played before."""
        report = play_records(records, self.running.kafka, rate=rate)
        assert report.ok, report
        self.log.add(records)

    @contextmanager
    def playing(self, records: Sequence[CorpusRecord], *, rate: float) -> Iterator[threading.Thread]:
        """Play records in a thread, to do something else meanwhile; returns when all are played."""
        thread = threading.Thread(target=self.play, args=(records,), kwargs={"rate": rate})
        thread.start()
        try:
            yield thread
        finally:
            thread.join()

    def applied(self) -> int:
        """How many records are applied."""
        return (self._applied.read() or Applied()).records

    def supervise(self) -> None:
        """Start again what ended."""
        self.stack.check(time.monotonic())

    def await_counted(self) -> None:
        """Return when everything played is applied: exactly so many records, none twice."""

        def all_of_it() -> bool:
            self.supervise()
            return self.applied() >= self.log.counted

        eventually(all_of_it, within_s=COUNT_WITHIN_S, pause_s=0.2)
        assert self.applied() == self.log.counted

    def answers(self, expected: ExpectedTotals) -> Answers:
        """What the service says of every expected user and workflow."""
        return self._asker.ask(expected.users, expected)

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """What the tables say."""
        connection = Connection(self.stack.settings(), timeout_s=30, database=self.stack.database)
        try:
            return connection.query(sql, parameters)
        finally:
            connection.close()

    def dead_letters(self) -> Counter[Origin]:
        """How often each record lies in the dead-letter topic; every one must say why."""
        found: Counter[Origin] = Counter()
        for message in read_topic(self.running.kafka, "analytics.dead_letter"):
            headers = dict(message.headers() or [])
            assert headers["dead_letter.reason"]
            topic, partition, offset = (
                headers[f"dead_letter.{name}"].decode() for name in ("topic", "partition", "offset")
            )
            found[Origin(topic, int(partition), int(offset))] += 1
        return found

    def close(self) -> None:
        self._applied.close()
        self._asker.close()


class ProvedStack(Stack):
    """Its processors need not prove the guards of ClickHouse: other tests do, and each start would cost a second."""

    def _migrate(self) -> None:
        super()._migrate()
        databases.note_selftest(self.settings())


@contextmanager
def running_stack(
    directory: Path, *, processors: int = 1, shards: int = 1, clickhouse_config: str = ""
) -> Iterator[StackUnderTest]:
    """Run a stack of the test's own."""
    options = StackOptions(processors, shards, clickhouse_config=clickhouse_config)
    with SandboxDirectory(directory).claim() as claimed:
        stack = ProvedStack(claimed, options, report=lambda _: None)
        try:
            stack.start()
            under_test = StackUnderTest(stack)
            try:
                yield under_test
            finally:
                under_test.close()
        finally:
            stack.stop()


def records_of(path: Path) -> list[CorpusRecord]:
    return list(read_corpus(path))


def newest(records: Sequence[CorpusRecord], *, weeks: int) -> list[CorpusRecord]:
    """The last weeks of a corpus: ClickHouse has a part for each week of an insert."""
    last_ms = max(record.timestamp_ms for record in records)
    return [record for record in records if record.timestamp_ms > last_ms - weeks * WEEK_MS]


def as_json(record: CorpusRecord) -> dict[str, object]:
    """The record as the reference model reads it."""
    fields: dict[str, object] = msgspec.to_builtins(record)
    if record.value_b64 is None:
        del fields["value_b64"]
    return fields
