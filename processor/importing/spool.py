"""Tables `imports` and `import_rows`: the copied snapshot, and the row that seals it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from analytics.errors import Retryable
from analytics.store.pool import Connection, Pool
from processor.importing.errors import NotImportable
from processor.importing.rows import KINDS, Balance, PastJob, Row, encode
from processor.lineage import Generation, Inherited
from processor.lineage_table import Lineage
from processor.model import Partition, import_partition
from processor.topics import Topic

BATCH_ROWS: Final = 50_000
"""At once: a past job becomes at most six rows of table `analytics`."""

_LEND_WITHIN_S: Final = 600.0
_ONE_IMPORT: Final = "import"  # the same for all imports: a database has one

_SELECT = """
SELECT import_id, toUnixTimestamp64Milli(taken_at), segments, digest, logs, workflows, jobs, results, execution_seconds,
       log_lines
FROM imports
"""
_INSERT = """
INSERT INTO imports (import_id, taken_at, segments, digest, logs, workflows, jobs, results, execution_seconds, log_lines,
                     sealed_at) VALUES
"""
_INSERT_ROWS = "INSERT INTO import_rows (import_id, row_number, content) VALUES"
_SELECT_ROWS = """
SELECT content FROM import_rows
WHERE import_id = %(id)s AND row_number >= %(first)s AND row_number < %(end)s
ORDER BY row_number
"""
_COPIES = "SELECT DISTINCT import_id FROM import_rows"
_DROP = "ALTER TABLE import_rows DROP PARTITION %(id)s"


class Totals(NamedTuple):
    """What is imported, over all users. `results`: of past jobs."""

    workflows: int = 0
    jobs: int = 0
    results: int = 0
    execution_seconds: int = 0
    log_lines: int = 0

    def plus(self, row: Row) -> "Totals":
        """Return the totals with one more row."""
        workflows, jobs, results, seconds, lines = self
        if isinstance(row, Balance):
            return Totals(
                workflows + row.is_first, jobs + row.jobs, results, seconds + row.seconds, lines + row.lines
            )
        if isinstance(row, PastJob):
            return Totals(workflows, jobs + 1, results + 1, seconds + row.seconds, lines)
        return self


class Segment(NamedTuple):
    """Consecutive rows of one kind, up to `end` without it."""

    kind: str
    end: int


WHERE_THE_LOG_BEGINS: Final = -1
"""In place of an offset, for what no Go program counts: where that is, is found out by the first processor.

