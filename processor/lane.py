"""A partition that this processor reads: what is gathered, what is being applied, and what comes next.

All of it happens in the main thread but for the work itself, which a pool of threads does, one task a lane.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Final, Literal

import structlog

from analytics import tracing
from analytics.errors import LogMismatch, Retryable, Stop
from processor import metrics
from processor.apply import PartitionWriter
from processor.batch_trace import note_origins, traced
from processor.decode.events import Decoded, RecordLike
from processor.decode.gather import Gathering
from processor.ledger import CheckpointMoved
from processor.lineage_table import TopicGrew
from processor.model import Partition
from processor.source import Place, Source, at_once

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_MANY_MORE: Final = 10_000  # records that are waiting in the log
_GATHER_S: Final = 2.0  # the longest that a batch waits for them
_REST: Final = 2.0  # times the work before: so long a lane that is not full leaves the cores to the others,
_LONGEST_REST_S: Final = 0.1  # or shorter
_MOST_ROWS: Final = 450_000
"""Of a batch before its last poll, whose 4,000 records bring at most 48,000 more: ClickHouse cuts a block at 1,048,449."""

_log = structlog.get_logger(__name__)

Open = Callable[[], PartitionWriter]
State = Literal["opening", "reading", "halted"]


class Lane:
    """One partition. `open_writer` reads its checkpoint; it may fail and is tried again."""

    def __init__(
        self, partition: Partition, open_writer: Open, source: Source, workers: Executor, limits: "Limits"
    ) -> None:
        self.partition = partition
        self.place: Place = (partition.topic, partition.number)
        self.state: State = "opening"
        self._open_writer, self._source, self._workers, self._limits = open_writer, source, workers, limits
        self._writer: PartitionWriter | None = None
        self._gathering = Gathering(partition.topic, 0)
        self._in_hand: Decoded | None = None  # being applied, or to be tried again
        self._task: Future[PartitionWriter] | Future[None] | None = None
        self._not_before = self._started_at = self._rested_at = 0.0
        self._pause_s, self._waits_s = _FIRST_PAUSE_S, 0.0
        self._trust_gap_at = -1
        self._paused = False
        self._gathering_since = 0.0
        self.full_since: float | None = None
        self._trace_ids: Mapping[str, str] = {}  # of the last attempt, for what the main thread logs of it

    @property
    def next_offset(self) -> int | None:
        """Everything below is applied; None while that is not known."""
        return None if self._writer is None else self._writer.checkpoint.next_offset

    @property
    def task(self) -> "Future[PartitionWriter] | Future[None] | None":
        """What a thread does for this lane now."""
        return self._task

    @property
    def is_busy(self) -> bool:
        """Whether something is, or will soon be, done for this lane; what has failed again and waits is not that."""
        if self._task is None and self._waits_s > _FIRST_PAUSE_S:
            return False
        return self.state == "opening" or self._in_hand is not None or self._has_gathered

    def feed(self, records: Sequence[RecordLike], now: float) -> int:
        """Gather records behind those gathered before; return how many of them are malformed."""
        if self.state != "reading":
            return 0
        batch, expected = self._gathering.batch, self._gathering.batch.end
        if records[0].offset() < expected:
            records = [record for record in records if record.offset() >= expected]
            if not records:
                return 0
        if records[0].offset() > expected and not self._trusts_gap(records[0].offset(), expected):
            return 0
        malformed = len(batch.rejected)
        if not batch.records:
            self._gathering_since = now
        if within := self._within_segment(records):
            self._gathering.add(within)
            batch.leader_epoch = _leader_epoch(within[-1])
            note_origins(within, batch.origins)
        if self._limits.reached_by(batch) and self.full_since is None:
            self.full_since = now
        return len(batch.rejected) - malformed

    def hold(self) -> None:
        """Fetch no more until what is gathered is taken."""
        if not self._paused and self.state == "reading":
            self._source.pause(self.place)
            self._paused = True

    def step(self, now: float) -> None:
        """Take note of a finished task and start the next one. Raises what is no known kind of failure."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            if self.state != "halted":
                self._settle(task, now)
        if self._task is None and now >= self._not_before:
            self._start(now)

    def halt(self, why: str) -> None:
        """Stop this partition until a person has looked and the program is started again."""
        if self.state == "halted":
            return
        self._source.leave(self.place)
        self.state, self._in_hand, self.full_since = "halted", None, None
        self._gathering = Gathering(self.partition.topic, 0)
        metrics.HALTED.inc()
        _log.error(
            "partition_halted",
            topic=self.partition.topic,
            partition=self.partition.number,
            why=why,
            **self._trace_ids,
        )

    def close(self) -> None:
        """Forget the lane: it belongs to somebody else, or the program ends."""
        if self.state == "halted":
            metrics.HALTED.dec()

    def _start(self, now: float) -> None:
        if self.state == "opening":
            self._task = self._workers.submit(self._open_writer)
        elif self.state == "reading":
            if self._in_hand is None and self._has_gathered and self._is_ripe(now):
                self._take()
            if self._in_hand is not None:
                self._started_at, self._not_before = now, now + self._limits.min_interval_s
                self._task = self._workers.submit(self._apply, self._in_hand)

    @property
    def _has_gathered(self) -> bool:
        return self._gathering.batch.end > self._gathering.batch.first

    @property
    def _border(self) -> int | None:
        """Where the segment ends; records from there on are read again by the writer of the next one."""
        return None if self._writer is None else self._writer.segment.end

    def _within_segment(self, records: Sequence[RecordLike]) -> Sequence[RecordLike]:
        """Return the records before the border; when some lie behind it, the batch reaches up to it."""
        border = self._border
        if border is None or records[-1].offset() < border:
            return records
        self._gathering.batch.end = border
        return [record for record in records if record.offset() < border]

    def _is_ripe(self, now: float) -> bool:
        """Whether to apply what is gathered.

        A batch has its fixed costs: it waits while many more records are there, and it rests after the one before.
        """
        if self._gathering.batch.end == self._border:
            return True
        if self.full_since is not None or now - self._gathering_since >= _GATHER_S:
            return True
        waiting = self._source.known_end(self.place) - self._gathering.batch.end
        return waiting < _MANY_MORE and now >= self._rested_at

    def _take(self) -> None:
        batch = self._gathering.batch
        self._in_hand, self.full_since = batch, None
        self._gathering = Gathering(self.partition.topic, batch.end, batch.owners)
        if self._paused:
            self._source.resume(self.place)
            self._paused = False

    def _apply(self, batch: Decoded) -> None:
        assert self._writer is not None
        with metrics.APPLY_SECONDS.labels(self.partition.topic).time(), traced(self.partition, batch):
            self._trace_ids = tracing.ids()
            self._writer.apply(batch)

    def _settle(self, task: "Future[PartitionWriter] | Future[None]", now: float) -> None:
        try:
            result = task.result()
        except TopicGrew:
            _log.info("topic_grew", partition=str(self.partition))
            self._reopen()
        except CheckpointMoved as moved:
            metrics.CONFLICTS.labels(self.partition.topic).inc()
            _log.info("checkpoint_moved", partition=str(self.partition), to=moved.checkpoint)
            self._reopen()
        except Retryable as error:
            self._try_again(error, now)
        except Stop as error:
            self.halt(str(error))
        else:
            self._pause_s, self._waits_s = _FIRST_PAUSE_S, 0.0
            self._in_hand = None
            if result is not None:
                self._begin(result)
                return
            self._rested_at = now + min(_REST * (now - self._started_at), _LONGEST_REST_S)
            if self.next_offset == self._border:
                self._reopen()

    def _begin(self, writer: PartitionWriter) -> None:
        self._writer, self.state = writer, "reading"
        self._trust_gap_at = -1
        self._gathering = Gathering(self.partition.topic, writer.checkpoint.next_offset)
        self._paused = False
        self._source.read(self.place, writer.checkpoint)

    def _reopen(self) -> None:
        """Drop everything and begin again at the checkpoint, wherever it is now."""
        self._source.leave(self.place)
        self.state, self._writer, self._in_hand, self.full_since = "opening", None, None, None

    def _try_again(self, error: Retryable, now: float) -> None:
        metrics.RETRIES.labels(self.partition.topic).inc()
        pause_s = max(self._pause_s, min(error.retry_after_s, _LONGEST_PAUSE_S))
        _log.warning(
            "will_try_again",
            partition=str(self.partition),
            in_s=pause_s,
            error=str(error),
            **self._trace_ids,
        )
        self._not_before, self._waits_s = now + pause_s, pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _trusts_gap(self, found: int, expected: int) -> bool:
        """Whether offsets are missing because the log has no records there, such as markers of transactions.

        The first gap after a start may come from a position that is not ours (librdkafka#5345): read once more
        from where we should be. Found again, and in the middle of a run, it is in the log.
        """
        in_a_run = self._gathering.batch.records > 0
        if in_a_run or self._trust_gap_at == expected or self._in_hand is not None:
            return True
        _log.warning("offset_gap", partition=str(self.partition), expected=expected, found=found)
        self._trust_gap_at = expected
        assert self._writer is not None
        self._source.read(self.place, self._writer.checkpoint)
        return False


class Limits:
    """How large a batch may grow, and how often a partition may be applied."""

    def __init__(self, *, records: int, kept_bytes: int, min_interval_s: float) -> None:
        self._records, self._kept_bytes = records - at_once(records), kept_bytes
        self.min_interval_s = min_interval_s

    def reached_by(self, batch: Decoded) -> bool:
        """Whether a poll more could bring too many records, or there are enough rows or bytes that are kept."""
        return (
            batch.records > self._records
            or batch.most_rows > _MOST_ROWS
            or batch.kept_bytes >= self._kept_bytes
        )


def out_of_range(lane: Lane, offset: int) -> LogMismatch:
    """Return the error for a checkpoint that is not in the log."""
    return LogMismatch(
        f"the log of {lane.partition} does not hold offset {offset}, the next one to count: records were deleted "
        "before they were counted, or the log was cut. Going on would lose them silently"
    )


def _leader_epoch(record: RecordLike) -> int:
    epoch = record.leader_epoch()
    return -1 if epoch is None else epoch
