"""Connections to ClickHouse: the only module that imports the driver.

A driver client is one connection and serves one thread at a time, so the pool lends clients out. Every driver error becomes
one of ours at this edge: `StoreUnavailable`, `StoreTimeout`, or `StatementFailed` for an answer of the server.
"""

import os
import queue
import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

# Else the driver makes every date from 1900 to 2299 when it is loaded: 0.15 s and 23 MB of each program, for dates that
# no table has. What is no range means: make each date when it comes.
os.environ.setdefault("CLICKHOUSE_DRIVER_LASY_DATE_LUT", "none")

from clickhouse_driver import Client
from clickhouse_driver import errors as driver_errors

from analytics.errors import Retryable, StoreTimeout, StoreUnavailable
from analytics.settings import Settings
from analytics.store.statements import observed, summary

CLIENT_NAME = "chronoverse-analytics"

# Server error codes after which the same statement may succeed: the server is overloaded, starting or stopping, lacks
# memory or disk, cannot reach another shard, or an operator holds it back (a quota, a table that is read only, a right
# that is missing, a password that was changed).
_TIMEOUT_CODES = frozenset({159, 160, 209})  # TIMEOUT_EXCEEDED, TOO_SLOW, SOCKET_TIMEOUT
_UNAVAILABLE_CODES = frozenset({
    3, 173, 201, 202, 210, 236, 241, 242, 243, 252, 279, 394, 425, 439, 497, 516, 733, 774, 999,
})  # fmt: skip
_OF_THE_SYSTEM = "DB::ErrnoException"  # no space in the middle of a file, too many open ones: many codes


