"""The whole audit, question by question, and the cheap part of it that processors do by themselves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Final, NamedTuple
from uuid import UUID

from confluent_kafka.admin import AdminClient

from analytics.errors import LogMismatch, Retryable, StoreMisconfigured
from analytics.store.checks import check_schema
from analytics.store.pool import Connection
from analytics.store.shards import HOME, read_shards, settings_of, whole_connection
from processor.audit import index, numbers
from processor.audit.finding import Finding, Harm, Report
from processor.audit.gap_rows import gap_findings
from processor.audit.ledger_rows import (
    CheckpointRow,
    Known,
    LedgerRows,
    checkpoint_findings,
    freshness_findings,
    known_partitions,
    read_ledger,
    read_progress,
)
from processor.audit.log_range import LogRange, log_findings, log_ranges
from processor.importing.spool import Import, Totals, read_import
from processor.lineage_table import Lineage, require_same
from processor.model import Partition
from processor.settings import ProcessorSettings
from processor.source import Place
from processor.topics import Topic, describe_topics

QUESTIONS: Final = ("schema", "checkpoints", "log", "gaps", *numbers.comparison_names(), "negative", "index")
"""What `Auditor.audit` says that it asks, in this order."""


class Stored(NamedTuple):
    """Connections to what is counted. `whole`: to everything; `shards`: to each server's own tables, by number."""

    whole: Connection
    shards: Mapping[int, Connection]

    @classmethod
    def on_one(cls, connection: Connection) -> "Stored":
        """All on one server."""
        return cls(connection, {HOME: connection})


@contextmanager
def open_stored(settings: ProcessorSettings, *, timeout_s: float) -> Iterator[Stored]:
    """Open connections to everything that is counted, which connect when they are used but for the home shard's."""
    with ExitStack() as opened:
        home = opened.enter_context(closing(Connection(settings, timeout_s=timeout_s)))
        shards = read_shards(home)
        if len(shards) <= 1:
            yield Stored.on_one(home)
            return
        whole = opened.enter_context(whole_connection(settings, shards, timeout_s=timeout_s))
        others = {
            one.number: opened.enter_context(
                closing(Connection(settings_of(settings, one), timeout_s=timeout_s))
            )
            for one in shards
            if one.number != HOME
        }
        yield Stored(whole, {HOME: home} | others)


def sketch(stored: Stored, settings: ProcessorSettings) -> Report:
    """Return what the cheap questions find, which are harmless to ask while processors count."""
    connection = stored.whole
    progress, known = read_progress(connection), known_partitions(connection)
    ledger = read_ledger(connection)
    findings = _schema(stored, settings)
    findings += checkpoint_findings(ledger.checkpoints.values(), known)
    findings += freshness_findings(progress, ledger, known)
    return Report([*findings, *numbers.sketch(connection)])


