"""Batches in the making: records are decoded as they arrive, so that only columns have to be kept."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from processor.decode.analytics import decode_analytics
from processor.decode.events import Decoded, Owners, RecordLike, Records
from processor.decode.job_logs import LogDecoder
from processor.decode.workflows import decode_workflows

TOPICS: Final = ("analytics", "workflows", "job_logs")
_MOST_OWNERS: Final = 25_000  # about 11 MB


class Gathering:
    """A growing run of records of one partition. `first` is the offset at which it begins.

    `owners` are those of the batches before it since the partition was opened, which named their workflows.
    """

    def __init__(self, topic: str, first: int, owners: Owners | None = None) -> None:
        if owners is None or len(owners.users) > _MOST_OWNERS:
            owners = Owners()
        self.batch = Decoded(first, first, owners=owners)
        self._decode = _decoder(topic, self.batch)

    def add(self, records: Sequence[RecordLike]) -> None:
        """Decode records, which are in the order of the log and lie behind those added before."""
        batch = self.batch
        keyed, lines, refused = len(batch.keyed), len(batch.lines), len(batch.rejected)
        times_ms = np.array([record.timestamp()[1] for record in records], np.int64)
        self._decode(Records(records, times_ms, _offsets(records)))
        batch.end = records[-1].offset() + 1
        batch.records += len(records)
        batch.value_bytes += sum(map(len, records))
        batch.kept_bytes += sum(_bytes(one.record) for one in batch.rejected[refused:])
        batch.note_quarters((*batch.keyed[keyed:], *batch.lines[lines:]))


def _decoder(topic: str, batch: Decoded) -> Callable[[Records], None]:
    if topic == "job_logs":
        return LogDecoder(batch).decode
    decode = {"analytics": decode_analytics, "workflows": decode_workflows}[topic]
    return lambda records: decode(records, batch)


def _bytes(record: RecordLike) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers() or ())
    return len(record) + len(record.key() or b"") + headers


def _offsets(records: Sequence[RecordLike]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    first, last = records[0].offset(), records[-1].offset()
    if last - first + 1 == len(records):
        return np.arange(first, last + 1)
    return np.array([record.offset() for record in records], np.int64)
