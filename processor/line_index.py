"""The index of log lines: one row for consecutive numbers of a stream in one batch. See `event_index`.

Streams are always looked up: a batch has few of them, and a line of a job follows the one before it, so there is
nothing that a filter could spare.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from analytics.store.pool import Pool, Table
from processor.decode.events import Bools, Lines, Stream
from processor.duplicates import first_ones
from processor.event_index import weeks
from processor.ids import Int64s, halves
from processor.index_rows import IndexRows

_LEND_WITHIN_S: Final = 60.0
_INSERT_SETTINGS: Final = {"async_insert": 0, "max_partitions_per_insert_block": 0}
_TIME_SPAN: Final = (
    31  # a run ends where the upper bits of the record time change: 25 days, so that 32 bits hold the rest
)

_INSERT = """
INSERT INTO log_runs (job_hi, job_lo, attempt, stream, first_seq, last_seq, partition_id, last_offset, min_time_ms,
                      line_times, garbage_week) VALUES
"""

_ASKED: Final = {
    "position": "UInt32",
    "job_hi": "UInt64",
    "job_lo": "UInt64",
    "attempt": "UInt32",
    "stream": "Enum8('stdout' = 1, 'stderr' = 2)",
    "lowest": "UInt32",
    "highest": "UInt32",
}
_LOOK_UP = """
SELECT position, first_seq, last_seq, min_time_ms, hex(line_times)
FROM log_runs
INNER JOIN asked USING (job_hi, job_lo, attempt, stream)
WHERE (job_hi, job_lo) IN (SELECT job_hi, job_lo FROM asked)
  AND first_seq <= highest AND last_seq >= lowest
  AND {evidence}
"""


class _Run(NamedTuple):
    """A row of the index, as far as a repeat is recognised by it; `stream` is a position in the batch."""

    stream: int
    first: int
    last: int
    min_time_ms: int
    line_times: bytes

    def times_ms(self) -> Int64s:
        """Return the record time of each line."""
        after = np.frombuffer(self.line_times, dtype="<u4") if self.line_times else np.zeros(1, np.uint32)
        return np.broadcast_to(self.min_time_ms + after.astype(np.int64), self.last - self.first + 1)


class LineIndex:
    """The index as one partition sees it; for one thread at a time."""

    def __init__(self, rows: IndexRows, plain: Pool, *, horizon_ms: int) -> None:
        self._index_rows, self._plain, self._horizon_ms = rows, plain, horizon_ms

    def first_lines(self, lines: Lines, streams: list[Stream], below: int) -> Bools:
        """Return which lines are the first of their stream and number. `below`: the checkpoint."""
        counts = np.ones(len(lines.owner), dtype=bool)
        place = lines.stream << 32 | lines.sequence
        order = np.lexsort((lines.offset, place))
        place = place[order]
        asked = np.zeros(len(place), dtype=bool)
        asked[1:] |= place[1:] == place[:-1]
        asked[:-1] |= place[1:] == place[:-1]
        newest_ms: dict[int, int] = {}
        for run in self._overlapping(lines, streams, below):
            start, end = np.searchsorted(
                place, (run.stream << 32 | run.first, (run.stream << 32 | run.last) + 1)
            )
            asked[start:end] = True
            _note_times(run, place[start:end], newest_ms)
        again = order[asked]  # of each place in the order of the log
        places = (lines.stream[again] << 32 | lines.sequence[again]).tolist()
        events = zip(places, lines.time_ms[again].tolist(), strict=True)
        counts[again] = first_ones(events, newest_ms, self._horizon_ms)
        return counts

    def write(self, lines: Lines, streams: list[Stream]) -> None:
        """Insert the rows of a batch, repeated lines too."""
        if not len(lines.owner):
            return
        with self._plain.lend(_LEND_WITHIN_S) as connection:
            connection.insert(_INSERT, self._rows(lines, streams), settings=_INSERT_SETTINGS)

    def _overlapping(self, lines: Lines, streams: list[Stream], below: int) -> Iterator[_Run]:
        """Yield the rows below the checkpoint that may hold a line of the batch."""
        order = np.argsort(lines.stream, kind="stable")
        of_stream, sequence = lines.stream[order], lines.sequence[order]
        starts = np.flatnonzero(np.concatenate(([True], of_stream[1:] != of_stream[:-1])))
        present = of_stream[starts].tolist()
        lowest, highest = np.minimum.reduceat(sequence, starts), np.maximum.reduceat(sequence, starts)
        job_hi, job_lo = halves([streams[at].job for at in present])
        asked = Table(
            "asked",
            _ASKED,
            list(
                zip(
                    present,
                    job_hi.tolist(),
                    job_lo.tolist(),
                    [streams[at].attempt for at in present],
                    [streams[at].name for at in present],
                    lowest.tolist(),
                    highest.tolist(),
                    strict=True,
                )
            ),
        )
        for one, evidence in self._index_rows.evidence(below, "last_offset"):
            pool = self._plain if one is None else one.plain
            with pool.lend(_LEND_WITHIN_S) as connection:
                rows = connection.query_with_table(_LOOK_UP.format(evidence=evidence), asked)
            for position, first, last, min_time_ms, times in rows:
                yield _Run(position, first, last, min_time_ms, bytes.fromhex(times))

    def _rows(self, lines: Lines, streams: list[Stream]) -> list[list[object]]:
        order = np.lexsort((lines.offset, lines.stream << 32 | lines.sequence))
        stream, sequence, time_ms = lines.stream[order], lines.sequence[order], lines.time_ms[order]
        goes_on = (np.diff(stream) == 0) & (np.diff(sequence) == 1) & (np.diff(time_ms >> _TIME_SPAN) == 0)
        starts = np.flatnonzero(np.concatenate(([True], ~goes_on)))
        ends = np.append(starts[1:], len(order))
        min_ms, max_ms = np.minimum.reduceat(time_ms, starts), np.maximum.reduceat(time_ms, starts)
        after = (time_ms - np.repeat(min_ms, ends - starts)).astype("<u4").tobytes()
        of_run = [streams[at] for at in stream[starts].tolist()]
        job_hi, job_lo = halves([one.job for one in of_run])
        spans = zip(starts.tolist(), ends.tolist(), (min_ms != max_ms).tolist(), strict=True)
        return [
            job_hi.tolist(),
            job_lo.tolist(),
            [one.attempt for one in of_run],
            [one.name for one in of_run],
            sequence[starts].tolist(),
            sequence[ends - 1].tolist(),
            [self._index_rows.partition_id] * len(starts),
            np.maximum.reduceat(lines.offset[order], starts).tolist(),
            min_ms.tolist(),
            [after[4 * start : 4 * end] if differ else b"" for start, end, differ in spans],
            weeks(max_ms).tolist(),
        ]


def _note_times(run: _Run, places: Int64s, newest_ms: dict[int, int]) -> None:
    """Note the record time that the run gives to each of these places, when it is the newest so far."""
    times_ms = run.times_ms()
    for place in set(places.tolist()):
        time_ms = int(times_ms[(place & 0xFFFFFFFF) - run.first])
        newest_ms[place] = max(time_ms, newest_ms.get(place, time_ms))
