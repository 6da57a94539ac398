"""A Kafka, a ClickHouse and processors under a test that breaks them. Every scenario ends with `require_exact()`."""

import signal
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec

from analytics.errors import AnalyticsError
from analytics.store.pool import Connection
from sandbox.broker import TOPICS, create_topics
from sandbox.clickhouse import LocalClickHouse
from sandbox.kafka import LocalKafka
from sandbox.processes import ChildProcess
from sandbox.server import LocalProgram
from tests import databases
from tests.copied_database import migrated
from tests.eventually import eventually
from tests.faults.log import Event, Log, Totals, true_totals
from tests.insights import RESOLUTIONS, require_durations, require_insights, stored_durations

COUNTED: Final = ("analytics", "workflows", "job_logs")
COUNT_WITHIN_S: Final = 90.0
_TOPICS: Final = tuple(name for name in TOPICS if name != "jobs")  # which nobody counts
_PAUSE_S: Final = 0.4  # to look takes ClickHouse a hundredth of a second, and a processor needs one to start
NIL: Final = UUID(int=0)

_SUMS = """
SELECT resolution, user_id, workflow_id, sum(workflows), sum(jobs), sum(execution_seconds), sum(log_lines)
FROM analytics WHERE resolution IN ('total', 'day', 'quarter') GROUP BY resolution, user_id, workflow_id
HAVING sum(workflows) != 0 OR sum(jobs) != 0 OR sum(log_lines) != 0
"""  # what only has results is no total, see tests.insights
_CHECKPOINTS = """
SELECT workflow_id, sum(checkpoint_rows), sum(offset_delta), max(next_offset)
FROM analytics WHERE resolution = 'checkpoint' GROUP BY workflow_id
"""


