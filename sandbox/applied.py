"""How much of the log the processors have applied, read from their checkpoints."""

from typing import Final, NamedTuple

from analytics.errors import AnalyticsError
from analytics.settings import Settings
from analytics.store.pool import Connection, StatementFailed

COUNTED_TOPICS: Final = ("analytics", "workflows", "job_logs")

_SELECT: Final = """
SELECT sum(checkpoint_rows), sum(offset_delta) FROM analytics WHERE resolution = 'checkpoint'
"""


class Applied(NamedTuple):
    """Partitions that are counted, and records applied: the logs of the sandbox begin at offset 0."""

    partitions: int = 0
    records: int = 0


class AppliedReader:
    """Reads the checkpoints, from the database of the settings or another one, for one thread at a time."""

    def __init__(self, settings: Settings, database: str | None = None) -> None:
        self._connection = Connection(settings, timeout_s=5, database=database)

    def read(self) -> Applied | None:
        """Return how far the processors are; None while ClickHouse does not answer."""
        try:
            ((partitions, records),) = self._connection.query(_SELECT)
        except (AnalyticsError, StatementFailed):
            return None
        return Applied(partitions, records)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
