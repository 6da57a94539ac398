"""How old the numbers are: every event published before the as-of time is counted.

The as-of time must be taken before the totals are read: taken afterwards it could promise events that were
counted in between.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog

from analytics import metrics, queries
from analytics.errors import Retryable, StoreMisconfigured, StoreTimeout
from analytics.queries import Progress
from analytics.reads import QueryRunner
from analytics.shards import ShardWatch
from analytics.store.pool import StatementFailed
from analytics.turns import Turns

TOPICS: Final = ("analytics", "workflows", "job_logs")
_PAUSE_S: Final = 0.5
_READ_WITHIN_S: Final = 2.0
_LOOP: Final = "freshness"
_LONGEST_TURN_S: Final = 30.0  # of the event loop, in which everything happens

_log = structlog.get_logger(__name__)


class TopicProgress(NamedTuple):
    """How far one topic is counted; None: unknown. `lag`: records that were waiting."""

    topic: str
    partitions: int = 0
    as_of_ms: int | None = None
    lag: int | None = None


def topic_progress(partitions: Iterable[Progress]) -> list[TopicProgress]:
    """Return how far each topic is counted that a processor ever reported."""
    by_topic: dict[str, list[Progress]] = defaultdict(list)
    for partition in partitions:
        by_topic[partition.topic].append(partition)
    return [_topic_progress(topic, reported) for topic, reported in by_topic.items()]


def _topic_progress(topic: str, reported: list[Progress]) -> TopicProgress:
    is_complete = _is_complete(reported)
    as_of = min(one.as_of_ms for one in reported) if is_complete else None
    knows_ends = len(reported) >= max(one.partition_count for one in reported) and all(
        one.end_offset >= 0 for one in reported
    )
    lag = sum(max(0, one.end_offset - one.next_offset) for one in reported) if knows_ends else None
    return TopicProgress(topic, len(reported), as_of, lag)


def as_of_ms(partitions: Iterable[Progress]) -> int | None:
    """Return the as-of time over all partitions of all topics, in Unix milliseconds.

    None (unknown) when a topic or one of its partitions was never reported, or was reported as unknown.
    """
    by_topic: dict[str, list[Progress]] = defaultdict(list)
    for partition in partitions:
        by_topic[partition.topic].append(partition)
    if not all(_is_complete(by_topic[topic]) for topic in TOPICS):
        return None
    return min(partition.as_of_ms for topic in TOPICS for partition in by_topic[topic])


def _is_complete(partitions: list[Progress]) -> bool:
    if not partitions or any(partition.as_of_ms <= 0 for partition in partitions):
        return False
    return len(partitions) >= max(partition.partition_count for partition in partitions)


class FreshnessReader:
    """Reads the processors' progress about twice a second, in the background.

    Before that it notes which shards there are, so that the as-of time says nothing of one that is not read.
    """

    def __init__(self, runner: QueryRunner, shards: ShardWatch | None = None) -> None:
        self._runner, self._shards = runner, shards
        self._as_of_ms: int | None = None
        self._topics: list[TopicProgress] = []
        self._works = True
        self._turns = Turns({_LOOP: _LONGEST_TURN_S})

    def as_of_ms(self) -> int | None:
        """Return the as-of time that was true when last read, hence is true now; None when unknown."""
        return self._as_of_ms

    def topics(self) -> list[TopicProgress]:
        """Return how far each topic was counted when last read; empty when unknown."""
        return self._topics

    @property
    def store_answers(self) -> bool:
        """Whether ClickHouse answered the last read; True before the first one."""
        return self._works

    def live_problems(self) -> list[str]:
        """Return what is wrong when the event loop does not turn any more. For any thread."""
        return self._turns.problems()

    async def run(self) -> None:
        """Read until cancelled; a failure is logged once and the next read tries again."""
        while True:
            self._turns.note(_LOOP)
            await self.refresh()
            metrics.AS_OF.set((self._as_of_ms or 0) / 1000)
            await asyncio.sleep(_PAUSE_S)

    async def refresh(self) -> None:
        """Read once; a failure is noted."""
        try:
            if self._shards is not None:
                await self._shards.look(self._runner, _READ_WITHIN_S)
            rows = await self._runner.run(queries.progress, _READ_WITHIN_S)
        except (Retryable, StatementFailed, StoreMisconfigured) as error:
            self._note_failure(error)
        else:
            self._as_of_ms, self._topics = as_of_ms(rows), topic_progress(rows)
            self._works = True

    def _note_failure(self, error: Exception) -> None:
        """A database that went away may come back from a backup, where what was true is true no longer."""
        if not isinstance(error, StoreTimeout):
            self._as_of_ms, self._topics = None, []
        if self._works:
            _log.warning("freshness_unknown", error=str(error))
        self._works = False
