"""Malformed records, and the dead-letter topic, read by hand; topics that take more, or less, than by default."""

from typing import Any, NamedTuple

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.eventually import eventually
from tests.faults.log import Event
from tests.faults.world import FaultWorld
from tests.processor_world import NOW_MS, as_value
from tests.topic_reader import read_topic

TOPIC = "analytics.dead_letter"
MARKER = "OnlyTheRecordSaysThis"


class Origin(NamedTuple):
    """Where a record lay when it was found to be malformed."""

    topic: str
    partition: int
    offset: int


class Letter(NamedTuple):
    """A parked record; `headers` are those that it had before, `ours` the rest without their prefix."""

    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes]]
    ours: dict[str, str]

    @property
    def origin(self) -> Origin:
        """Its place in its own topic."""
        return Origin(self.ours["topic"], int(self.ours["partition"]), int(self.ours["offset"]))


def read_letters(world: FaultWorld) -> list[Letter]:
    """Every record of the topic."""
    return [_letter(message) for message in read_topic(world.kafka.address, TOPIC)]


def letters_by_origin(world: FaultWorld) -> dict[Origin, Letter]:
    """Every record of the topic; one that lies there twice, because its batch was tried again, is the same both times."""
    letters = read_letters(world)
    found = {letter.origin: letter for letter in letters}
    assert [letter for letter in letters if letter != found[letter.origin]] == []
    return found


def limit_bytes(world: FaultWorld, topic: str, most: int) -> None:
    """Let a topic take record batches of so many bytes; return when the broker abides by that."""
    entry = ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    world.admin.incremental_alter_configs([resource], request_timeout=10)[resource].result()
    asked = ConfigResource(ResourceType.TOPIC, topic)

    def abides() -> bool:
        described = world.admin.describe_configs([asked], request_timeout=10)[asked].result()
        return bool(described["max.message.bytes"].value == str(most))

    eventually(abides)


def bad(
    value: object,
    topic: str = "analytics",
    *,
    key: str = MARKER,
    headers: tuple[tuple[str, bytes], ...] = (("traceparent", b"00-1"), ("traceparent", b"00-2")),
) -> Event:
    """A malformed record, in partition 0."""
    return Event(topic, as_value(value), key, NOW_MS + 1, 0, headers)


def here(*events: Event) -> list[Event]:
    """The same events in partition 0, where offsets are easily told."""
    return [one._replace(partition=0) for one in events]


def place(world: FaultWorld, event: Event) -> Origin:
    """Where the first record of this value lies."""
    in_topic = [one for one in world.log.events if one.topic == event.topic and one.partition == 0]
    return Origin(event.topic, 0, [one.value for one in in_topic].index(event.value))


def _letter(message: Any) -> Letter:
    prefix = "dead_letter."
    headers = message.headers() or []
    return Letter(
        message.value(),
        message.key(),
        [(name, value) for name, value in headers if not name.startswith(prefix)],
        {name.removeprefix(prefix): value.decode() for name, value in headers if name.startswith(prefix)},
    )
