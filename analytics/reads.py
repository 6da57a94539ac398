"""Blocking queries for the event loop, on a few threads, each within its caller's time."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from analytics import tracing
from analytics.errors import StoreTimeout, StoreUnavailable
from analytics.settings import Settings
from analytics.store.pool import Connection, Pool, StatementFailed

T = TypeVar("T")

_TRUSTED_FOR_S: Final = 1.0  # a read that finds its connection broken is repeated anyway
_NOT_MIGRATED: Final = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE: the migration is still to come


class QueryRunner:
    """Runs blocking reads on as many threads as there are connections."""

    def __init__(self, settings: Settings, *, size: int, timeout_s: float) -> None:
        self._pool = Pool(settings, size=size, timeout_s=timeout_s, trusted_for_s=_TRUSTED_FOR_S)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="clickhouse")
        self._held: str | None = None

    def hold(self, why: str) -> None:
        """Let no read begin any more: what is here may not be everything."""
        self._held = why

    def use_database(self, name: str) -> None:
        """Let reads begin, on this database."""
        self._pool.use_database(name)
        self._held = None

    async def run(self, read: Callable[[Connection, float], T], within_s: float) -> T:
        """Return `read(connection, seconds left)`. Raises StoreUnavailable, also while reads are held, or StoreTimeout.

        When it is cancelled, a read that has not started never does, and one that runs is stopped in the server too.
        """
        if self._held is not None:
            raise StoreUnavailable(self._held)
        task = _Reading(self._pool, read, time.monotonic() + within_s)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, tracing.carried(task.read_twice)
            )
        except asyncio.CancelledError:
            task.stop()
            raise

    def close(self) -> None:
        """Forget the reads that have not started, wait for those that have, and drop the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._pool.close()


class _Reading(Generic[T]):
    """One read, in a thread; `stop` is for another one."""

    def __init__(self, pool: Pool, read: Callable[[Connection, float], T], give_up_at: float) -> None:
        self._pool, self._read, self._give_up_at = pool, read, give_up_at
        self._lock = threading.Lock()
        self._connection: Connection | None = None  # while it is in use
        self._is_stopped = False

    def read_twice(self) -> T:
        """Try again once: a restart of ClickHouse breaks pooled connections, and reads may be repeated."""
        try:
            return self._read_once()
        except StoreUnavailable:
            return self._read_once()

    def stop(self) -> None:
        """Break the connection, at which the server stops the query."""
        with self._lock:
            self._is_stopped = True
            if self._connection is not None:
                self._connection.interrupt()

    def _read_once(self) -> T:
        left_s = self._give_up_at - time.monotonic()
        if left_s <= 0 or self._is_stopped:
            raise StoreTimeout("no time was left for the query")
        try:
            with self._pool.lend(left_s) as connection:
                return self._read_on(connection, left_s)
        except StatementFailed as error:
            if error.code in _NOT_MIGRATED:
                raise StoreUnavailable("no schema yet: run `chronoverse-analytics migrate`") from error
            raise

    def _read_on(self, connection: Connection, left_s: float) -> T:
        connection.open()  # first, so that there is something to break from the moment on that it can be asked for
        self._use(connection)
        try:
            return self._read(connection, left_s)
        finally:
            self._use(None)

    def _use(self, connection: Connection | None) -> None:
        with self._lock:
            if connection is not None and self._is_stopped:
                raise StoreTimeout("nobody waits for the answer any more")
            self._connection = connection
