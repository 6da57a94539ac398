"""Questions about ranges, and how long an answer takes: `python -m benchmarks.insights --quick`.

One user has 10,000 workflows and a year of data, other users have the rest of a million workflows. The callers ask as
in `benchmarks.queries`, with auth, in turns about several ranges, and one answer in five is compared with the tables.
Beside it, on the store itself: SELECT 1, and the same page by straight SQL over every single job.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from analytics.store.pool import Connection
from benchmarks.asked import Expected
from benchmarks.callers import Callers
from benchmarks.command import main_of
from benchmarks.effort import Effort
from benchmarks.figures import Notebook
from benchmarks.meter import wait_until_quiet
from benchmarks.names import Insight, asked, asked_of
from benchmarks.prepared import connected
from benchmarks.queries import Cell, measured
from benchmarks.query_world import services
from benchmarks.ranges import (
    ALL,
    BERLIN,
    SERIES_DAYS,
    SUMMARY_DAYS,
    Asking,
    ends_of,
    of_kind,
    periods,
    tens,
)
from benchmarks.tables import Shape, fill_progress, fill_totals, stored, wait_until_merged
from benchmarks.year import KINDS, Year, fill_year, user_of_year
from sandbox.clickhouse import LocalClickHouse

YEAR: Final = Year()
OTHERS: Final = Shape(9_900, 100, jobs_of_workflow=2, lines_of_job=9, days=2, first_user=20_000)
_QUICK_YEAR: Final = Year(workflows=1_000, quarter_days=120)
_QUICK_OTHERS: Final = OTHERS._replace(users=500)

_CALLERS: Final = (1, 4)
_QUESTIONS: Final = 8
_PAGES: Final = 3
_ODD_H: Final = 16.75
_SAMPLE_EVERY: Final = 5
_MERGED_WITHIN_S: Final = 1800.0
_MEASURED_S: Final = 5.0
_QUICKLY_S: Final = 2.0


def measure(directory: Path, book: Notebook, effort: Effort) -> None:
    """Note every cell. Raises NotReady, BenchmarkFailed."""
    seconds = _QUICKLY_S if effort.is_quick else _MEASURED_S
    with _cells(directory, book, effort) as cells, Callers() as callers:
        store = cells[-1].server
        for run in range(effort.runs):
            for cell in (one for one in cells if effort.wants(one.name)):
                wait_until_quiet(effort.patience_s)
                how = partial(measured, cell, callers, store, run=run, seconds=seconds)
                book.attempt("insights", cell.name, how)


@contextmanager
def _cells(directory: Path, book: Notebook, effort: Effort) -> Iterator[list[Cell]]:
    """Yield everything that can be measured; the last ones are on the store itself."""
    year, others = (_QUICK_YEAR, _QUICK_OTHERS) if effort.is_quick else (YEAR, OTHERS)
    with LocalClickHouse(directory / "clickhouse") as clickhouse, connected(clickhouse) as connection:
        _fill(connection, year, others, book)
        asking = Asking(connection, user_of_year(connection))
        expected = expected_of(asking, year)
        (page,) = periods(SUMMARY_DAYS, ends_of(1, year.quarter_days))
        with services(directory, clickhouse) as both:
            yield [
                *(
                    Cell(
                        asked_of(insight, callers), both.with_auth, callers, truths, both.private_key,
                        sample_every=_SAMPLE_EVERY,
                    )
                    for insight, truths in expected.items()
                    for callers in _CALLERS
                ),
                Cell(
                    asked("page by p95, straight SQL", 1), clickhouse, 1, statement=asking.straight_page(page)
                ),
                *(Cell(asked("SELECT 1", callers), clickhouse, callers) for callers in _CALLERS),
            ]  # fmt: skip


def _fill(connection: Connection, year: Year, others: Shape, book: Notebook) -> None:
    started_s = time.monotonic()
    workflows = year.workflows + others.workflows
    book.say(f"filling the tables: {workflows:,} workflows, of one user a year with {year.jobs:,} jobs")
    fill_progress(connection)
    fill_totals(connection, others)
    fill_year(connection, year)
    wait_until_merged(connection, _MERGED_WITHIN_S)
    table = stored(connection)["analytics"]
    book.say(f"{table.rows:,} rows are merged after {time.monotonic() - started_s:.0f} s")
    numbers = {"bytes": table.bytes_on_disk, "rows": table.rows, "parts": table.parts}
    book.note("insights", "table analytics", numbers)


def expected_of(asking: Asking, year: Year) -> Mapping[Insight, Sequence[Expected]]:
    """Return what is asked, and what must come back."""
    ends = ends_of(_QUESTIONS, year.quarter_days)
    ten, kind = tens(asking.connection, asking.user_id, _QUESTIONS), [of_kind(KINDS[0])]
    month, months = periods(SUMMARY_DAYS, ends), periods(SERIES_DAYS, ends)
    odd = periods(SUMMARY_DAYS, ends, hours_before=_ODD_H)
    return {
        Insight.SUMMARY: asking.summaries(month, [ALL]),
        Insight.SUMMARY_ODD: asking.summaries(odd, [ALL]),
        Insight.SUMMARY_TEN: asking.summaries(month, ten),
        Insight.SUMMARY_KIND: asking.summaries(month, kind),
        Insight.SERIES: asking.series(months, [ALL]),
        Insight.SERIES_ZONE: asking.series(periods(SERIES_DAYS, ends, zone=BERLIN), [ALL]),
        Insight.SERIES_TEN: asking.series(months, ten),
        Insight.SERIES_KIND: asking.series(months, kind),
        Insight.PAGE: asking.pages(month[:_PAGES]),
        Insight.ANOMALIES: asking.anomalies(periods(1, ends)),
    }


if __name__ == "__main__":
    main_of("insights", sys.argv[1:])
