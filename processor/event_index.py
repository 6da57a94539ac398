"""The index of event keys: which of them came before, below the checkpoint.

Which rows are evidence: see `index_rows`. Writing a row twice is harmless.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.store.pool import Pool, Table
from processor.decode.events import NO_EVENTS, Bools, Keyed, Named
from processor.decode.keys import workflow_key
from processor.duplicates import first_ones, may_repeat
from processor.ids import Int64s
from processor.index_rows import IndexRows
from processor.seen_keys import BITS_PER_KEY, SeenKeys, mixed

WEEK_MS: Final = 7 * 86_400_000
NEVER: Final = 65_535
"""The week of rows that are never dropped."""

_LEND_WITHIN_S: Final = 60.0
_LOOK_UP_AT_ONCE: Final = 10_000
_LOADED_SHARE: Final = 4  # a filter starts a quarter full
_KNOWN_WORKFLOWS: Final = 100_000
_INSERT_SETTINGS: Final = {"async_insert": 0, "max_partitions_per_insert_block": 0}

_INSERT = """
INSERT INTO event_keys (key_hi, key_lo, partition_id, record_offset, time_ms, garbage_week)
SELECT key_hi, key_lo, toUUID('{partition_id}'), record_offset, time_ms, garbage_week
FROM input('key_hi UInt64, key_lo UInt64, record_offset Int64, time_ms Int64, garbage_week UInt16')
FORMAT Native
"""

_ASKED: Final = {"key_hi": "UInt64", "key_lo": "UInt64"}
_LOOK_UP = """
SELECT key_hi, key_lo, max(time_ms)
FROM event_keys
WHERE (key_hi, key_lo) IN (SELECT key_hi, key_lo FROM asked)
  AND {evidence}
