"""Noticing that the consumer reaches no broker, although another client of this process does.

librdkafka (2.16) lets a broker go that the cluster does not list any more, be it the only one, fenced for a moment. A
handle that a partition still refers to never ends, and the addresses it was given are not asked again before that: such
a consumer says nothing and reads nothing, for ever.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog
from confluent_kafka import KafkaException

_EVERY_S: Final = 3.0
_ANSWER_WITHIN_S: Final = 5.0  # longer than a client pauses before it connects again
_PATIENCE_S: Final = 0.5
_LOOKS: Final = 3  # in a row: one may meet a broker that comes back between the two questions

_log = structlog.get_logger(__name__)


class Client(Protocol):
    """A client of Kafka, for any thread."""

    def list_topics(self, *, timeout: float) -> object:
        """Ask any broker. Raises KafkaException when none answers."""


class _Question(threading.Thread):
    """Asks a client, which may take for ever: without brokers, and polled by another thread, it forgets its timeout."""

    def __init__(self, client: Client, timeout_s: float) -> None:
        super().__init__(name="stranded-asks", daemon=True)
        self._client, self._timeout_s = client, timeout_s
        self.is_answered = False
        self.start()

    def run(self) -> None:
        with suppress(KafkaException):
            self._client.list_topics(timeout=self._timeout_s)
            self.is_answered = True

    def await_answer(self) -> bool:
        self.join(self._timeout_s + _PATIENCE_S)
        return not self.is_alive() and self.is_answered


class StrandedConsumer:
    """A thread that looks after a consumer without partitions, as one is whose session has ended.

    `on_stranded` is called once: when the consumer has reached no broker while `other` did, three times in a row.
    """

    def __init__(
        self,
        consumer: Client,
        other: Client,
        *,
        is_reading: Callable[[], bool],
        on_stranded: Callable[[], None],
        every_s: float = _EVERY_S,
        answer_within_s: float = _ANSWER_WITHIN_S,
    ) -> None:
        self._consumer, self._other = consumer, other
        self._is_reading, self._on_stranded = is_reading, on_stranded
        self._every_s, self._answer_within_s = every_s, answer_within_s
        self._in_vain = 0
        self._questions: dict[Client, _Question] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stranded", daemon=True)
        self.was_found = False

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> bool:
        """Look no more; return whether the consumer may be closed, which it must not while it is asked."""
        self._ended.set()
        self._thread.join(2 * (self._answer_within_s + _PATIENCE_S))
        asked = self._questions.get(self._consumer)
        return not self.was_found and (asked is None or not asked.is_alive())

    def look(self) -> bool:
        """Look once; return whether the consumer is stranded, and have it told."""
        if self._is_reading() or self._answers(self._consumer) or not self._answers(self._other):
            self._in_vain = 0
            return False
        self._in_vain += 1
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

    def _answers(self, client: Client) -> bool:
        """Ask, unless the last question is still open."""
        question = self._questions.get(client)
        if question is None or not question.is_alive():
            question = self._questions[client] = _Question(client, self._answer_within_s)
        return question.await_answer()
