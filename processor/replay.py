"""Playing dead letters again: what a record becomes, and where it goes. Pure.

A record that is played twice must count once. Events with an EventKey are known by it. Log lines without one are
known by their fields, and workflows by their ids. Only a JOBS event without EventKey is known by its place in the
log, which is another one at each replay: so it gets an EventKey made of its first place.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from processor.decode.careful import Payload
from processor.lineage_table import Lineage
from processor.parked import Origin, ParkedRecord
from processor.partitioner import partition_of
from processor.topics import Topic

_HEADER_OF_KEY: Final = "dead_letter:"
_decode_fields: Final = msgspec.json.Decoder(Payload).decode
_EMPTY: Final = (b'""', b"null")


def event_key(origin: Origin) -> str:
    """Return the EventKey of a JOBS event that had none."""
    return f"{_HEADER_OF_KEY}{origin.exactly}"


def replayed_value(record: ParkedRecord) -> bytes | None:
    """Return the value to publish: as it was, but that a JOBS event without EventKey gets one."""
    value = record.value
    if value is None or record.origin.topic != "analytics":
        return value
    try:
        value.decode()
        payload = _decode_fields(value)
        is_job = msgspec.json.decode(payload.get("EventType", msgspec.Raw(b'""'))) == "JOBS"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return value
    if not is_job or bytes(payload.get("EventKey", msgspec.Raw(b'""'))).strip() not in _EMPTY:
        return value
    key = msgspec.Raw(msgspec.json.encode(event_key(record.origin)))
    return msgspec.json.encode({**payload, "EventKey": key})


def destination(record: ParkedRecord, lineage: Lineage | None, topic: Topic) -> int:
    """Return the partition in which repeats of this record are looked for: where its key belongs now.

    Kafka's partitioner decides, unless it was not what put the record where it lay: then its own partition.
    """
    origin = record.origin
    here = min(origin.partition, topic.partitions - 1)
    if record.key is None:
        return here
    now = partition_of(record.key, topic.partitions)
    if lineage is None or lineage.topic_id != origin.topic_id:
        return now  # another log: keys are spread anew
    counts: Iterable[int] = {topic.partitions, *(one.partitions for one in lineage.generations)}
    return now if any(partition_of(record.key, count) == origin.partition for count in counts) else here
