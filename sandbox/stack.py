"""The whole local stack: ClickHouse, broker, processors and service, started and stopped in order."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from analytics.errors import AnalyticsError
from analytics.settings import Settings
from analytics.store.migrate import migrate
from analytics.store.pool import StatementFailed
from analytics.store.shards import whole_of
from sandbox.applied import COUNTED_TOPICS, Applied, AppliedReader
from sandbox.broker import TOPICS, LocalBroker
from sandbox.clickhouse import local_settings
from sandbox.directory import Keys, Pids, Running, SandboxDirectory
from sandbox.errors import NotReady
from sandbox.ports import LOCALHOST
from sandbox.programs import LocalProcessor, LocalService
from sandbox.server import LocalProgram
from sandbox.shards import add_shards, local_shards
from sandbox.supervisor import Report, Supervised, Supervisor
from sandbox.tokens import create_key_pair

DATABASE: Final = "analytics"
PARTITIONS: Final = 2
START_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.2  # to look oftener takes the time of the processors that are waited for
CONSUMER_GROUP: Final = "analytics-processor"


@dataclass(frozen=True)
class StackOptions:
    """How much of it, and where; port 0 is any free one. `clickhouse_config`: more of its configuration, as XML."""

    processors: int = 1
    shards: int = 1
    grpc_port: int = 0
    kafka_port: int = 0
    clickhouse_port: int = 0
    clickhouse_config: str = ""


class Stack:
    """Everything that runs in one directory, which must be claimed. `report` gets a line for every step."""

    def __init__(self, directory: SandboxDirectory, options: StackOptions, report: Report) -> None:
        self.directory = directory
        self._report = report
        logs = directory.logs
        self.shards = local_shards(
            directory.clickhouse,
            DATABASE,
            options.shards,
            port=options.clickhouse_port,
            logs=logs,
            config=options.clickhouse_config,
        )
        self.clickhouse = self.shards[0]
        self.broker = LocalBroker(logs, options.kafka_port)
        self.service = LocalService(self.environment, logs / "service.log", options.grpc_port)
        self.processors: list[LocalProcessor] = []
        self._count = options.processors
        self.supervisor = Supervisor([])

    def start(self) -> None:
        """Return when everything answers. Raises NotReady; `stop()` then ends what was started."""
        self._step("key pair", self._create_keys)
        self._step("ClickHouse", self._start_clickhouse)
        self._step("broker", self.broker.start)
        self._step("topics", lambda: self.broker.create_topics(partitions=PARTITIONS))
        self._step("schema", self._migrate)
        self._step("processors", self._start_processors)
        self._step("service", self.service.start)
        self.supervisor = Supervisor(self._supervised(time.monotonic()))

    def stop(self) -> None:
        """End all: first who writes, then who reads, then what they stand on."""
        for processor in self.processors:
            processor.ask_to_stop()  # all at once: each one waits for the others when it leaves the group
        for processor in self.processors:
            processor.stop()
        self.service.stop()
        self.broker.stop()
        for shard in self.shards:
            shard.stop()

    def check(self, now: float) -> bool:
        """Start again what ended; return whether a process id changed. Raises NotReady: the log is lost."""
        if self.broker.exit_code is not None:
            raise NotReady(
                f"the broker ended with exit code {self.broker.exit_code}, and its log, which was in memory, "
                f"is lost: start the sandbox again\n{self.broker.last_words()}"
            )
        return self.supervisor.check(now)

    def running(self) -> Running:
        """Return what `sandbox.json` says."""
        return Running(
            grpc=self.service.address,
            kafka=self.broker.address,
            clickhouse=self.clickhouse.address,
            pids=Pids(
                supervisor=os.getpid(),
                clickhouse=self.clickhouse.pid,
                broker=self.broker.pid,
                service=self.service.pid,
                processors=tuple(processor.pid for processor in self.processors),
                shards=tuple(shard.pid for shard in self.shards[1:]),
            ),
            keys=Keys(private=str(self.directory.private_key), public=str(self.directory.public_key)),
            topics=TOPICS,
            shards=tuple(shard.address for shard in self.shards[1:]),
        )

    def _step(self, name: str, action: Callable[[], None]) -> None:
        started = time.monotonic()
        action()
        self._report(f"{name}: ready in {time.monotonic() - started:.1f} s")

    def _create_keys(self) -> None:
        create_key_pair(self.directory.private_key, self.directory.public_key)

    def _start_clickhouse(self) -> None:
        for shard in self.shards:
            shard.start()

    def _migrate(self) -> None:
        try:
            migrate(self.settings())
            add_shards(self.settings(), [shard.address for shard in self.shards[1:]], opens_after_s=0)
        except (AnalyticsError, StatementFailed) as error:
            raise NotReady(f"the schema could not be made: {error}") from error

    def _start_processors(self) -> None:
        for number in range(1, self._count + 1):
            name = f"processor-{number}"
            processor = LocalProcessor(name, self.environment, self.directory.logs / f"{name}.log")
            self.processors.append(processor)
            processor.respawn()
        if self.processors:
            self._await_checkpoints()

    def _await_checkpoints(self) -> None:
        """Return when every partition that is counted has its checkpoint, whichever processor made it."""
        wanted, deadline = len(COUNTED_TOPICS) * PARTITIONS, time.monotonic() + START_WITHIN_S
        reader = self.applied_reader()
        try:
            while (reader.read() or Applied()).partitions < wanted:
                _refuse_ended(self.processors)
                if time.monotonic() > deadline:
                    words = self.processors[0].last_words()
                    raise NotReady(f"no processor began to count within {START_WITHIN_S:g} s\n{words}")
                time.sleep(_POLL_S)
        finally:
            reader.close()

    def settings(self) -> Settings:
        """Return how to reach the database."""
        return local_settings(self.clickhouse.address, DATABASE)

    @property
    def database(self) -> str:
        """The database in which everything is read that is counted."""
        return whole_of(DATABASE) if len(self.shards) > 1 else DATABASE

    def applied_reader(self) -> AppliedReader:
        """Return a reader of the checkpoints."""
        return AppliedReader(self.settings(), self.database)

    def environment(self) -> dict[str, str]:
        """Return the settings of our programs; what could lead them elsewhere is set, whatever the shell has."""
        return {
            "ENV": "development",
            "GRPC_HOST": LOCALHOST,
            "GRPC_TLS_ENABLED": "false",
            "CLICKHOUSE_HOSTS": self.clickhouse.address,
            "CLICKHOUSE_DATABASE": DATABASE,
            "CLICKHOUSE_USERNAME": "default",
            "CLICKHOUSE_PASSWORD": "",
            "CLICKHOUSE_TLS_ENABLED": "false",
            "KAFKA_BROKERS": self.broker.address,
            "KAFKA_CONSUMER_GROUP": CONSUMER_GROUP,
            "KAFKA_TLS_ENABLED": "false",
            "KAFKA_SESSION_TIMEOUT": "2s",  # the broker waits half of it at every join
            "KAFKA_HEARTBEAT_INTERVAL": "500ms",
            "KAFKA_FETCH_MAX_WAIT": "20ms",  # the broker answers no sooner, whatever comes meanwhile
            "AUTH_ENABLED": "true",
            "AUTH_PUBLIC_KEY_PATH": str(self.directory.public_key),
        }

    def _supervised(self, now: float) -> list[Supervised]:
        named: list[tuple[str, LocalProgram]] = [("ClickHouse", self.clickhouse), ("service", self.service)]
        named += [(f"ClickHouse-{number}", shard) for number, shard in enumerate(self.shards[1:], 2)]
        named += [(processor.name, processor) for processor in self.processors]
        return [Supervised(name, program, self._report, now=now) for name, program in named]


def _refuse_ended(processors: list[LocalProcessor]) -> None:
    for one in processors:
        if one.exit_code is not None:
            raise NotReady(f"{one.name} ended with exit code {one.exit_code}\n{one.last_words()}")