class StatementFailed(Exception):
    """The server refused or broke off a statement. `code` is ClickHouse's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Table(NamedTuple):
    """A small table that travels with a query: `columns` maps names to types, in the order of the rows."""

    name: str
    columns: Mapping[str, str]
    rows: Sequence[tuple[object, ...]]


class Connection:
    """One connection to ClickHouse, for one thread at a time; it connects at first use and again after an error.

    Results are lists of tuples, or numpy arrays by column with `columnar=True` on a connection made with `numpy=True`.
    For `trusted_for_s` after an answer it is taken for alive without asking: statements must be harmless to repeat then.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float,
        database: str | None = None,
        numpy: bool = False,
        trusted_for_s: float = 0.0,
    ) -> None:
        host, _, port = random.choice(settings.clickhouse_hosts).rpartition(":")  # noqa: S311 -- spreads load
        tls = settings.clickhouse_tls_enabled
        if numpy:  # which many programs do without
            from analytics.store.numpy_columns import import_without_pandas

            import_without_pandas()
        self._client = Client(
            host=host,
            port=int(port),
            database=settings.clickhouse_database if database is None else database,
            user=settings.clickhouse_username,
            password=settings.clickhouse_password.get_secret_value(),
            client_name=CLIENT_NAME,
            connect_timeout=settings.clickhouse_connect_timeout,
            send_receive_timeout=timeout_s,
            sync_request_timeout=settings.clickhouse_connect_timeout,
            secure=tls,
            ca_certs=_text(settings.clickhouse_tls_ca_file) if tls else None,
            certfile=_text(settings.clickhouse_tls_cert_file) if tls else None,
            keyfile=_text(settings.clickhouse_tls_key_file) if tls else None,
            tcp_keepalive=True,
            settings={"use_numpy": numpy},
        )
        self._ask_only_after_silence(trusted_for_s)

    def _ask_only_after_silence(self, trusted_for_s: float) -> None:
        """Before each statement the driver asks the server whether it is there: 0.2 ms, in vain after an answer."""
        self._answered_at = -trusted_for_s
        connection = self._client.connection
        ping = connection.ping
        connection.ping = lambda: time.monotonic() - self._answered_at < trusted_for_s or ping()

    @contextmanager
    def _speaking(self, statement: str) -> Iterator[None]:
        with observed(statement), _driver_errors():
            yield
        self._answered_at = time.monotonic()

    def open(self) -> None:
        """Connect unless that is done; for the time for which it is trusted, the next statement does not connect anew."""
        connection = self._client.connection
        with _driver_errors():
            is_open = connection.connected and connection.ping()
        if is_open:
            self._answered_at = time.monotonic()
            return
        with self._speaking("CONNECT"):
            connection.connect()

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run a statement with `%(name)s` parameters, quoted by the driver, and return its rows."""
        with self._speaking(summary(sql)):
            rows: list[tuple[Any, ...]] = self._client.execute(sql, parameters, settings=_reading(settings))
        return rows

    def query_with_table(
        self, sql: str, table: Table, parameters: Mapping[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a query that reads a table sent along with it, and return its rows. Not with `numpy=True`."""
        external = {"name": table.name, "structure": list(table.columns.items()), "data": table.rows}
        with self._speaking(summary(sql)):
            rows: list[tuple[Any, ...]] = self._client.execute(
                sql, parameters, external_tables=[external], settings=_reading(None)
            )
        return rows

    def query_columns(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> list[Any]:
        """Run a query and return its columns; an empty list when there is no row."""
        with self._speaking(summary(sql)):
            columns: list[Any] = self._client.execute(
                sql, parameters, settings=_reading(settings), columnar=True
            )
        return columns

    def insert(
        self, sql: str, columns: Sequence[Any], *, settings: Mapping[str, object] | None = None
    ) -> None:
        """Send columns of equal length to an INSERT statement. Retry only what is harmless to write twice."""
        with self._speaking(summary(sql)):
            self._client.execute(sql, columns, columnar=True, settings=settings)

    def interrupt(self) -> None:
        """Break the statement that another thread is waiting for, which gets StoreUnavailable; the server cancels it."""
        with suppress(OSError, AttributeError):  # there is no socket, or no longer
            self._client.connection.socket.shutdown(socket.SHUT_RDWR)

    def use_database(self, name: str) -> None:
        """Connect to this database from now on."""
        if self._client.connection.database != name:
            self._client.disconnect()
            self._client.connection.database = name

    def close(self) -> None:
        """Drop the connection; a statement that still runs is cancelled by the server when it notices."""
        self._client.disconnect()


class Pool:
    """A bounded set of connections. `lend()` waits at most `wait_s` for a free one, else raises StoreUnavailable."""

    def __init__(
        self,
        settings: Settings,
        *,
        size: int,
        timeout_s: float,
        numpy: bool = False,
        trusted_for_s: float = 0.0,
    ) -> None:
        self._free: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._is_closed = False
        self._database = settings.clickhouse_database
        for _ in range(size):
            self._free.put(
                Connection(settings, timeout_s=timeout_s, numpy=numpy, trusted_for_s=trusted_for_s)
            )

    @contextmanager
    def lend(self, wait_s: float) -> Iterator[Connection]:
        """Lend a connection; after an unknown outcome it is dropped and connects anew at its next use."""
        if self._is_closed:
            raise StoreUnavailable("the program ends")
        try:
            connection = self._free.get(timeout=wait_s)
        except queue.Empty:
            raise StoreUnavailable("every connection to ClickHouse is busy") from None
        try:
            connection.use_database(self._database)
            yield connection
        except Retryable:
            connection.close()
            raise
        finally:
            self._free.put(connection)

    def use_database(self, name: str) -> None:
        """Lend connections to this database from now on; those that are lent out stay where they are. For any thread."""
        self._database = name

    def close(self) -> None:
        """Close the connections that are not lent out; lend no more, so that threads which go on end soon."""
        self._is_closed = True
        while not self._free.empty():
            self._free.get_nowait().close()


def _reading(settings: Mapping[str, object] | None) -> Mapping[str, object]:
    """Do without counters that nobody reads, which cost 0.15 ms. An insert must not: the driver waits for them.

    A shard that is away makes a read fail, whatever the user's profile says: sums without it would look right.
    """
    return {"send_profile_events": 0, "skip_unavailable_shards": 0, **(settings or {})}


def _text(path: object) -> str | None:
    return None if path is None else str(path)


def _words(error: Exception) -> str:
    """Return what the driver says of a connection, such as why TLS failed; else the kind of error."""
    words = getattr(error, "message", None)
    return str(words) if words else type(error).__name__


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Turn every error of the driver into one of ours. Messages of the server lose their stack traces."""
    try:
        yield
    except driver_errors.ServerException as error:
        summary = str(error.message).split(". Stack trace:")[0].strip()
        if error.code in _TIMEOUT_CODES:
            raise StoreTimeout(summary) from error
        if error.code in _UNAVAILABLE_CODES or summary.startswith(_OF_THE_SYSTEM):
            raise StoreUnavailable(summary) from error
        raise StatementFailed(error.code, summary) from error
    except (TimeoutError, driver_errors.SocketTimeoutError) as error:
        raise StoreTimeout("ClickHouse did not answer in time") from error
    except (driver_errors.NetworkError, EOFError, OSError) as error:
        raise StoreUnavailable(f"ClickHouse cannot be reached: {_words(error)}") from error
    except driver_errors.Error as error:
        raise StoreUnavailable(f"the conversation with ClickHouse broke: {type(error).__name__}") from error
