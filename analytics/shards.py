"""Noticing that what is counted lies on several servers, without a restart and without a setting.

A shard is listed before a partition can come to it, and opens for partitions only some time later (`shards add`). So
whoever reads the list more often than that reads every row: through the tables over all shards, from the first moment
on at which there can be one elsewhere.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from analytics.errors import StoreUnavailable
from analytics.reads import QueryRunner
from analytics.store.pool import Connection
from analytics.store.shards import HOME, count_shards, missing_shards, require_home, whole_of

_REACHED_EVERY: Final = 10  # looks: to ask every shard costs more than to read the list
_NOT_KNOWN: Final = "which servers hold the numbers is not known yet"
_SHORTEST_S: Final = 0.001  # zero would mean without limit

_log = structlog.get_logger(__name__)


class ShardWatch:
    """Lets the readers of numbers read those of every shard; until that is known, they are held."""

    def __init__(self, database: str, readers: Sequence[QueryRunner]) -> None:
        self._database, self._readers = database, readers
        self._known: int | None = None
        self._looks = 0
        for reader in readers:
            reader.hold(_NOT_KNOWN)

    async def look(self, runner: QueryRunner, within_s: float) -> None:
        """Read which shards there are; `runner` reads from the home shard.

        Raises what the runner raises, StoreUnavailable for a shard that is not reached, and StoreMisconfigured.
        """
        count, missing = await runner.run(self._read, within_s)
        if missing:
            why = (
                f"cluster {whole_of(self._database)} in the configuration of the home shard does not reach "
                f"shard {', '.join(map(str, missing))} exactly once: answers would be wrong"
            )
            self._hold(why)
            raise StoreUnavailable(why)
        self._note(count)

    def _read(self, connection: Connection, left_s: float) -> tuple[int, list[int]]:
        settings: dict[str, object] = {"max_threads": 1, "max_execution_time": max(_SHORTEST_S, left_s)}
        if self._known is None:
            require_home(connection)
        count, self._looks = count_shards(connection, settings), self._looks + 1
        if count <= HOME or (count == self._known and self._looks % _REACHED_EVERY):
            return count, []
        return count, missing_shards(connection, self._database, settings)

    def _hold(self, why: str) -> None:
        self._known = None
        for reader in self._readers:
            reader.hold(why)

    def _note(self, count: int) -> None:
        if count == self._known:
            return
        self._known = count
        database = whole_of(self._database) if count > HOME else self._database
        for reader in self._readers:
            reader.use_database(database)
        if count > HOME:
            _log.info("shards_read", shards=count)
