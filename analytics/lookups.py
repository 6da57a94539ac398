"""Point reads of totals: what the service asks of its store, and the store that answers it from ClickHouse."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from analytics import queries
from analytics.coalescing import Coalescer
from analytics.model import Totals, WorkflowKey
from analytics.reads import QueryRunner

LARGEST_QUERY: Final = 128
"""Keys in a query: the work of a key is least there, and a query is still done in about ten milliseconds."""


class Lookups(Protocol):
    """The reads that the service needs."""

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        """Return the totals of a workflow, or of a user under ALL_WORKFLOWS; None when nothing was counted.

        Raises StoreUnavailable, Overloaded, or StoreTimeout after about `within_s`.
        """


class StoreLookups:
    """The Lookups on ClickHouse: concurrent ones share queries, of which `parallel` run at the same time."""

    def __init__(self, runner: QueryRunner, *, parallel: int, most_waiting: int) -> None:
        self._runner = runner
        self._totals: Coalescer[WorkflowKey, Totals] = Coalescer(
            self._read, parallel=parallel, largest=LARGEST_QUERY, most_waiting=most_waiting
        )

    async def totals(self, key: WorkflowKey, *, within_s: float) -> Totals | None:
        """See Lookups."""
        return await self._totals.ask(key, within_s=within_s)

    async def _read(self, keys: Sequence[WorkflowKey], within_s: float) -> Mapping[WorkflowKey, Totals]:
        return await self._runner.run(lambda store, left_s: queries.totals(store, keys, left_s), within_s)
