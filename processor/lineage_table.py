"""Table `lineage`: which log of a topic is counted, and its generations. The first one who stores a row decides it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

from analytics.errors import LogMismatch, Retryable
from analytics.store.pool import Pool
from processor.lineage import Generation, Inherited
from processor.model import Partition, partition_id
from processor.topics import BrokerUnavailable, Topic

_LEND_WITHIN_S: Final = 60.0

_SELECT = """
SELECT topic, epoch, cluster_id, topic_id, partitions, inherited
FROM lineage
ORDER BY topic, epoch, generation
"""
_INSERT = """
INSERT INTO lineage (topic, epoch, generation, cluster_id, topic_id, partitions, inherited, created_at) VALUES
"""
_SELECT_ALL = """
SELECT topic, epoch, generation, cluster_id, topic_id, partitions, inherited, created_at
FROM lineage
ORDER BY topic, epoch, generation, created_at
"""

_COUNT_IMPORTS = "SELECT count() FROM imports WHERE hasAny(logs.topic, %(topics)s)"


class ImportUnderWay(Retryable):
    """An import has decided where topics begin, and has not said so yet."""


class TopicGrew(Exception):
    """A topic has more partitions than are counted: records may be anywhere now. Open the partition again."""


class Lineage(NamedTuple):
    """One incarnation of a topic as it is counted. `epoch` is raised when an operator adopts another log."""

    name: str
    cluster_id: str
    topic_id: UUID
    epoch: int
    generations: tuple[Generation, ...]

    @property
    def partitions(self) -> int:
        """How many may be read."""
        return self.generations[-1].partitions

    @property
    def generation(self) -> int:
        """The number of the last generation."""
        return len(self.generations) - 1

    def partition(self, number: int) -> Partition:
        """Return a partition of the topic."""
        return Partition(self.name, number, partition_id(self.cluster_id, self.topic_id, self.epoch, number))

    def all_partitions(self) -> list[Partition]:
        """Return those that may be read, by number."""
        return [self.partition(number) for number in range(self.partitions)]

    def grown(self, partitions: int, inherited: Iterable[Inherited]) -> "Lineage":
        """Return the lineage with one more generation."""
        return self._replace(generations=(*self.generations, Generation(partitions, tuple(inherited))))


def read_lineages(pool: Pool) -> dict[str, Lineage]:
    """Return the newest incarnation of every topic that was ever counted."""
    with pool.lend(_LEND_WITHIN_S) as connection:
        rows = connection.query(_SELECT)
    lineages = {}
    for (topic, epoch), group in groupby(rows, key=lambda row: (row[0], row[1])):
        of_epoch = list(group)
        generations = tuple(
            Generation(partitions, tuple(Inherited(*one) for one in inherited))
            for *_, partitions, inherited in of_epoch
        )
        lineages[topic] = Lineage(topic, of_epoch[0][2], of_epoch[0][3], epoch, generations)
    return lineages


def store_generation(pool: Pool, lineage: Lineage) -> None:
    """Store the last generation of a lineage, unless somebody has stored one of its number: that one stays."""
    last = lineage.generations[-1]
    row = (
        lineage.name,
        lineage.epoch,
        lineage.generation,
        lineage.cluster_id,
        lineage.topic_id,
        last.partitions,
        [tuple(one) for one in last.inherited],
        datetime.now(UTC),
    )
    _insert(pool, row)


def store_again(pool: Pool) -> None:
    """Store all rows once more: in a restored table, which remembers no tokens. For a table that nobody else writes."""
    with pool.lend(_LEND_WITHIN_S) as connection:
        rows = connection.query(_SELECT_ALL)
        connection.query("TRUNCATE TABLE lineage SYNC")
    for row in rows:
        _insert(pool, row)


def _insert(pool: Pool, row: tuple[object, ...]) -> None:
    topic, epoch, generation, *_ = row
    token = f"{topic}/{epoch}/{generation}"
    settings = {"async_insert": 0, "deduplicate_insert": "enable", "insert_deduplication_token": token}
    with pool.lend(_LEND_WITHIN_S) as connection:
        connection.insert(_INSERT, [[value] for value in row], settings=settings)


def identify(pool: Pool, found: Mapping[str, Topic]) -> dict[str, Lineage]:
    """Return the topics as the database knows them; what is new to it is stored first.

    Raises LogMismatch, and ImportUnderWay.
    """
    stored = read_lineages(pool)
    new = [topic for name, topic in found.items() if name not in stored]
    if new:
        _require_no_import(pool, [topic.name for topic in new])
    for topic in new:
        first = Generation(topic.partitions)
        store_generation(pool, Lineage(topic.name, topic.cluster_id, topic.topic_id, 0, (first,)))
    if new:
        stored = read_lineages(pool)  # another processor may have been faster
    for name, topic in found.items():
        require_same(stored[name], topic)
    return stored


def _require_no_import(pool: Pool, topics: Sequence[str]) -> None:
    with pool.lend(_LEND_WITHIN_S) as connection:
        if connection.query(_COUNT_IMPORTS, {"topics": topics}) != [(0,)]:
            raise ImportUnderWay(
                "`chronoverse-processor import` is under way: run it again if it was stopped"
            )


def require_same(known: Lineage, found: Topic) -> None:
    """Raise LogMismatch when the log is another one than the one that is counted."""
    if (known.cluster_id, known.topic_id) != (found.cluster_id, found.topic_id):
        raise LogMismatch(
            f"topic {known.name} is not the log that this database has counted: that was topic id "
            f"{known.topic_id} on cluster {known.cluster_id}, this is {found.topic_id} on {found.cluster_id}. "
            "Counting it would add to numbers of another log: set KAFKA_BROKERS to the former cluster, or "
            "CLICKHOUSE_DATABASE to a new database, or see `chronoverse-processor adopt --help`"
        )


def require_unchanged(known: Lineage, found: Topic) -> None:
    """Return when a topic is as it is counted. Raises LogMismatch, TopicGrew, and BrokerUnavailable if that is behind.

    Asked *after* records were fetched, it proves that they are of this log, and that no producer could know of more
    partitions when they were published.
    """
    require_same(known, found)
    if found.partitions > known.partitions:
        raise TopicGrew
    if found.partitions < known.partitions:
        raise BrokerUnavailable(
            f"a broker says that topic {known.name} has {found.partitions} partitions, not {known.partitions}"
        )
