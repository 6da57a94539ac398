"""Counting the whole log again, into a second database beside the live one, by the ordinary pipeline.

The second database is told the same lineage, so its partitions have the same ids, and keys that have moved are
compared in the same order. Its checkpoints are its own: whoever goes on with it goes on where it was. It is complete
when every checkpoint there is at or beyond the live one.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from analytics.errors import Retryable
from analytics.store.migrate import migrate
from analytics.store.pool import Connection, StatementFailed
from processor.audit.ledger_rows import CheckpointRow, read_ledger
from processor.audit.log_range import LogRange
from processor.gaps import read_gaps
from processor.lineage_table import Lineage
from processor.model import Partition
from processor.settings import ProcessorSettings
from processor.source import Place

_LOOK_EVERY_S: Final = 0.5
_TIMEOUT_S: Final = 60.0

_COPY_LINEAGE = """
INSERT INTO `{to}`.lineage SELECT * FROM `{live}`.lineage
SETTINGS insert_deduplication_token = 'the lineage of the live database'
"""
_COPY_PROOF = "INSERT INTO `{to}`.selftests SELECT * FROM `{live}`.selftests"
_COUNT_IMPORTS = "SELECT count() FROM imports"
_COUNT_LINEAGE = "SELECT count() FROM lineage"
_SAME_LINEAGE = """
SELECT count() FROM
(
    SELECT topic, epoch, generation, cluster_id, topic_id, partitions, inherited FROM `{live}`.lineage
    UNION ALL
    SELECT topic, epoch, generation, cluster_id, topic_id, partitions, inherited FROM `{to}`.lineage
)
GROUP BY topic, epoch, generation, cluster_id, topic_id, partitions, inherited
HAVING count() != 2
"""

Checkpoints = Mapping[UUID, int]


class Distance(NamedTuple):
    """How far a rebuild is: offsets counted, of those that have to be; `missing`: partitions that are not there yet."""

    done: int
    total: int
    missing: int


def rebuild_settings(settings: ProcessorSettings) -> ProcessorSettings:
    """Return the settings under which the log is counted again."""
    return settings.model_copy(
        update={
            "clickhouse_database": f"{settings.clickhouse_database}_rebuild",
            "kafka_consumer_group": f"{settings.kafka_consumer_group}.rebuild",
            "metrics_port": None,  # a processor on this machine may have it
        }
    )


def obstacles(
    lineages: Mapping[str, Lineage], logs: Mapping[Place, LogRange], connection: Connection
) -> list[str]:
    """Return why the log does not hold all that was counted, in words; an empty list when it does."""
    found = []
    for topic, lineage in lineages.items():
        if lineage.epoch > 0:
            found.append(
                f"topic {topic} was adopted: what was counted of the log before it is not in this one"
            )
    for (topic, number), log in logs.items():
        if log.low > 0:
            found.append(
                f"{topic}/{number} begins at offset {log.low:,}: what was counted of the records before would be lost"
            )
    if connection.query(_COUNT_IMPORTS) != [(0,)]:
        found.append("totals were imported from the Go service: they are in no log")
    gaps = [gap for gap in read_gaps(connection) if gap.is_done]
    found += [
        f"offsets {one.first:,} to {one.end - 1:,} of {one.partition} were skipped: they would be counted now"
        for one in gaps
    ]
    return found


def prepare(settings: ProcessorSettings) -> ProcessorSettings:
    """Make the second database, told the lineage of the live one; return its settings. Harmless to do again.

    It is on the same server, so what was proved of that for the live one, under the same version, is not proved again.
    """
    rebuilt = rebuild_settings(settings)
    migrate(rebuilt)
    connection = Connection(rebuilt, timeout_s=_TIMEOUT_S)
    try:
        if connection.query(_COUNT_LINEAGE) == [(0,)]:
            names = {"live": settings.clickhouse_database, "to": rebuilt.clickhouse_database}
            for sql in (_COPY_PROOF, _COPY_LINEAGE):
                connection.query(sql.format(**names))
    finally:
        connection.close()
    return rebuilt


def has_same_lineage(connection: Connection, settings: ProcessorSettings) -> bool:
    """Whether both databases tell the same of where keys have moved."""
    rebuilt = rebuild_settings(settings)
    sql = _SAME_LINEAGE.format(live=settings.clickhouse_database, to=rebuilt.clickhouse_database)
    return not connection.query(sql)


def distance(wanted: Checkpoints, rebuilt: Checkpoints) -> Distance:
    """Return how far it is. Pure."""
    done = sum(min(offset, rebuilt.get(id_, 0)) for id_, offset in wanted.items())
    missing = sum(id_ not in rebuilt or rebuilt[id_] < offset for id_, offset in wanted.items())
    return Distance(done, sum(wanted.values()), missing)


def wanted_checkpoints(
    rows: Mapping[UUID, CheckpointRow], partitions: Mapping[UUID, Partition], logs: Mapping[Place, LogRange]
) -> dict[UUID, int]:
    """Return where the live database is; a checkpoint that is broken may say more than the log had. Pure."""
    return {
        id_: row.total if row.is_sound else min(row.reached, logs[one.topic, one.number].end)
        for id_, one in partitions.items()
        if (row := rows.get(id_))
    }


def reached(connection: Connection) -> dict[UUID, int]:
    """Return the checkpoints of a database."""
    return {id_: row.reached for id_, row in read_ledger(connection).checkpoints.items()}


class Watch:
    """A thread that tells how far the rebuild is, and sets `arrived` when it is there; failures are asked for again."""

    def __init__(
        self,
        settings: ProcessorSettings,
        wanted: Callable[[Connection], Checkpoints],
        arrived: threading.Event,
        note: Callable[[Distance], None],
    ) -> None:
        self._live = Connection(settings, timeout_s=_TIMEOUT_S)
        self._rebuilt = Connection(rebuild_settings(settings), timeout_s=_TIMEOUT_S)
        self._wanted, self._arrived, self._note = wanted, arrived, note
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.has_arrived = False

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(_TIMEOUT_S)
        self._live.close()
        self._rebuilt.close()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except (Retryable, StatementFailed):
                continue

    def _look(self) -> None:
        wanted = self._wanted(self._live)  # read first: what is rebuilt only grows
        far = distance(wanted, reached(self._rebuilt))
        self._note(far)
        if not far.missing:
            self.has_arrived = True
            self._arrived.set()
