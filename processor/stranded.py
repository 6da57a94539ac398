"""Noticing that the consumer reaches no broker, although another client of this process does.

librdkafka (2.16) lets a broker go that the cluster does not list any more, be it the only one, fenced for a moment. When
the group still refers to that handle, it stays, never connects again, and keeps the addresses that were given from being
asked again: such a consumer says nothing and reads nothing, for ever.

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
    """A client of Kafka, for any thread."""

    def list_topics(self, *, timeout: float) -> object:
        """Ask any broker. Raises KafkaException when none answers."""


class StrandedConsumer:
    """A thread that looks after the consumer.

    `reaches`: whether it is connected to any broker. `on_stranded` is called once: when it was not, and `other` was
    answered, ten times in a row.
    """

    def __init__(
        self,
        reaches: Callable[[], bool],
        other: Client,
        *,
        on_stranded: Callable[[], None],
        every_s: float = _EVERY_S,
    ) -> None:
        self._reaches, self._other, self._on_stranded, self._every_s = reaches, other, on_stranded, every_s
        self._in_vain = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stranded", daemon=True)
        self.was_found = False

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(2 * _ANSWER_WITHIN_S)

    def look(self) -> bool:
        """Look once; return whether the consumer is stranded, and have it told."""
        self._in_vain = 0 if self._reaches() or not self._is_answered() else self._in_vain + 1
        if self._in_vain < _LOOKS:
            return False
        self.was_found = True
        _log.warning("consumer_stranded", looks=self._in_vain)
        self._on_stranded()
        return True

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            if self.look():
                return

    def _is_answered(self) -> bool:
        try:
            self._other.list_topics(timeout=_ANSWER_WITHIN_S)
        except KafkaException:
            return False
        return True