GROUP BY key_hi, key_lo
"""

_NEWEST = """
SELECT key_hi, key_lo
FROM event_keys
WHERE {evidence} AND garbage_week != 65535
ORDER BY key_hi DESC
LIMIT %(most)s
"""


def weeks(times_ms: Int64s) -> Int64s:
    """Return the weeks from 1970 in which times lie, as far as a row can be dropped by them."""
    return np.clip(times_ms // WEEK_MS, 0, NEVER - 1)


class _Source(NamedTuple):
    """Connections to a shard, and the SQL condition that a row there is evidence."""

    plain: Pool
    columns: Pool
    evidence: str


class EventIndex:
    """The index as one partition sees it, from one checkpoint to the next; for one thread at a time."""

    def __init__(
        self, rows: IndexRows, plain: Pool, columns: Pool, *, horizon_ms: int, filter_bytes: int
    ) -> None:
        self._index_rows = rows
        self._plain, self._columns = plain, columns
        self._horizon_ms, self._filter_bytes = horizon_ms, filter_bytes
        self._seen: SeenKeys | None = None
        self._known_workflows: set[int] = set()

    def first_events(self, keyed: Keyed, below: int) -> Bools:
        """Return which events are the first of their EventKey; those without one are. `below`: the checkpoint."""
        counts = np.ones(len(keyed.owner), dtype=bool)
        with_key = np.flatnonzero(keyed.has_key)
        hi, lo = keyed.key_hi[with_key], keyed.key_lo[with_key]
        seen = self._filter(below)
        asked = with_key[seen.may_have(hi, lo) | may_repeat(mixed(hi, lo))]
        asked = asked[np.argsort(keyed.offset[asked])]
        keys = list(zip(keyed.key_hi[asked].tolist(), keyed.key_lo[asked].tolist(), strict=True))
        newest_ms = self._look_up(keys, below)
        events = zip(keys, keyed.time_ms[asked].tolist(), strict=True)
        counts[asked] = first_ones(events, newest_ms, self._horizon_ms)
        seen.add(hi, lo)
        return counts

    def first_named(self, named: dict[int, Named], below: int) -> list[int]:
        """Return which workflows no record below the checkpoint has named."""
        unknown = [one for one in named if one not in self._known_workflows]
        keys = {workflow_key(one): one for one in unknown}
        found = self._look_up(list(keys), below)
        self._know(keys[key] for key in found)
        return [one for key, one in keys.items() if key not in found]

    def write(self, keyed: Keyed | None, named: dict[int, Named]) -> None:
        """Insert the rows of a batch: events with a key, repeated ones too, and workflows named first."""
        rows = NO_EVENTS if keyed is None else keyed.where(keyed.has_key)
        keys = [workflow_key(one) for one in named]
        columns: list[npt.NDArray[Any]] = [
            np.concatenate((rows.key_hi, np.array([hi for hi, _ in keys], np.uint64))),
            np.concatenate((rows.key_lo, np.array([lo for _, lo in keys], np.uint64))),
            np.concatenate((rows.offset, np.array([one.offset for one in named.values()], np.int64))),
            np.concatenate((rows.time_ms, np.array([one.time_ms for one in named.values()], np.int64))),
            np.concatenate((weeks(rows.time_ms), np.full(len(named), NEVER))).astype(np.uint16),
        ]
        if not len(columns[0]):
            return
        with self._columns.lend(_LEND_WITHIN_S) as connection:
            sql = _INSERT.format(partition_id=self._index_rows.partition_id)
            connection.insert(sql, columns, settings=_INSERT_SETTINGS)

    def applied(self, named: Iterable[int]) -> None:
        """Tell that the checkpoint has passed the records that named these workflows."""
        self._know(named)

    def _know(self, workflows: Iterable[int]) -> None:
        if len(self._known_workflows) > _KNOWN_WORKFLOWS:
            self._known_workflows.clear()
        self._known_workflows.update(workflows)

    def _filter(self, below: int) -> SeenKeys:
        if self._seen is None or self._seen.is_full:
            self._seen = self._load(below)
        return self._seen

    def _load(self, below: int) -> SeenKeys:
        """Return a filter with the newest keys below the checkpoint."""
        sources = list(self._sources(below))
        most = self._filter_bytes * 8 // BITS_PER_KEY // _LOADED_SHARE // len(sources)
        loaded = [found for one in sources if (found := _newest_keys(one, most))]
        # Of the smallest of a full answer some may be missing.
        floors = [int(hi.min()) + 1 for hi, _ in loaded if len(hi) == most]
        seen = SeenKeys(self._filter_bytes, max(floors, default=0))
        for hi, lo in loaded:
            seen.add(hi, lo)
        return seen

    def _sources(self, below: int) -> Iterator[_Source]:
        for one, evidence in self._index_rows.evidence(below, "record_offset"):
            if one is None:
                yield _Source(self._plain, self._columns, evidence)
            else:
                yield _Source(one.plain, one.columns, evidence)

    def _look_up(self, keys: list[tuple[int, int]], below: int) -> dict[tuple[int, int], int]:
        """Return the newest record time of each key that has a row below the checkpoint."""
        found: dict[tuple[int, int], int] = {}
        for start in range(0, len(keys), _LOOK_UP_AT_ONCE):
            asked = Table("asked", _ASKED, keys[start : start + _LOOK_UP_AT_ONCE])
            for source in self._sources(below):
                with source.plain.lend(_LEND_WITHIN_S) as connection:
                    rows = connection.query_with_table(_LOOK_UP.format(evidence=source.evidence), asked)
                for hi, lo, newest_ms in rows:
                    found[hi, lo] = max(newest_ms, found.get((hi, lo), newest_ms))
        return found


def _newest_keys(source: _Source, most: int) -> list[Any]:
    """Return the upper and the lower halves of the newest keys of a shard; nothing when it has none."""
    with source.columns.lend(_LEND_WITHIN_S) as connection:
        return connection.query_columns(_NEWEST.format(evidence=source.evidence), {"most": most})
