"""The loop: poll, gather by partition, apply what is gathered as soon as the batch before it is done."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Final

import structlog

from processor import metrics
from processor.dead_letter import MalformedShare
from processor.freshness import Position
from processor.lane import Lane, Limits, State, out_of_range
from processor.lineage_table import Lineage
from processor.opening import Opener
from processor.source import Place, Polled, Source

_IDLE_WAIT_S: Final = 0.1
_BUSY_WAIT_S: Final = 0.005
_PATIENCE_S: Final = 1.0  # a full lane holds up the others for so long before its fetching is paused
_COMMIT_EVERY_S: Final = 1.0
_NOTE_EVERY_S: Final = 0.05
_FINISH_WITHIN_S: Final = 30.0

_log = structlog.get_logger(__name__)


class Pipeline:
    """Everything between the consumer and the stores. `run()` in the main thread."""

    def __init__(
        self,
        source: Source,
        topics: Mapping[str, Lineage],
        opener: Opener,
        limits: Limits,
        workers: int,
        malformed: MalformedShare,
    ) -> None:
        self._source, self._topics = source, topics
        self._opener, self._limits = opener, limits
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="apply")
        self._lanes: dict[Place, Lane] = {}
        self._malformed = malformed
        self._committed: dict[Place, int] = {}
        self._note_at = self._commit_at = 0.0
        self._positions: dict[Place, Position] = {}
        self._states: dict[Place, State] = {}

    def run(self, stop: threading.Event, check: Callable[[], None]) -> None:
        """Run until `stop` is set or `check` raises, then let the batches in hand finish. Raises Stop."""
        try:
            while not stop.is_set():
                check()
                self._turn(time.monotonic())
        finally:
            self._finish()

    def _turn(self, now: float) -> None:
        if not self._await_room(now):
            self._take(self._source.poll(self._wait_s()), now)
        for lane in self._lanes.values():
            lane.step(now)
        if now >= self._note_at:
            self._note_at = now + _NOTE_EVERY_S
            self._note_positions(now)

    def positions(self) -> Mapping[Place, Position]:
        """Return where the partitions are. For any thread."""
        return self._positions

    def states(self) -> Mapping[Place, State]:
        """Return how the partitions are that this processor has. For any thread."""
        return self._states

    def _wait_s(self) -> float:
        return _BUSY_WAIT_S if any(lane.is_busy for lane in self._lanes.values()) else _IDLE_WAIT_S

    def _await_room(self, now: float) -> bool:
        """While a lane is full, wait for a thread to finish rather than poll; return whether it waited."""
        full = [lane for lane in self._lanes.values() if lane.full_since is not None]
        if not full:
            return False
        if all(lane.full_since is not None and now - lane.full_since < _PATIENCE_S for lane in full):
            wait(self._tasks(), timeout=_BUSY_WAIT_S, return_when=FIRST_COMPLETED)
            return True
        for lane in full:
            lane.hold()
        return False

    def _take(self, polled: Polled, now: float) -> None:
        for place in polled.lost:
            self._forget(place)
        for place in polled.gained:
            self._begin(place)
        for place, offset in polled.out_of_range.items():
            if lane := self._lanes.get(place):
                lane.halt(str(out_of_range(lane, offset)))
        for place, records in polled.records.items():
            if lane := self._lanes.get(place):
                self._malformed.note(len(records), lane.feed(records, now))

    def _begin(self, place: Place) -> None:
        partition = self._topics[place[0]].partition(place[1])
        lane = Lane(partition, lambda: self._opener.open(*place), self._source, self._workers, self._limits)
        self._lanes[place] = lane
        metrics.LANES.set(len(self._lanes))
        _log.info("partition_assigned", partition=str(partition))

    def _forget(self, place: Place) -> None:
        if lane := self._lanes.pop(place, None):
            lane.close()
            self._committed.pop(place, None)
            metrics.LANES.set(len(self._lanes))
            _log.info("partition_revoked", partition=str(lane.partition))

    def _note_positions(self, now: float) -> None:
        """Publish where the lanes are, once a second to the group as well."""
        self._positions = {
            place: Position(lane.partition.id, lane.next_offset, self._source.known_end(place))
            for place, lane in self._lanes.items()
            if lane.next_offset is not None
        }
        self._states = {place: lane.state for place, lane in self._lanes.items()}
        if now >= self._commit_at:
            self._commit_at = now + _COMMIT_EVERY_S
            moved = {
                place: position.next_offset
                for place, position in self._positions.items()
                if self._committed.get(place) != position.next_offset
            }
            if moved:
                self._source.commit(moved)
                self._committed |= moved

    def _tasks(self) -> "list[Future[Any]]":
        return [lane.task for lane in self._lanes.values() if lane.task is not None]

    def _finish(self) -> None:
        """Let what the threads do end: a batch that is not applied is read again by its next owner.

        The group hears of it before we leave, so that who watches its lag sees what is really left.
        """
        _log.info("draining", batches=len(self._tasks()), within_s=_FINISH_WITHIN_S)
        wait(self._tasks(), timeout=_FINISH_WITHIN_S)
        self._commit_at = 0.0
        self._note_positions(time.monotonic())
        self._workers.shutdown(wait=False, cancel_futures=True)
        for place in list(self._lanes):
            self._forget(place)
