"""The span of a batch, linked to where some of its records come from: their `traceparent` headers.

A span for each record would cost more than counting it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Final

from analytics import tracing
from processor.decode.events import Decoded, RecordLike
from processor.model import Partition

MOST_ORIGINS: Final = 32
"""Of a batch."""

_LOOKED_AT: Final = 256
"""Records of a poll, which has up to 4,000: to look for a header takes 0.2 µs even where there is none."""

_HEADER: Final = "traceparent"
_LENGTH: Final = 55


def note_origins(records: Sequence[RecordLike], origins: list[str]) -> None:
    """Add the `traceparent` headers of the first records to the origins of their batch, as far as there is room."""
    if not tracing.is_on():
        return
    for record in islice(records, _LOOKED_AT):
        if len(origins) >= MOST_ORIGINS:
            return
        for name, value in record.headers() or ():
            if name == _HEADER and value is not None and len(value) == _LENGTH:
                origins.append(value.decode("ascii", "replace"))


def traced(partition: Partition, batch: Decoded) -> AbstractContextManager[None]:
    """Make a span of an attempt to apply a batch."""
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": partition.topic,
        "messaging.destination.partition.id": str(partition.number),
        "messaging.batch.message_count": batch.records,
        "messaging.kafka.offset": batch.first,
    }
    return tracing.batch(f"apply {partition.topic}", attributes, batch.origins)