To decide it before the rows are copied would halt the partition, if Kafka deleted records meanwhile.
"""


class Log(NamedTuple):
    """A topic that goes on where a snapshot ends. `starts`: by partition, the first offset that is not in it."""

    topic: Topic
    starts: tuple[int, ...]


class Copy(NamedTuple):
    """What was copied."""

    segments: tuple[Segment, ...]
    digest: str
    totals: Totals


class Import(NamedTuple):
    """An import, as it is sealed."""

    id: UUID
    taken_ms: int
    copy: Copy
    logs: tuple[Log, ...]

    @property
    def partition(self) -> Partition:
        """The pseudo-partition whose offsets are row numbers."""
        return import_partition(self.id)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.copy.segments[-1].end

    @property
    def barrier(self) -> int:
        """The checkpoint at which everything is done: one beyond the rows, so that there is one without rows, too."""
        return self.rows + 1

    def batch(self, first: int) -> Segment:
        """Return kind and end of the batch that begins at a row; a batch has one kind."""
        of_it = next(one for one in self.copy.segments if first < one.end)
        return of_it._replace(end=min(of_it.end, first + BATCH_ROWS))

    def lineages(self) -> list[Lineage]:
        """Return the lineages of the topics: the rows of the import are evidence for all of their records."""
        inherited = Inherited(self.partition.id, self.barrier, self.barrier)
        return [
            Lineage(one.name, one.cluster_id, one.topic_id, 0, (Generation(one.partitions, (inherited,)),))
            for one, _ in self.logs
        ]


def copy_rows(
    pool: Pool, id_: UUID, rows: Callable[[str], Iterator[Row]], note: Callable[[int], None]
) -> Copy:
    """Copy all rows of a snapshot, which `rows` yields by kind; `note` is told how many there are so far."""
    drop_copies(pool)
    digest, totals, segments = hashlib.sha256(), Totals(), []
    number, waiting = 0, list[str]()
    for kind in KINDS:
        for row in rows(kind):
            totals = totals.plus(row)
            waiting.append(encode(row))
            if len(waiting) == BATCH_ROWS:
                number = _write(pool, id_, number, waiting, digest)
                note(number)
                waiting = []
        number, waiting = _write(pool, id_, number, waiting, digest), []
        segments.append(Segment(kind, number))
    return Copy(tuple(segments), digest.hexdigest(), totals)


def _write(pool: Pool, id_: UUID, first: int, contents: list[str], digest: "hashlib._Hash") -> int:
    """Insert rows, once: who does not know whether they are there begins anew. Returns the number of the next one."""
    end = first + len(contents)
    if contents:
        columns = [[id_] * len(contents), list(range(first, end)), contents]
        with pool.lend(_LEND_WITHIN_S) as connection:
            connection.insert(_INSERT_ROWS, columns, settings={"async_insert": 0})
        _digest(digest, contents)
    return end


def _digest(digest: "hashlib._Hash", contents: Sequence[str]) -> None:
    digest.update("".join(f"{content}\n" for content in contents).encode())  # JSON has no line breaks


def read_rows(pool: Pool, id_: UUID, first: int, end: int) -> list[str]:
    """Return the contents of rows, in their order."""
    with pool.lend(_LEND_WITHIN_S) as connection:
        rows = connection.query(_SELECT_ROWS, {"id": id_, "first": first, "end": end})
    return [content for (content,) in rows]


def is_whole(pool: Pool, id_: UUID, copy: Copy) -> bool:
    """Whether the copied rows are those of the digest."""
    digest, rows = hashlib.sha256(), copy.segments[-1].end
    for first in range(0, rows, BATCH_ROWS):
        _digest(digest, read_rows(pool, id_, first, first + BATCH_ROWS))
    return digest.hexdigest() == copy.digest and not read_rows(pool, id_, rows, rows + 1)


def seal(pool: Pool, import_: Import) -> None:
    """Decide that this import is carried out. Raises NotImportable when another one was sealed before."""
    logs = [(one.name, one.cluster_id, one.topic_id, list(starts)) for one, starts in import_.logs]
    segments, digest, totals = import_.copy
    row = (
        import_.id,
        datetime.fromtimestamp(import_.taken_ms / 1000, UTC),
        [tuple(one) for one in segments],
        digest,
        logs,
        *totals,
        datetime.now(UTC),
    )
    settings = {"async_insert": 0, "deduplicate_insert": "enable", "insert_deduplication_token": _ONE_IMPORT}
    with pool.lend(_LEND_WITHIN_S) as connection:
        connection.insert(_INSERT, [[value] for value in row], settings=settings)
        stored = read_import(connection)
    if stored is None:
        raise Retryable("ClickHouse lost the row that seals the import")
    if stored.id != import_.id:
        raise NotImportable("another import was faster: run the command again to go on with that one")


def read_import(connection: Connection) -> Import | None:
    """Return the sealed import of the database; None when there is none."""
    rows = connection.query(_SELECT)
    if not rows:
        return None
    ((id_, taken_ms, segments, digest, logs, *totals),) = rows
    copy = Copy(tuple(Segment(*one) for one in segments), digest, Totals(*totals))
    of_logs = (
        Log(Topic(topic, cluster_id, topic_id, len(starts)), tuple(starts))
        for topic, cluster_id, topic_id, starts in logs
    )
    return Import(id_, taken_ms, copy, tuple(of_logs))


def drop_copies(pool: Pool) -> None:
    """Drop all copied rows: nobody has sealed them, or they are imported."""
    with pool.lend(_LEND_WITHIN_S) as connection:
        for (id_,) in connection.query(_COPIES):
            connection.query(_DROP, {"id": id_})
