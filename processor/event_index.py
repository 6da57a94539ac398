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
_PAGE: Final = 1 << 18  # keys: all at once would take more memory than the filter
_LOADED_SHARE: Final = 4  # a filter starts a quarter full
_HIGHEST_HI: Final = 2**64 - 1
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
WHERE {evidence} AND garbage_week != 65535 AND key_hi <= %(highest_hi)s
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
        columns: list[npt.NDArray[Any]] = [
            rows.key_hi,
            rows.key_lo,
            rows.offset,
            rows.time_ms,
            weeks(rows.time_ms),
        ]
        if named:
            columns = [np.concatenate(both) for both in zip(columns, _columns_of(named), strict=True)]
        if not len(columns[0]):
            return
        columns[-1] = columns[-1].astype(np.uint16)
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
        seen = SeenKeys(self._filter_bytes)
        seen.know_from(max(_add_newest(one, seen, most) for one in sources))
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


def _columns_of(named: dict[int, Named]) -> list[npt.NDArray[Any]]:
    """Return the rows of workflows, a column each."""
    keys = [workflow_key(one) for one in named]
    return [
        np.array([hi for hi, _ in keys], np.uint64),
        np.array([lo for _, lo in keys], np.uint64),
        np.array([one.offset for one in named.values()], np.int64),
        np.array([one.time_ms for one in named.values()], np.int64),
        np.full(len(named), NEVER),
    ]


def _add_newest(source: _Source, seen: SeenKeys, most: int) -> int:
    """Add the newest keys of a shard, a page at a time; return from which upper half on they are all there."""
    sql = _NEWEST.format(evidence=source.evidence)
    left, lowest_hi, highest_hi = most, _HIGHEST_HI, None
    while left > 0 and lowest_hi != highest_hi:
        highest_hi, page = lowest_hi, min(left, _PAGE)
        with source.columns.lend(_LEND_WITHIN_S) as connection:
            columns = connection.query_columns(sql, {"highest_hi": highest_hi, "most": page})
        if columns:
            seen.add(*columns)
            lowest_hi = int(columns[0][-1])
        if not columns or len(columns[0]) < page:
            return 0  # those were all
        left -= page
    return lowest_hi + 1  # of the smallest some may be missing