class Auditor:
    """Audits what is stored, and the log behind it unless `admin` is None. For one thread; it only reads."""

    def __init__(
        self,
        stored: Stored,
        settings: ProcessorSettings,
        lineages: Mapping[str, Lineage],
        admin: AdminClient | None,
    ) -> None:
        self._stored, self._connection, self._settings = stored, stored.whole, settings
        self._lineages, self._admin = lineages, admin

    def audit(self, asking: Callable[[str], None]) -> Report:
        """Return what is found; `asking` is told each question before it is asked. Raises Retryable, StatementFailed.

        A broker that is away is no failure: the report then says what was not checked.
        """
        asking("schema")
        findings = _schema(self._stored, self._settings)
        asking("checkpoints")
        progress, known = read_progress(self._connection), known_partitions(self._connection)
        ledger = read_ledger(self._connection)
        findings += checkpoint_findings(ledger.checkpoints.values(), known)
        findings += freshness_findings(progress, ledger, known)
        asking("log")
        highest = index.highest_rows(self._connection)
        of_log, not_checked = self._log(ledger, known, highest)
        findings += of_log
        asking("gaps")
        findings += gap_findings(
            self._connection, {id_: row.total for id_, row in ledger.checkpoints.items()}
        )
        for check in numbers.comparison_names():
            asking(check)
            findings += numbers.compare(self._connection, check)
        asking("negative")
        findings += numbers.negative(self._connection)
        asking("index")
        return Report([*findings, *self._index(ledger, known)], not_checked)

    def _index(self, ledger: LedgerRows, known: Mapping[UUID, Known]) -> list[Finding]:
        imported = read_import(self._connection)
        if imported is not None and not _is_done(imported, ledger):
            return [_under_way(imported, ledger)]
        dropped = index.weeks_are_dropped(self._stored.shards.values())
        bounds = index.index_bounds(
            self._connection, ledger, known, self._settings.horizon_ms, dropped=dropped
        )
        totals = Totals() if imported is None else imported.copy.totals
        return index.bounds_findings(index.counted(ledger, totals), bounds)

    def _log(
        self, ledger: LedgerRows, known: Mapping[UUID, Known], highest: Mapping[UUID, tuple[int, int]]
    ) -> tuple[list[Finding], list[str]]:
        """Return what is wrong with the log, and what could not be asked."""
        if self._admin is None:
            return index.index_row_findings(highest, known, {}), ["the log: Kafka was not to be asked"]
        try:
            found = describe_topics(self._admin)
            findings = self._other_logs(found)
            current = self._current(ledger, known, found)
            ranges = self._ranges(current, highest)
        except Retryable as error:
            return index.index_row_findings(highest, known, {}), [f"the log: {error}"]
        except LogMismatch as error:
            return [_mismatch(str(error))], ["the log"]
        findings += log_findings(current, ranges)
        ends = index.ends_by_id(known, ((place, one.end) for place, one in ranges.items()))
        return [*findings, *index.index_row_findings(highest, known, ends)], []

    def _other_logs(self, found: Mapping[str, Topic]) -> list[Finding]:
        findings = []
        for name, lineage in self._lineages.items():
            try:
                require_same(lineage, found[name])
            except LogMismatch as error:
                findings.append(_mismatch(str(error)))
        return findings

    def _current(
        self, ledger: LedgerRows, known: Mapping[UUID, Known], found: Mapping[str, Topic]
    ) -> list[tuple[Partition, CheckpointRow]]:
        """Return what is counted of the logs that the broker has."""
        return [
            (known[id_].partition, row)
            for id_, row in ledger.checkpoints.items()
            if id_ in known and known[id_].is_current and self._is_there(known[id_].partition, found)
        ]

    def _is_there(self, partition: Partition, found: Mapping[str, Topic]) -> bool:
        """Whether the broker has this very log; another one is a finding of its own."""
        return self._lineages[partition.topic].topic_id == found[partition.topic].topic_id

    def _ranges(
        self, current: list[tuple[Partition, CheckpointRow]], highest: Mapping[UUID, tuple[int, int]]
    ) -> dict[Place, LogRange]:
        """Return what the logs hold; they must reach up to the checkpoint, and up to the highest index row."""
        assert self._admin is not None
        reached = {
            (one.topic, one.number): max(row.reached, highest.get(one.id, (-1, 0))[0] + 1)
            for one, row in current
        }
        return log_ranges(self._admin, self._settings, reached)


def _schema(stored: Stored, settings: ProcessorSettings) -> list[Finding]:
    window = settings.processor_min_deduplication_window
    findings = []
    for number, connection in stored.shards.items():
        try:
            check_schema(connection, min_deduplication_window=window)
        except StoreMisconfigured as error:
            where = "" if len(stored.shards) == 1 else f"shard {number}: "
            remedy = "Do what it says there. Processors that start now refuse to run"
            findings.append(Finding("schema", Harm.MAY_BECOME_WRONG, f"{where}{error}", remedy))
    return findings


def _applied_rows(imported: Import, ledger: LedgerRows) -> int:
    row = ledger.checkpoints.get(imported.partition.id)
    return 0 if row is None else row.total


def _is_done(imported: Import, ledger: LedgerRows) -> bool:
    return _applied_rows(imported, ledger) >= imported.barrier


def _under_way(imported: Import, ledger: LedgerRows) -> Finding:
    done = _applied_rows(imported, ledger)
    return Finding(
        "index",
        Harm.MAY_BECOME_WRONG,
        f"an import is under way: {done:,} of {imported.rows:,} rows are in the numbers, and the processors wait for it",
        "`chronoverse-processor import` once more, unless it runs",
    )


def _mismatch(why: str) -> Finding:
    return Finding(
        "log", Harm.MAY_BECOME_WRONG, why, "Do what it says there. The processors refuse to count meanwhile"
    )
