"""The same ingestion and questions with 10^6, 10^7 and 10^8 events in the tables: `python -m benchmarks.flatness`.

The tables hold what events of the assumed shape come to: a workflow runs ten jobs a day for ten days, a job writes
nine log lines, a user has ten workflows. So 10^8 events are 10^7 finished jobs and 9 · 10^7 log lines of 100,000
workflows. The index holds all of them, as if they had come within the last weeks.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from analytics.store.pool import Connection
from benchmarks.asked import some_workflows, users_with
from benchmarks.callers import Callers
from benchmarks.command import main_of
from benchmarks.effort import Effort
from benchmarks.figures import Notebook, Values
from benchmarks.fill import PARTITIONS, fill
from benchmarks.load import Load
from benchmarks.meter import wait_until_quiet
from benchmarks.names import flat
from benchmarks.ours import OurProcessor
from benchmarks.prepared import connected, prepare
from benchmarks.queries import Cell, measured
from benchmarks.query_world import services
from benchmarks.setting import Setting
from benchmarks.tables import Shape, Stored, fill_keys, fill_progress, fill_runs, fill_totals, stored
from sandbox.broker import LocalBroker
from sandbox.clickhouse import LocalClickHouse

SIZES: Final = (10**6, 10**7, 10**8)
_QUICK_SIZES: Final = SIZES[:2]
_EVENTS: Final = 1_000_000
_QUICK_EVENTS: Final = 200_000
_DUPLICATES: Final = 0.01
_KEYS: Final = 20_000
_QUESTIONS_S: Final = 4.0
_LINES_OF_JOB: Final = 9
_WORKFLOWS_OF_USER: Final = 10
_JOBS_OF_WORKFLOW: Final = 100


def shape_of(events: int) -> Shape:
    """Return the assumed shape of so many events, which must be a multiple of 10,000."""
    of_user = _WORKFLOWS_OF_USER * _JOBS_OF_WORKFLOW * (1 + _LINES_OF_JOB)
    return Shape(events // of_user, _WORKFLOWS_OF_USER, _JOBS_OF_WORKFLOW, _LINES_OF_JOB)


def measure(directory: Path, book: Notebook, effort: Effort) -> None:
    """Note the costs of every size. Raises BenchmarkFailed, NotReady, EOFError."""
    sizes, events = (_QUICK_SIZES, _QUICK_EVENTS) if effort.is_quick else (SIZES, _EVENTS)
    with LocalBroker(directory) as broker, Callers() as callers:
        broker.create_topics(partitions=PARTITIONS)
        filled = fill(broker.address, Load("jobs", events, duplicates=_DUPLICATES))
        settings = {
            size: Setting(directory / str(size), broker, filled, _prepared(directory, broker, size, book))
            for size in sizes
        }
        for run in range(effort.runs):
            for size, setting in settings.items():
                wait_until_quiet(effort.patience_s)
                book.attempt("flatness", flat("jobs", size), partial(OurProcessor(1).run, setting))
                for what, values in _questions(setting, callers, run):
                    book.note("flatness", flat(what, size), values)


def _prepared(directory: Path, broker: LocalBroker, size: int, book: Notebook) -> Path:
    """Fill the tables of one size, and note what they take."""
    started_s, shape = time.monotonic(), shape_of(size)

    def before(connection: Connection, partitions: dict[str, list[UUID]]) -> None:
        fill_progress(connection)
        fill_totals(connection, shape)
        fill_keys(connection, shape.jobs, partitions["analytics"])
        fill_runs(connection, shape.jobs, shape.lines_of_job, partitions["job_logs"])

    path = prepare(directory / f"prepared-{size}", broker, before)
    book.say(f"{size:,} events are in the tables after {time.monotonic() - started_s:.0f} s")
    with LocalClickHouse(path) as clickhouse, connected(clickhouse) as connection:
        for what, size_bytes in on_disk(stored(connection), shape).items():
            book.note("flatness", flat(what, size), {"bytes": size_bytes})
    return path


def on_disk(tables: Mapping[str, Stored], shape: Shape) -> dict[str, float]:
    """Return bytes: all tables by event, the index by finished job and by log line, all but the index by workflow."""
    size = {name: table.bytes_on_disk for name, table in tables.items()}
    return {
        "disk per event": sum(size.values()) / shape.events,
        "index per job": size["event_keys"] / shape.jobs,
        "index per log line": size["log_runs"] / shape.lines,
        "numbers per workflow": (size["analytics"] + size["workflows"]) / shape.workflows,
    }


def _questions(setting: Setting, callers: Callers, run: int) -> Iterator[tuple[str, Values]]:
    """Yield what one caller gets who asks for workflows, and for users; reading changes nothing in the tables."""
    directory = setting.new_directory()
    with LocalClickHouse(setting.prepared) as clickhouse, connected(clickhouse) as connection:
        asked = {
            "workflow": some_workflows(connection, _KEYS),
            "user": users_with(connection, _WORKFLOWS_OF_USER, _KEYS),
        }
        parts = stored(connection)["analytics"].parts  # each question looks into every part
        with services(directory, clickhouse) as both:
            for what, truths in asked.items():
                cell = Cell(what, both.with_auth, 1, truths, both.private_key)
                values = measured(cell, callers, clickhouse, run=run, seconds=_QUESTIONS_S)
                yield what, values | {"parts": parts}


if __name__ == "__main__":
    main_of("flatness", sys.argv[1:])
