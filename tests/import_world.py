"""Imports of rows that a test makes up, without PostgreSQL and Kafka."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from analytics.settings import Settings
from analytics.store.pool import Pool
from processor.audit.auditor import Auditor, Stored
from processor.audit.finding import Finding
from processor.importing.apply import Applying
from processor.importing.rows import BALANCES, EVENTS, JOBS, LINES, Balance, PastJob, ProcessedKey, Row
from processor.importing.spool import WHERE_THE_LOG_BEGINS, Import, Log, copy_rows, seal
from processor.ledger import Ledger
from processor.lineage_table import read_lineages
from processor.topics import Topic
from tests.operator_world import TOPICS, processor_settings
from tests.processor_world import NOW_MS, USER, WORKFLOW, some_id

STARTS = (5, 7)
"""Where both partitions of each topic go on."""


def balance(workflow: str = WORKFLOW, **fields: Any) -> Balance:
    """A workflow that is active, with two jobs and three lines that have no time."""
    given: dict[str, Any] = {
        "user": USER, "workflow": workflow, "is_first": True, "kind": "CONTAINER", "jobs": 2, "seconds": 20, "lines": 3,
        "updated_ms": NOW_MS, "created_ms": NOW_MS - 1000, "generation": 1, "terminated_ms": None,
    }  # fmt: skip
    return Balance(**given | fields)


def past_job(number: int, **fields: Any) -> PastJob:
    given: dict[str, Any] = {
        "job": some_id(number), "user": USER, "workflow": WORKFLOW, "seconds": 5, "end_ms": NOW_MS, "has_failed": False,
        "failure_kind": "", "error_code": "",
    }  # fmt: skip
    return PastJob(**given | fields)


def job_key(number: int) -> ProcessedKey:
    return ProcessedKey(f"analytics:job:{some_id(number)}:completed", NOW_MS)


def starts_of(topic: Topic) -> tuple[int, ...]:
    """No Go program counts results of jobs."""
    return (WHERE_THE_LOG_BEGINS,) * len(STARTS) if topic.name == "workflows" else STARTS


class Imported:
    """A database with an import of some rows, which is not carried out yet."""

    def __init__(self, settings: Settings, plain: Pool, columns: Pool, rows: Sequence[Row]) -> None:
        self.settings, self.plain, self.columns = processor_settings(settings), plain, columns
        self.ledger = Ledger(plain, columns)
        topics = (Topic(name, "cluster", uuid4(), len(STARTS)) for name in TOPICS)
        id_ = uuid4()
        copy = copy_rows(
            plain, id_, lambda kind: iter([row for row in rows if kind_of(row) == kind]), lambda _: None
        )
        self.import_ = Import(id_, NOW_MS, copy, tuple(Log(topic, starts_of(topic)) for topic in topics))

    def seal(self) -> None:
        seal(self.plain, self.import_)

    def apply(self, note: Callable[[int], None] = lambda _: None) -> None:
        Applying(self.import_, self.plain, self.columns, self.ledger, note).apply()

    def query(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self.plain.lend(10) as connection:
            return connection.query(sql, parameters)

    def findings(self) -> list[Finding]:
        """What the whole audit finds, without asking Kafka."""
        with self.plain.lend(10) as connection:
            report = Auditor(Stored.on_one(connection), self.settings, read_lineages(self.plain), None).audit(
                lambda _: None
            )
        return list(report.findings)

    def partition_id(self, topic: str, number: int = 0) -> UUID:
        return read_lineages(self.plain)[topic].partition(number).id


def kind_of(row: Row) -> str:
    """The kind under which a row is imported."""
    if isinstance(row, ProcessedKey):
        return LINES if row.event_key.startswith("log:") else EVENTS
    return BALANCES if isinstance(row, Balance) else JOBS
