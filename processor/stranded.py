"""Noticing that a client of Kafka reaches no broker, although there is one.

librdkafka (2.16) lets a broker go that the cluster does not list any more, be it the only one, fenced for a moment. Now and
then the handle stays, never connects again, and keeps the addresses that were given from being asked again: such a
consumer, or admin client, reaches nothing for ever. A client that is made afterwards does.

What the consumer reaches is read from its statistics. It cannot be asked: the binding lets one thread in at a time, and
whoever polls hardly ever leaves. One that waits for the group, as long as the session of a dead member lasts, reaches a
broker: it must not begin anew, for its next self would wait for it, too.
"""

import threading
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import structlog
from confluent_kafka import KafkaException

_TOPIC: Final = "analytics"  # any would do
_EVERY_S: Final = 3.0
_ANSWER_WITHIN_S: Final = 2.5  # longer than a client pauses before it connects again
_LOOKS: Final = 10  # in a row; in all, as long as one attempt to connect may take
_CONNECTED: Final = frozenset({"UP", "UPDATE"})

_log = structlog.get_logger(__name__)


class _Broker(msgspec.Struct):
    state: str


class _Statistics(msgspec.Struct):
    """The part of librdkafka's STATISTICS.md that matters here. The coordinator of the group is one more broker."""

    brokers: dict[str, _Broker]


_decode: Final = msgspec.json.Decoder(_Statistics).decode


def reaches_a_broker(statistics: str) -> bool:
    """Return whether a client is connected to any broker, by its statistics (JSON)."""
    return any(one.state in _CONNECTED for one in _decode(statistics).brokers.values())


class Client(Protocol):
    """A client of Kafka that nobody polls."""

    def list_topics(self, topic: str, timeout: float) -> object:
        """Ask any broker about a topic. Raises KafkaException when none answers."""


class StrandedClients:
    """A thread that looks after the clients of a processor.

    `reaches`: whether the consumer is connected to any broker; `fresh` makes a client. `on_stranded` is called once: when
    ten times in a row the consumer or `admin` reached no broker, and a fresh client did.
    """

    def __init__(
        self,
        reaches: Callable[[], bool],
        admin: Client,
        fresh: Callable[[], Client],
        *,
        on_stranded: Callable[[], None],
        every_s: float = _EVERY_S,
    ) -> None:
        self._reaches, self._admin, self._fresh = reaches, admin, fresh
        self._on_stranded, self._every_s = on_stranded, every_s
        self._in_vain = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stranded", daemon=True)
        self.were_found = False

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(3 * _ANSWER_WITHIN_S)

    def look(self) -> bool:
        """Look once; return whether a client is stranded, and have it told."""
        are_well = self._reaches() and _answers(self._admin)
        self._in_vain = 0 if are_well or not _answers(self._fresh()) else self._in_vain + 1
        if self._in_vain < _LOOKS:
            return False
        self.were_found = True
        _log.warning("client_stranded", looks=self._in_vain, consumer_reaches=self._reaches())
        self._on_stranded()
        return True

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            if self.look():
                return


def _answers(client: Client) -> bool:
    try:
        client.list_topics(_TOPIC, _ANSWER_WITHIN_S)
    except KafkaException:
        return False
    return True
