"""Real connections to ClickHouse whose every statement waits until a schedule lets it run, or fail."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from uuid import uuid4

from analytics.errors import Retryable, StoreTimeout, StoreUnavailable
from analytics.store.pool import Pool, StatementFailed
from processor.ids import halves

AnswerT = TypeVar("AnswerT")
_WITHIN_S = 60
_PARTITION = slice(3, 5)  # the columns that say of which partition a checkpoint is


class Killed(BaseException):
    """The consumer dies: nothing may catch it."""


class Stepper:
    """Lets a thread go on from one gate to the next, while the thread of the test waits."""

    def __init__(self, work: Callable[["Stepper"], None]) -> None:
        self.fault: str | None = None
        self._is_killed = False
        self._failure: BaseException | None = None
        self._go, self._has_arrived = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self._await()

    def gate(self) -> str | None:
        """Wait for one's turn; return the fault that the next statement is to have. In the thread."""
        self._has_arrived.release()
        self._go.acquire()
        if self._is_killed:
            raise Killed
        return self.fault

    def step(self, fault: str | None) -> None:
        """Let the thread go on to its next gate. Raises what the thread has failed with."""
        self.fault = fault
        self._go.release()
        self._await()

    def kill(self) -> None:
        self._is_killed = True
        self._go.release()
        self._thread.join(_WITHIN_S)

    def _await(self) -> None:
        assert self._has_arrived.acquire(timeout=_WITHIN_S), "a statement does not come to its end"
        if self._failure is not None:
            raise self._failure

    def _run(self, work: Callable[["Stepper"], None]) -> None:
        try:
            work(self)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 -- for the thread of the test to raise
            self._failure = error
            self._has_arrived.release()


class _Columns(list[Any]):
    """Columns that are sent when `let_go` is called: until then the server has the statement, but no data."""

    def __init__(self, columns: Sequence[Any]) -> None:
        super().__init__(columns)
        self.are_awaited, self._go = threading.Event(), threading.Event()
        self.are_lost = False

    def __iter__(self) -> Iterator[Any]:
        self.are_awaited.set()
        assert self._go.wait(_WITHIN_S)
        if self.are_lost:
            raise ConnectionResetError
        return super().__iter__()

    def let_go(self) -> None:
        self._go.set()


class OpenInsert:
    """A guarded insert at the server, which has looked at the checkpoint and waits for data."""

    def __init__(
        self, pool: Pool, threads: ThreadPoolExecutor, sql: str, columns: Any, settings: Any
    ) -> None:
        self._columns = _Columns(columns)
        self._done: Future[None] = threads.submit(self._send, pool, sql, settings)
        self._done.add_done_callback(lambda _: self._columns.are_awaited.set())
        assert self._columns.are_awaited.wait(_WITHIN_S)

    def _send(self, pool: Pool, sql: str, settings: Any) -> None:
        with pool.lend(_WITHIN_S) as connection:
            connection.insert(sql, self._columns, settings=settings)

    def finish(self) -> None:
        """Send the data and wait for the answer."""
        self._columns.let_go()
        self._done.result(_WITHIN_S)

    def land(self) -> None:
        """The same, though nobody is there any more to be told."""
        with suppress(StatementFailed, Retryable):
            self.finish()

    def be_lost(self) -> None:
        """Die with the server, or on the way to it."""
        self._columns.are_lost = True
        self.land()

    def leave_a_ghost(self) -> None:
        """Use up the token, but write a row of no partition, as a server does that dies in between."""
        checkpoint = [one[:1] for one in self._columns[:]]  # the first row
        checkpoint[_PARTITION] = halves([uuid4().int])
        self._columns[:] = checkpoint
        self.land()


class SteppedPool:
    """A pool of connections of one lane. Guarded inserts take two steps: the statement, and its data."""

    def __init__(self, pool: Pool, stepper: Stepper, threads: ThreadPoolExecutor) -> None:
        self._pool, self._stepper, self._threads = pool, stepper, threads
        self.insert_at_server: OpenInsert | None = None

    @contextmanager
    def lend(self, wait_s: float) -> Iterator["SteppedPool"]:
        yield self

    def query(self, *arguments: Any, **named: Any) -> Any:
        return self._step(lambda connection: connection.query(*arguments, **named))

    def query_with_table(self, *arguments: Any) -> Any:
        return self._step(lambda connection: connection.query_with_table(*arguments))

    def query_columns(self, *arguments: Any) -> Any:
        return self._step(lambda connection: connection.query_columns(*arguments))

    def insert(self, sql: str, columns: Any, *, settings: Any) -> None:
        if "throwIf" in sql:
            self._insert_guarded(sql, columns, settings)
        else:
            self._step(lambda connection: connection.insert(sql, columns, settings=settings))

    def _step(self, statement: Callable[[Any], AnswerT]) -> AnswerT:
        fault = self._stepper.gate()
        if fault == "unsent":
            raise StoreUnavailable("a fault of the schedule")
        with self._pool.lend(_WITHIN_S) as connection:
            answer = statement(connection)
        if fault:
            raise StoreTimeout("a fault of the schedule")
        return answer

    def _insert_guarded(self, sql: str, columns: Any, settings: Any) -> None:
        if self._stepper.gate():
            raise StoreUnavailable("a fault of the schedule")
        insert = self.insert_at_server = OpenInsert(self._pool, self._threads, sql, columns, settings)
        fault = self._stepper.gate()  # when it is killed here, the server still has the insert
        self.insert_at_server = None
        self._finish(insert, fault)

    def _finish(self, insert: OpenInsert, fault: str | None) -> None:
        if fault is None:
            return insert.finish()
        if fault == "answer lost":
            insert.land()
        elif fault == "unsent":
            insert.be_lost()
        elif fault == "ghost":
            insert.leave_a_ghost()
        raise StoreTimeout("a fault of the schedule")
