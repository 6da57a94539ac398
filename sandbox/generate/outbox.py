"""Publishing in the order of simulated time: a queue of what is still to come, with the relay's repeats.

The queue holds what is due within the next minutes, and late repeats of at most ten days (forty for lifecycle
events), so its length follows the density of the events, not their number.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from sandbox.generate.forms import Payload, go_json, jsonb
from sandbox.generate.record import PlayableRecord
from sandbox.generate.truth import Truth

Effect = Callable[[int], None]  # tells the truth, given the record's timestamp
Change = Callable[[Random, Payload], Payload]  # the payload with other data, which must not count

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_REPEATED = 0.04
_WITH_UNKNOWN_FIELDS = 0.024
_WITH_HEADERS = 0.03
_UNKNOWN_FIELDS: tuple[Payload, ...] = (
    {"Big": 123456789012345678901234567890, "Ratio": 0.25, "Nothing": None},
    {"Data_": {"count": 7}, "Ünïcode": "ключ"},
    {"Producer": {"name": "execution-worker", "host": {"tags": ["a", "b"]}}},
    {"SchemaVersion": 2},
    {"Sampled": True, "TraceID": "4bf92f3577b34da6a3ce929d0e0e4736"},
    {"Meta": {"UserID": "00000000-0000-4000-8000-000000000000", "Data": {"job_execution_duration": 99999}}},
)


@dataclass(frozen=True, slots=True)
class Event:
    """What a producer wants to say. `effect` is what becomes true when it is published for the first time."""

    topic: str
    key: str
    payload: Payload
    effect: Effect | None = None
    change: Change | None = None  # how a repeat may differ in what it says
    as_jsonb: bool = False  # Outbox events pass through Postgres
    other_form: bool = True  # a repeat may be printed the other way
    counts_again: bool = False  # without an EventKey each record of it is an event
    repeats_for_ms: int = 10 * _DAY_MS


class Outbox:
    """A queue of records and of things to do, by simulated time. Iterating empties it, and lets time pass."""

    def __init__(self, random: Random, truth: Truth, faults: bool) -> None:
        self.random, self.truth, self.faults = random, truth, faults
        self._queue: list[tuple[float, int, PlayableRecord | None, Effect | None]] = []
        self._pushed = 0

    def call(self, at_ms: float, action: Effect) -> None:
        """Do something at that time; it gets the time."""
        self._push(at_ms, None, action)

    def publish(self, at_ms: int, event: Event) -> None:
        """Publish an event at that time, and maybe again later."""
        if self.faults and self.random.random() < _WITH_UNKNOWN_FIELDS:
            event = replace(event, payload=event.payload | self.random.choice(_UNKNOWN_FIELDS))
        value = jsonb(event.payload) if event.as_jsonb else go_json(event.payload)
        self._push(at_ms, self._record(event, value, at_ms), event.effect)
        if self.faults and self.random.random() < _REPEATED:
            self._repeat(at_ms, event, value)

    def publish_value(self, at_ms: int, topic: str, key: str, value: bytes | None, effect: Effect) -> None:
        """Publish a value as it is; one in ten has no record key."""
        record_key = None if self.random.random() < 0.1 else key
        self._push(at_ms, PlayableRecord(topic, key, record_key, value, at_ms, self._headers()), effect)

    def __iter__(self) -> Iterator[PlayableRecord]:
        """Yield the records for ever, as long as actions bring new ones."""
        queue = self._queue
        while queue:
            at_ms, _, record, effect = heapq.heappop(queue)
            if record is None:
                assert effect is not None  # an entry is a record, an action, or both
                effect(int(at_ms))
                continue
            self.truth.published(record.topic, bool(record.headers))
            if effect is not None:
                effect(record.timestamp_ms)
            yield record

    def _push(self, at_ms: float, record: PlayableRecord | None, effect: Effect | None) -> None:
        self._pushed += 1
        heapq.heappush(self._queue, (at_ms, self._pushed, record, effect))

    def _record(self, event: Event, value: bytes, timestamp_ms: int) -> PlayableRecord:
        return PlayableRecord(event.topic, event.key, event.key, value, timestamp_ms, self._headers())

    def _headers(self) -> tuple[tuple[str, str], ...]:
        random = self.random
        if random.random() >= _WITH_HEADERS:
            return ()
        trace = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
        headers: tuple[tuple[str, str], ...] = (("traceparent", trace),)
        if random.random() < 0.3:
            headers += (("tracestate", "vendor=a"),)
        return headers + ((("baggage", ""),) if random.random() < 0.1 else ())

    def _repeat(self, at_ms: int, event: Event, value: bytes) -> None:
        """Publish it once or twice more; a repeat may carry an earlier timestamp than the first record."""
        random = self.random
        for _ in range(2 if random.random() < 0.15 else 1):
            at_ms += self._delay_ms(event.repeats_for_ms)
            stamp_ms = at_ms - random.randrange(_MINUTE_MS) if random.random() < 0.15 else at_ms
            effect = event.effect if event.counts_again else None
            record = self._record(event, self._other_value(event, value), stamp_ms)
            self._push(at_ms, record, effect or self._note_repeat(event.topic))

    def _note_repeat(self, topic: str) -> Effect:
        return lambda timestamp_ms: self.truth.repeated(topic, timestamp_ms)

    def _delay_ms(self, longest_ms: int) -> int:
        chance = self.random.random()
        bound_ms = _MINUTE_MS if chance < 0.35 else _HOUR_MS if chance < 0.75 else _DAY_MS
        return 1 + self.random.randrange(bound_ms if chance < 0.85 else longest_ms // 2)

    def _other_value(self, event: Event, value: bytes) -> bytes:
        """Return the same bytes, the other form of JSON, or other data under the same EventKey."""
        chance = self.random.random()
        if event.change is not None and chance < 0.25:
            changed = event.change(self.random, event.payload)
            return jsonb(changed) if event.as_jsonb else go_json(changed)
        if event.other_form and chance < 0.5:
            return go_json(event.payload) if event.as_jsonb else jsonb(event.payload)
        return value