class Worker(LocalProgram):
    """A processor. `crash`: faults of its next starts, as tests.faults.crashing reads them; empty: production's entry."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path, *, crash: str = "") -> None:
        super().__init__()
        self.name, self.environment, self._log = name, dict(environment), log
        self.crash = crash

    def _spawn(self) -> ChildProcess:
        command = ["-P", "-m", "processor", "run"]
        if self.crash:
            command = ["-m", "tests.faults.crashing", *self.crash.split()]
        return ChildProcess(self.name, [sys.executable, *command], self._log, environment=self.environment)

    @property
    def runs(self) -> bool:
        return self._child is not None and self.exit_code is None

    @property
    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def pause(self) -> None:
        """As a machine that stalls (SIGSTOP)."""
        self._started().signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._started().signal(signal.SIGCONT)

    def end(self) -> None:
        """Ask it to end (SIGTERM), and do not wait."""
        self._started().signal(signal.SIGTERM)

    @property
    def is_paused(self) -> bool:
        return self.runs and Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def await_crash(self, within_s: float = 60.0) -> None:
        """Return when it has killed itself at its crash point."""
        eventually(lambda: self.exit_code is not None, within_s=within_s)
        assert self.exit_code == -signal.SIGKILL, self.last_words()

    def await_end(self, code: int, within_s: float = 60.0) -> None:
        eventually(lambda: self.exit_code is not None, within_s=within_s)
        assert self.exit_code == code, self.last_words()


class FaultWorld:
    """Fresh topics and a fresh database; `window` is how many tokens ClickHouse remembers.

    Topic `analytics` has `partitions`, `workflows` and `job_logs` have `others`: each costs every test a good part of a
    second.
    `read_from`: the database in which everything is that was counted.
    """

    def __init__(
        self,
        kafka: LocalKafka,
        clickhouse: LocalClickHouse,
        directory: Path,
        *,
        partitions: int = 2,
        others: int = 1,
        window: int = 100_000,
        database: str = "",
    ) -> None:
        self.kafka, self.clickhouse, self._directory = kafka, clickhouse, directory
        self.partitions = dict.fromkeys(_TOPICS, partitions) | {"workflows": others, "job_logs": others}
        self._window = window
        self.group = f"faults-{uuid4().hex[:8]}"
        self.settings = migrated(clickhouse.address, database or f"faults_{uuid4().hex[:12]}", window=window)
        self.read_from = self.settings.clickhouse_database
        self.admin = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
        self.workers: list[Worker] = []
        directory.mkdir(parents=True, exist_ok=True)
        recreate_topics(self.admin, kafka.address, self.partitions)
        databases.note_selftest(self.settings)
        self.log = Log(kafka.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            if worker.runs:
                worker.resume()
                worker.kill()
        with suppress(AnalyticsError):  # of a server that the test has left dead
            databases.drop(self.clickhouse, [self.settings.clickhouse_database])

    # --- processors ---

    def worker(self, *, crash: str = "", clickhouse: str = "", **environment: str) -> Worker:
        """A processor that is not started yet. `clickhouse`: where it finds it, such as the address of a proxy."""
        name = f"worker-{len(self.workers) + 1}"
        given = self.environment() | environment
        if clickhouse:
            given["CLICKHOUSE_HOSTS"] = clickhouse
        worker = Worker(name, given, self._directory / f"{name}.log", crash=crash)
        self.workers.append(worker)
        return worker

    def start(self, **options: str) -> Worker:
        """A processor that runs."""
        worker = self.worker(**options)
        worker.respawn()
        return worker

    def environment(self) -> dict[str, str]:
        """What a processor, or a command of it, gets; times are short, so that a test does not wait for them."""
        return {
            "ENV": "development",
            "CLICKHOUSE_HOSTS": self.clickhouse.address,
            "CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
            "CLICKHOUSE_USERNAME": "default",
            "CLICKHOUSE_PASSWORD": "",
            "CLICKHOUSE_TLS_ENABLED": "false",
            "KAFKA_BROKERS": self.kafka.address,
            "KAFKA_CONSUMER_GROUP": self.group,
            "KAFKA_TLS_ENABLED": "false",
            "KAFKA_SESSION_TIMEOUT": "2s",
            "KAFKA_HEARTBEAT_INTERVAL": "300ms",
            "PROCESSOR_MIN_DEDUPLICATION_WINDOW": str(self._window),
            "PROCESSOR_GROWTH_GRACE": "1s",
            "METRICS_PORT": "0",
        }

    # --- events ---

    def publish(self, events: Iterable[Event]) -> None:
        self.log.publish(events, self.partitions)

    def publish_knowing(self, partitions: int, events: Iterable[Event]) -> None:
        """As a producer does that knows of so many partitions of each topic."""
        self.log.publish(events, dict.fromkeys(COUNTED, partitions))

    def add_partitions(self, count: int, topics: Sequence[str] = COUNTED) -> None:
        """Let topics grow to so many partitions; what is published from now on is spread over them."""
        for future in self.admin.create_partitions([NewPartitions(name, count) for name in topics]).values():
            future.result(10)
        self.partitions |= dict.fromkeys(topics, count)

    # --- what came out ---

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        connection = Connection(self.settings, timeout_s=30, database=self.read_from)
        try:
            return connection.query(sql, parameters)
        finally:
            connection.close()

    def applied(self) -> int:
        """Offsets applied in all partitions."""
        return sum(row[2] for row in self.query(_CHECKPOINTS))

    def await_applied(self, offsets: int, within_s: float = COUNT_WITHIN_S) -> None:
        eventually(lambda: self.applied() >= offsets, within_s=within_s, pause_s=_PAUSE_S)

    def ends(self) -> Counter[str]:
        """The sum of the end offsets of each topic."""
        return eventually(self._ends, within_s=30)

    def _ends(self) -> Counter[str]:
        asked = {}
        for name in COUNTED:
            count = len(self.admin.list_topics(name, timeout=10).topics[name].partitions)
            asked |= {TopicPartition(name, number): OffsetSpec.latest() for number in range(count)}
        ends: Counter[str] = Counter()
        try:
            for place, future in self.admin.list_offsets(asked, request_timeout=10).items():
                ends[place.topic] += future.result().offset
        except KafkaException as error:  # a broker that is slow to renew its session leads no partition
            raise AssertionError("the broker does not say where its log ends") from error
        return ends

    def require_exact(self, *, within_s: float = COUNT_WITHIN_S) -> None:
        """Return when everything published is applied and every number is right. Workers that ended are a failure."""
        end = self.ends().total()
        eventually(lambda: self._applied_by_living_workers() >= end, within_s=within_s, pause_s=_PAUSE_S)
        self.require_right_numbers()
        assert self.applied() == end

    def require_right_numbers(self) -> None:
        """All numbers of users and workflows, the same in buckets of days and quarters, and the checkpoints."""
        reference = self.log.reference()
        answer = reference.expected()
        truth, stored = true_totals(reference, answer), self.all_sums()
        for resolution in RESOLUTIONS:
            assert stored[resolution] == truth, resolution
        for partition_id, first_rows, total, highest in self.query(_CHECKPOINTS):
            assert (first_rows, total) == (1, highest), partition_id
        durations = stored_durations(self.query)
        require_insights(self.query, answer, durations)
        require_durations(durations, reference)

    def sums(self, resolution: str) -> Totals:
        """Of every user, and of every workflow of a user."""
        return self.all_sums()[resolution]

    def all_sums(self) -> dict[str, Totals]:
        """The same, by resolution."""
        found: dict[str, Totals] = {resolution: {} for resolution in RESOLUTIONS}
        for resolution, user, flow, *sums in self.query(_SUMS):
            found[resolution][str(user), "" if flow == NIL else str(flow)] = tuple(sums)
        return found

    def _applied_by_living_workers(self) -> int:
        ended = [one for one in self.workers if one._child is not None and one.exit_code is not None]
        if self.workers and len(ended) == len(self.workers):
            raise RuntimeError("no processor runs any more\n" + ended[-1].last_words())
        return self.applied()


def recreate_topics(admin: AdminClient, bootstrap: str, partitions: Mapping[str, int]) -> None:
    """Delete and make topics with so many partitions, and return when the broker has the new ones."""
    for future in admin.delete_topics(list(partitions), request_timeout=10).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    eventually(lambda: not partitions.keys() & admin.list_topics(timeout=10).topics.keys(), within_s=30)
    for name, count in partitions.items():
        create_topics(bootstrap, [name], partitions=count)
    eventually(lambda: _have(admin, partitions), within_s=30)


def _have(admin: AdminClient, partitions: Mapping[str, int]) -> bool:
    try:
        found = admin.describe_topics(TopicCollection(list(partitions)), request_timeout=10)
        return {name: len(future.result().partitions) for name, future in found.items()} == partitions
    except KafkaException:
        return False
