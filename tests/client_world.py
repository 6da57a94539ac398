"""A service for tests of its client: on a real socket, in a thread, so that the test itself may block."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analytics.lookups import Lookups
from analytics.model import Totals, WorkflowKey
from tests.grpc_world import STRANGER, USER, USER_TOTALS, WORKFLOW, WORKFLOW_TOTALS, FakeLookups, serving


def known() -> FakeLookups:
    """A store that knows USER with WORKFLOW, and STRANGER."""
    fake = FakeLookups()
    fake.users = {USER: USER_TOTALS, STRANGER: WORKFLOW_TOTALS}
    fake.workflows = {WorkflowKey(USER, WORKFLOW): WORKFLOW_TOTALS}
    return fake


class FailsAtFirst(FakeLookups):
    """A store that raises the given errors, one a call, and then answers zeros."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self._errors = list(errors)
        self.asked = 0

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        self.asked += 1
        if self._errors:
            raise self._errors.pop(0)
        return Totals()


class Hangs(FakeLookups):
    """A store that never answers."""

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


class _Serving(threading.Thread):
    """A thread that serves until `end()`."""

    def __init__(self, lookups: Lookups, settings: dict[str, Any]) -> None:
        super().__init__()
        self._lookups, self._settings = lookups, settings
        self.started = threading.Event()
        self.address = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._lookups, **self._settings) as self.address:
            self.started.set()
            await self._ended.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()


@contextmanager
def service(lookups: Lookups, **settings: Any) -> Iterator[str]:
    """Run a server over the lookups in a thread of its own; yields its address. `settings`: see `serving`."""
    thread = _Serving(lookups, settings)
    thread.start()
    assert thread.started.wait(10)
    try:
        yield thread.address
    finally:
        thread.end()
