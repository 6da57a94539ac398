"""`chronoverse-processor import`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import click

from analytics.errors import Retryable
from processor.importing.apply import Applying
from processor.importing.offsets import Start, at_work, starts
from processor.importing.settings import ImportSettings
from processor.importing.spool import (
    WHERE_THE_LOG_BEGINS,
    Import,
    Log,
    copy_rows,
    drop_copies,
    is_whole,
    read_import,
    seal,
)
from processor.operate.access import TIMEOUT_S, Access, access
from processor.operate.entry import Refused
from processor.operate.output import as_time, print_table, progress_bar
from processor.source import Place
from processor.topics import Topic, describe_topics

if TYPE_CHECKING:  # only a new import needs the driver of PostgreSQL
    from processor.importing.go_tables import GoTotals

_TABLES: Final = ("analytics", "event_keys", "log_runs", "workflows", "lineage", "progress", "gaps")
_COUNT: Final = "SELECT count() FROM {table}"
_WORDS: Final = {
    "users": "users",
    "workflows": "workflows",
    "jobs": "jobs",
    "seconds": "seconds of execution",
    "lines": "log lines",
    "past_jobs": "of the jobs, those with a day",
    "balances": "rows of analytics",
    "event_keys": "EventKeys of jobs",
    "line_keys": "EventKeys of log lines",
    "taken_ms": "as of",
}


class Wanted(NamedTuple):
    """What is to be imported, and which consumer groups tell where the Go programs stopped."""

    history: bool
    analytics_group: str
    logs_group: str

    @property
    def groups(self) -> dict[str, str]:
        """The groups by topic."""
        return {"analytics": self.analytics_group, "job_logs": self.logs_group}


def run_import(settings: ImportSettings, wanted: Wanted, *, dry_run: bool) -> None:
    """Import, or go on with an import, or say what would be imported. Raises Refused, NotImportable, and Retryable."""
    with access(settings) as reach:
        reach.lineages()
        reach.require_one_server("import")
        with reach.plain.lend(TIMEOUT_S) as connection:
            sealed = read_import(connection)
        if sealed is None:
            sealed = _begin(reach, settings, wanted, dry_run=dry_run)
        else:
            _show_sealed(reach, sealed)
        if sealed is None or dry_run:
            return
        _go_on(reach, sealed)
    click.echo(
        "Everything is imported. Check it with `chronoverse-processor audit`, then start the processors."
    )


class _Kafka(NamedTuple):
    """What the brokers say: the topics, where their partitions go on, and which Go consumer groups are at work."""

    topics: Mapping[str, Topic]
    places: Mapping[Place, Start]
    busy: list[str]


def _ask_kafka(reach: Access, wanted: Wanted) -> _Kafka:
    busy = at_work(reach.admin, wanted.groups.values())  # first: where nobody is, nobody commits afterwards
    topics = describe_topics(reach.admin)
    return _Kafka(topics, starts(reach.admin, reach.settings, topics, wanted.groups), busy)


def _begin(reach: Access, settings: ImportSettings, wanted: Wanted, *, dry_run: bool) -> Import | None:
    """Copy a snapshot and seal it; None for a dry run."""
    from processor.importing.go_tables import go_tables

    _require_empty(reach)
    kafka = _ask_kafka(reach, wanted)
    if kafka.busy and not dry_run:
        raise Refused(_busy(kafka.busy))
    with go_tables(settings, history=wanted.history) as tables:
        found = tables.totals()
        _show(found, kafka.places)
        if dry_run:
            if kafka.busy:
                click.echo(f"This is how it is now. An import would refuse: {_busy(kafka.busy)}.")
            return None
        id_ = uuid4()
        with progress_bar("copy", found.rows) as advance:
            copy = copy_rows(reach.plain, id_, tables.rows, lambda done: advance(done, "rows"))
    _require_unchanged(kafka, _ask_kafka(reach, wanted), wanted)
    if not is_whole(reach.plain, id_, copy):
        raise Retryable("the copied rows are not those that were read: is another import at work?")
    import_ = Import(id_, found.taken_ms, copy, _logs(kafka, wanted))
    seal(reach.plain, import_)
    return import_


def _require_unchanged(before: _Kafka, after: _Kafka, wanted: Wanted) -> None:
    """Refuse when a Go program may have counted while the tables were copied."""
    offsets = [
        {place: start.offset for place, start in one.places.items() if place[0] in wanted.groups}
        for one in (before, after)
    ]
    if after.busy or offsets[0] != offsets[1] or before.topics != after.topics:
        raise Refused(
            "the Go programs went on, or topics were changed, while the tables were copied: try again"
        )


def _busy(groups: list[str]) -> str:
    return (
        f"consumer groups are at work ({', '.join(groups)}): stop the Go programs, and wait until they have ended, "
        "a session timeout after a crash"
    )


def _go_on(reach: Access, import_: Import) -> None:
    """Carry a sealed import out, and drop the copied rows."""
    at = reach.ledger.checkpoint(import_.partition)
    done = 0 if at is None else at.next_offset
    if done < import_.barrier and not is_whole(reach.plain, import_.id, import_.copy):
        raise Refused(
            "the copied rows in table import_rows are not those that were sealed (a backup that lacks them?): restore them, "
            "or drop this database, make a new one, and import anew"
        )
    with progress_bar("import", import_.rows) as advance:
        Applying(
            import_, reach.plain, reach.columns, reach.ledger, lambda rows: advance(rows, "rows")
        ).apply()
    drop_copies(reach.plain)


def _logs(kafka: _Kafka, wanted: Wanted) -> tuple[Log, ...]:
    return tuple(Log(topic, tuple(_starts(kafka, wanted, topic))) for topic in kafka.topics.values())


def _starts(kafka: _Kafka, wanted: Wanted, topic: Topic) -> Iterator[int]:
    for number in range(topic.partitions):
        is_counted = topic.name in wanted.groups
        yield kafka.places[topic.name, number].offset if is_counted else WHERE_THE_LOG_BEGINS


def _require_empty(reach: Access) -> None:
    with reach.plain.lend(TIMEOUT_S) as connection:
        full = [table for table in _TABLES if connection.query(_COUNT.format(table=table)) != [(0,)]]
    if full:
        raise Refused(
            f"database {reach.settings.clickhouse_database} is not empty ({', '.join(full)}): what a processor has "
            "counted, and what is imported, would be counted twice. Import into a new one (`chronoverse-analytics migrate`)"
        )


def _show(found: "GoTotals", places: Mapping[Place, Start]) -> None:
    numbers = found._asdict() | {"taken_ms": as_time(found.taken_ms)}
    rows = [
        (_WORDS[name], f"{value:,}" if isinstance(value, int) else value) for name, value in numbers.items()
    ]
    print_table("in PostgreSQL", ("", ""), rows)
    columns = "topic", "partition", "goes on at", "to be counted", "lost"
    print_table(
        "where the processors go on",
        columns,
        [
            (topic, number, f"{one.offset:,}", f"{one.left:,}", f"{one.lost:,}")
            for (topic, number), one in sorted(places.items())
        ],
    )
    if lost := [f"{topic}/{number}" for (topic, number), one in places.items() if one.lost]:
        click.echo(
            f"Kafka has deleted records of {', '.join(lost)} that no Go program has read. A processor halts there, until "
            "`chronoverse-processor skip` gives them up."
        )


def _show_sealed(reach: Access, import_: Import) -> None:
    at = reach.ledger.checkpoint(import_.partition)
    done = 0 if at is None else at.next_offset
    state = "is done" if done >= import_.barrier else f"is under way: {done:,} of {import_.rows:,} rows"
    click.echo(f"The import of the tables as they were at {as_time(import_.taken_ms)} {state}.")
