"""One generated Kafka record, and the line of a corpus file that it becomes."""

import base64
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


class PlayableRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it goes to Kafka. `key` None: no record key; `partition_key` chooses the partition still.

    `value` None is a tombstone. `timestamp_ms` is the CreateTime, and not always in order.
    """

    topic: str
    partition_key: str
    key: str | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def value_bytes(self) -> bytes | None:
        """The value, under the name that records read from a file have."""
        return self.value

    def line(self) -> bytes:
        """Return the record as a line of a corpus file (`*.jsonl`)."""
        line: dict[str, Any] = {"topic": self.topic, "partition_key": self.partition_key, "key": self.key}
        try:
            line["value"] = None if self.value is None else self.value.decode()
        except UnicodeDecodeError:
            line["value_b64"] = base64.b64encode(self.value or b"").decode()
        line["timestamp_ms"] = self.timestamp_ms
        if self.headers:
            line["headers"] = self.headers
        return _encode(line) + b"\n"
