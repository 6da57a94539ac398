"""Questions a second, and how long an answer takes: `python -m benchmarks.queries --quick`.

One user has a million workflows, 2,000 users have a hundred each. The callers are in processes of their own, ask in
a closed loop for keys that differ, and come with a new token each, signed before the clock starts. The service runs
as the local stack starts it, once with auth and once without. Sampled answers are compared with the tables.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.asked import Expected, Truth, require_true, some_workflows, users_with
from benchmarks.caller import SAMPLE_EVERY, SELECT_1, Job, Statement, merged
from benchmarks.callers import Callers, Heard
from benchmarks.command import main_of
from benchmarks.effort import Effort
from benchmarks.errors import BenchmarkFailed
from benchmarks.figures import Notebook, latency_values
from benchmarks.meter import Meter, peak_rss_mb, taken_share, wait_until_quiet
from benchmarks.names import Auth
from benchmarks.names import asked as asked_as
from benchmarks.query_world import echo_of, full_clickhouse, services
from benchmarks.tables import Shape
from sandbox.server import LocalServer

LARGE: Final = Shape(users=1, workflows_of_user=1_000_000, jobs_of_workflow=3, lines_of_job=9, days=3)
SMALL: Final = Shape(2_000, 100, jobs_of_workflow=3, lines_of_job=9, days=3, first_user=20_000)
"""The workflows of both are numbered: those of the small users begin at 2,000,000."""

FEW: Final = (1, 4)
MANY: Final = (64, 256)
_KEYS: Final = 60_000
_WARM_UP_S: Final = 1.0
_MEASURED_S: Final = 5.0
_QUICKLY_S: Final = 2.0
_MOST_PER_S: Final = 8_000
_MOST_PER_CALLER_S: Final = 2_000
"""So many tokens are signed for each second with auth; were more asked, tokens would come again."""


class Cell(NamedTuple):
    """One thing to measure: who is asked about what, by how many. No truths: the store is sent the statement.

    `private_key` signs a token for every request; `is_echo`: nothing true is expected; one of `sample_every` answers
    is compared.
    """

    name: str
    server: LocalServer
    callers: int
    truths: Sequence[Expected] = ()
    private_key: Path | None = None
    is_echo: bool = False
    statement: Statement = SELECT_1
    sample_every: int = SAMPLE_EVERY


@dataclass(frozen=True)
class Asked:
    """About whom: workflows, users with a hundred of them, and one with very many."""

    workflows: Sequence[Truth]
    users: Sequence[Truth]
    largest: Sequence[Truth]


def measure(directory: Path, book: Notebook, effort: Effort) -> None:
    """Note every cell. Raises NotReady."""
    seconds = _QUICKLY_S if effort.is_quick else _MEASURED_S
    with _cells(directory, book) as cells, Callers() as callers:
        store = cells[-1].server
        for run in range(effort.runs):
            for cell in (one for one in cells if effort.wants(one.name)):
                wait_until_quiet(effort.patience_s)
                how = partial(measured, cell, callers, store, run=run, seconds=seconds)
                book.attempt("queries", cell.name, how)


def measured(
    cell: Cell, callers: Callers, store: LocalServer, *, run: int, seconds: float
) -> dict[str, float]:
    """Return what one run of a cell gave. Raises BenchmarkFailed for a wrong answer, or for none."""
    servers = () if cell.server is store else (cell.server.pid,)
    meter = Meter(callers.pids, servers, (store.pid,))  # the store stands where brokers do
    heard = callers.run(_job(cell, run, seconds), meter)
    if not cell.is_echo:
        require_true(heard.told, [job.questions for job in heard.jobs], cell.truths)
    return _values(heard, seconds) | {"service_mb": peak_rss_mb(servers)}


def _job(cell: Cell, run: int, seconds: float) -> Job:
    """Each run begins somewhere else in the questions."""
    first = run * 17_011 % max(1, len(cell.truths))
    whole_s = _WARM_UP_S + seconds
    return Job(
        address=cell.server.address,
        callers=cell.callers,
        questions=[one.question() for one in (*cell.truths[first:], *cell.truths[:first])],
        private_key=cell.private_key,
        tokens=int(min(_MOST_PER_S, _MOST_PER_CALLER_S * cell.callers) * whole_s),
        warm_up_s=_WARM_UP_S,
        measured_s=seconds,
        statement=cell.statement,
        sample_every=cell.sample_every,
    )


def _values(heard: Heard, seconds: float) -> dict[str, float]:
    told = merged(heard.told)
    if not told.latencies_ms:
        raise BenchmarkFailed(f"no answer at all: {dict(told.failures)}")
    cost, asked = heard.last.cost.minus(heard.first.cost), len(told.latencies_ms)
    return {
        "per_s": asked / seconds,
        **latency_values(told.latencies_ms),
        "service_cpu_us": cost.server / asked * 1e6,
        "store_cpu_us": cost.broker / asked * 1e6,
        "callers_cpu_us": cost.client / asked * 1e6,
        "failures": told.failures.total(),
        "taken": taken_share(heard.first, heard.last),
    }


@contextmanager
def _cells(directory: Path, book: Notebook) -> Iterator[list[Cell]]:
    """Yield everything that can be measured; the last one is SELECT 1, on the store itself."""
    book.say(f"filling the tables: {LARGE.workflows + SMALL.workflows:,} workflows")
    with full_clickhouse(directory, (LARGE, SMALL)) as (clickhouse, connection):
        asked = Asked(
            some_workflows(connection, _KEYS),
            users_with(connection, SMALL.workflows_of_user, _KEYS),
            users_with(connection, LARGE.workflows_of_user, 1),
        )
        with services(directory, clickhouse) as both:
            cells = [
                *_of_service(both.with_auth, both.private_key, asked),
                *_of_service(both.without_auth, None, asked),
            ]
            with echo_of(
                both.without_auth, asked.users[0], asked.workflows[0], directory / "echo.log"
            ) as echo:
                cells += [
                    Cell(asked_as("echo", n), echo, n, asked.workflows, is_echo=True) for n in (*FEW, *MANY)
                ]
                cells += [Cell(asked_as("SELECT 1", n), clickhouse, n) for n in (*FEW, *MANY)]
                yield cells


def _of_service(service: LocalServer, private_key: Path | None, asked: Asked) -> Iterator[Cell]:
    auth = Auth.ON if private_key else Auth.OFF
    latency = {
        "workflow": asked.workflows, "user with 100": asked.users, "user with 1,000,000": asked.largest
    }  # fmt: skip
    throughput = {"workflow": asked.workflows, "user with 100": asked.users}
    for counts, targets in ((FEW, latency), (MANY, throughput)):
        for callers in counts:
            for name, truths in targets.items():
                yield Cell(asked_as(name, callers, auth), service, callers, truths, private_key)


if __name__ == "__main__":
    main_of("queries", sys.argv[1:])
