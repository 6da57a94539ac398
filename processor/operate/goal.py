"""Where a rebuild has to come: the logs that are counted, and how far the live database has counted them."""

from analytics.store.pool import Connection
from processor.audit.ledger_rows import read_ledger
from processor.audit.log_range import LogRange, log_ranges
from processor.lineage_table import require_same
from processor.model import Partition
from processor.operate.access import TIMEOUT_S, Access
from processor.operate.entry import Refused
from processor.rebuilding import Checkpoints, wanted_checkpoints
from processor.source import Place
from processor.topics import describe_topics


class Goal:
    """Where the rebuild has to come. Raises Refused and LogMismatch where no whole log is behind the numbers."""

    def __init__(self, reach: Access) -> None:
        self._reach = reach
        self._logs: dict[Place, LogRange] | None = None
        self.lineages = reach.counted_lineages()
        found = describe_topics(reach.admin)
        for name, lineage in self.lineages.items():
            require_same(lineage, found[name])
            if found[name].partitions != lineage.partitions:
                raise Refused(
                    f"topic {name} has grown: let the processors take note of that first, then rebuild"
                )

    @property
    def partitions(self) -> dict[Place, Partition]:
        """Return all partitions that are counted."""
        ones = (one for lineage in self.lineages.values() for one in lineage.all_partitions())
        return {(one.topic, one.number): one for one in ones}

    def logs(self) -> dict[Place, LogRange]:
        """Return what the logs held when they were asked for first."""
        if self._logs is None:
            with self._reach.plain.lend(TIMEOUT_S) as connection:
                rows = read_ledger(connection).checkpoints
            at = {
                place: rows[one.id].reached if one.id in rows else 0 for place, one in self.partitions.items()
            }
            self._logs = log_ranges(self._reach.admin, self._reach.settings, at)
        return self._logs

    def wanted(self, connection: Connection) -> Checkpoints:
        """Return where the live database is."""
        rows = read_ledger(connection).checkpoints
        return wanted_checkpoints(rows, {one.id: one for one in self.partitions.values()}, self.logs())
