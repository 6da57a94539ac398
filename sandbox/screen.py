"""What a person sees: a live screen in a terminal, plain lines anywhere else."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sandbox.directory import Running
from sandbox.supervisor import Supervised
from sandbox.totals import Answers, ExpectedTotals, UserTotals


@dataclass(frozen=True)
class Totals:
    """What the service answers, beside what is true; nothing is known of `newcomer` in advance."""

    expected: ExpectedTotals
    answers: Answers
    newcomer: str
    records_applied: int


@dataclass(frozen=True)
class View:
    """All that the live screen shows."""

    running: Running
    programs: tuple[Supervised, ...]
    totals: Totals | None
    hint: str


class Screen:
    """Writes to standard output. `line` is for what stays; `show` draws over what it drew before."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, refresh_per_second=4) if self._console.is_terminal else None

    def live(self) -> AbstractContextManager[object]:
        """Return the context in which `show` draws."""
        return self._live or nullcontext()

    def line(self, text: str, style: str = "") -> None:
        """Print text that can be copied: never cut, wrapped only by the terminal."""
        self._console.print(Text(text, style), soft_wrap=True)

    def show(self, view: View) -> None:
        """Draw the live screen; nothing on what is no terminal."""
        if self._live:
            self._live.update(draw(view))


def draw(view: View) -> RenderableType:
    """Return the live screen."""
    parts: list[RenderableType] = [Text(), _programs(view)]
    if view.totals:
        parts += [Text(), _totals(view.totals), Text(f"{view.totals.records_applied:,} records applied")]
        if view.totals.answers.problem:
            parts.append(Text(f"no answer: {view.totals.answers.problem}", "yellow"))
    return Group(*parts, Text(f"\n{view.hint}"))


def _programs(view: View) -> Table:
    table = _table("what runs", "address", "pid", "state")
    states = {program.name: program.state for program in view.programs}
    running, pids = view.running, view.running.pids
    rows = [
        ("ClickHouse", running.clickhouse, pids.clickhouse),
        *(
            (f"ClickHouse-{number}", address, pid)
            for number, (address, pid) in enumerate(zip(running.shards, pids.shards, strict=True), start=2)
        ),
        ("broker (Kafka)", running.kafka, pids.broker),
    ]
    rows += [(f"processor-{number}", "", pid) for number, pid in enumerate(pids.processors, start=1)]
    rows += [("service (gRPC)", running.grpc, pids.service), ("this program", "", pids.supervisor)]
    for name, address, pid in rows:
        state = states.get(name.partition(" ")[0], "running")
        table.add_row(name, address, str(pid), Text(state, "green" if state == "running" else "bold red"))
    return table


def _totals(totals: Totals) -> Table:
    table = _table("totals, asked over gRPC: user", "workflows", "jobs", "job seconds", "log lines", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for user, truth in totals.expected.users.items():
        found = totals.answers.users.get(user)
        mark = Text("as expected", "green") if found == truth else Text("counting", "yellow")
        table.add_row(user, *_numbers(found), mark)
    if newcomer := totals.answers.users.get(totals.newcomer):
        table.add_row(totals.newcomer, *_numbers(newcomer), Text("growing", "cyan"))
    return table


def _table(*headers: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _numbers(totals: UserTotals | None) -> list[str]:
    if totals is None:
        return ["-"] * 4
    return [
        f"{number:,}"
        for number in (
            totals.total_workflows,
            totals.total_jobs,
            totals.total_job_execution_duration,
            totals.total_joblogs,
        )
    ]
