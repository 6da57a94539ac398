"""One Apache Kafka broker on 127.0.0.1 (KRaft, one JVM), as a child process. Its log outlives stop and kill."""

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sandbox.errors import NotReady
from sandbox.kafka.format import format_directory
from sandbox.ports import LOCALHOST, free_port, is_free
from sandbox.processes import ChildProcess
from sandbox.server import LocalServer

JARS: Final = Path(__file__).parents[2] / ".tools" / "kafka"
CLASSES: Final = JARS / "classes.jsa"
START_WITHIN_S: Final = 90.0
_JVM: Final = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_SETTINGS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 100,
        # The rest makes it do soon what it does anyway.
        "log.retention.ms": -1,  # the records of the corpus are old
        "log.initial.task.delay.ms": 500,
        "log.retention.check.interval.ms": 500,
        "log.cleaner.backoff.ms": 500,
        "log.cleaner.dedupe.buffer.size": 2_097_152,
        "log.segment.delete.delay.ms": 1_000,
        "broker.session.timeout.ms": 2_000,
        "broker.heartbeat.interval.ms": 200,
    }
)
_LOG4J: Final = """status=error
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{ISO8601} %p %c: %m%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
"""


class LocalKafka(LocalServer):
    """One broker with its files in `directory`. `start()` after `stop()` or `kill()` goes on with port and log."""

    def __init__(
        self, directory: Path, port: int = 0, *, settings: Mapping[str, object] = MappingProxyType({})
    ) -> None:
        super().__init__(port)
        self._dir = directory.absolute()
        self._settings = settings
        self._controller_port = 0
        self._cluster_id = ""

    def pause(self) -> None:
        """Let it answer nobody, as a stalled machine would (SIGSTOP)."""
        self._started().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause()`."""
        self._started().signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it gracefully, paused or not."""
        if self._child is not None:
            self._child.signal(signal.SIGCONT)
        super().stop()

    def _spawn(self) -> ChildProcess:
        java, jars = require_kafka()
        self._cluster_id = format_directory(self._dir / "data")
        self._controller_port = self._controller_port or free_port()
        properties, log4j = self._dir / "server.properties", self._dir / "log4j2.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        log4j.write_text(_LOG4J)
        options = (f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{jars}/*")
        return ChildProcess(
            "Kafka", [java, *self._jvm(), *options, "kafka.Kafka", str(properties)], self._dir / "kafka.log"
        )

    def _jvm(self) -> list[str]:
        """Another JVM than the one that has made the archive passes over it."""
        return [*_JVM, f"-XX:SharedArchiveFile={CLASSES}"] if CLASSES.exists() else [*_JVM]

    def _properties(self) -> dict[str, object]:
        controller = f"{LOCALHOST}:{self._controller_port}"
        return {
            **_SETTINGS,
            "log.dirs": self._dir / "data",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            **self._settings,
        }

    def _await(self, child: ChildProcess) -> None:
        """The cluster id proves that our broker answers: another one may have the port."""
        child.wait_until(lambda: not is_free(self.port), START_WITHIN_S)
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        child.wait_until(lambda: self._answers(admin), START_WITHIN_S)

    def _answers(self, admin: AdminClient) -> bool:
        try:
            found = admin.list_topics(timeout=1.0)
        except KafkaException:
            return False
        return bool(found.brokers) and found.cluster_id == self._cluster_id


def require_kafka() -> tuple[str, Path]:
    """Return the java program and the folder of jars. Raises NotReady with what to install."""
    java = shutil.which("java")
    if java is None:
        raise NotReady("Apache Kafka needs Java 17 or newer (Debian: apt-get install default-jre-headless)")
    if not any(JARS.glob("kafka_*.jar")):
        raise NotReady("Apache Kafka is not here: run `make kafka`")
    return java, JARS
