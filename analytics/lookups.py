"""Point reads for the event loop: blocking queries on a few threads, each within its caller's time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar
from uuid import UUID

from analytics import queries
from analytics.errors import StoreTimeout, StoreUnavailable
from analytics.queries import Totals
from analytics.settings import Settings
from analytics.store.pool import Connection, Pool, StatementFailed

T = TypeVar("T")

_NOT_MIGRATED: Final = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE: the migration is still to come


class Lookups(Protocol):
    """The reads that the service needs. Raise StoreUnavailable, or StoreTimeout after about `within_s`."""

    async def user_totals(self, user_id: UUID, *, within_s: float) -> Totals | None:
        """Return the totals over all workflows of a user; None when nothing was counted."""

    async def workflow_totals(self, user_id: UUID, workflow_id: UUID, *, within_s: float) -> Totals | None:
        """Return the totals of a workflow of that user; None when nothing was counted."""


class QueryRunner:
    """Runs blocking reads on as many threads as there are connections."""

    def __init__(self, settings: Settings, *, size: int, timeout_s: float) -> None:
        self._pool = Pool(settings, size=size, timeout_s=timeout_s)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="clickhouse")

    async def run(self, read: Callable[[Connection, float], T], within_s: float) -> T:
        """Return `read(connection, seconds left)`. Raises StoreUnavailable or StoreTimeout.

        A read whose caller was cancelled never starts; one that has started ends with its own time.
        """
        give_up_at = time.monotonic() + within_s
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read_twice, read, give_up_at
        )

    def close(self) -> None:
        """Forget the reads that have not started, wait for those that have, and drop the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._pool.close()

    def _read_twice(self, read: Callable[[Connection, float], T], give_up_at: float) -> T:
        """Try again once: a restart of ClickHouse breaks pooled connections, and reads may be repeated."""
        try:
            return self._read(read, give_up_at)
        except StoreUnavailable:
            return self._read(read, give_up_at)

    def _read(self, read: Callable[[Connection, float], T], give_up_at: float) -> T:
        left_s = give_up_at - time.monotonic()
        if left_s <= 0:
            raise StoreTimeout("no time was left for the query")
        try:
            with self._pool.lend(left_s) as connection:
                return read(connection, left_s)
        except StatementFailed as error:
            if error.code in _NOT_MIGRATED:
                raise StoreUnavailable("no schema yet: run `chronoverse-analytics migrate`") from error
            raise


class StoreLookups:
    """The Lookups on ClickHouse."""

    def __init__(self, runner: QueryRunner) -> None:
        self._runner = runner

    async def user_totals(self, user_id: UUID, *, within_s: float) -> Totals | None:
        """See Lookups."""
        return await self._runner.run(
            lambda store, left_s: queries.user_totals(store, user_id, left_s), within_s
        )

    async def workflow_totals(self, user_id: UUID, workflow_id: UUID, *, within_s: float) -> Totals | None:
        """See Lookups."""
        return await self._runner.run(
            lambda store, left_s: queries.workflow_totals(store, user_id, workflow_id, left_s), within_s
        )
