"""Events that come again and again: their record times, and which of their records count.

The sizes of an event's records are powers of two (seconds of a job, the error code of a result, bytes of a line), so that
a sum says which of them were counted.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.faults.log import Event, user, workflow
from tests.faults.world import FaultWorld
from tests.processor_world import HORIZON_MS, NOW_MS, built, finished_job, log_line, some_id, step

START_MS = NOW_MS - 4 * HORIZON_MS

H = HORIZON_MS
HISTORIES: dict[str, tuple[tuple[int, ...], set[int]]] = {
    "once": ((0,), {0}),
    "at once": ((0, 0, 0, 0), {0}),
    "days apart": ((0, H // 3, H // 2, H - 1), {0}),
    "at the horizon": ((0, H), {0}),
    "past the horizon": ((0, H + 1), {0, 1}),
    "long past the horizon": ((0, 3 * H), {0, 1}),
    "each repeat carries the horizon on": ((0, H, 2 * H, 3 * H), {0}),
    "the last repeat carries it on": ((0, H - 1, H + 1, 2 * H + 1), {0}),
    "past the last repeat": ((0, H, 2 * H + 1), {0, 2}),
    "the one that counts carries it on": ((0, H + 1, 2 * H + 1, 3 * H + 2), {0, 1, 3}),
    "backwards": ((H, 0, H), {0}),
    "far backwards": ((3 * H, 0), {0}),
    "an older repeat does not take the horizon back": ((H, 0, 2 * H), {0}),
    "past the newest": ((H, 0, 2 * H + 1), {0, 2}),
}
"""Name → record times, and the positions of those that count."""


class Counted(NamedTuple):
    """What was counted of the events of one workflow."""

    workflows: int
    events: int
    sizes: int


class Case(NamedTuple):
    """One event, of a workflow of its own, published at several record times."""

    name: str
    number: int
    make: Callable[["Case", int], Any]
    after_ms: tuple[int, ...]
    counted: set[int]
    topic: str = "analytics"

    @property
    def ids(self) -> dict[str, str]:
        """Whose event it is."""
        return {"UserID": user(self.number % 3), "WorkflowID": workflow(self.number)}

    @property
    def expected(self) -> Counted:
        """What must be counted of it."""
        named = int(self.topic == "analytics")
        return Counted(named, len(self.counted), sum(1 << position for position in self.counted))

    def event(self, position: int) -> Event:
        """The record at this position; all cases lie in one partition of their topic."""
        time_ms = START_MS + self.after_ms[position]
        return Event(self.topic, self.make(self, position), workflow(self.number), time_ms, partition=0)


def all_cases() -> list[Case]:
    """Every history of every kind of event, and what does not depend on time."""
    cases: list[Case] = []

    def add(name: str, make: Callable[[Case, int], Any], times: tuple[int, ...], counted: set[int]) -> None:
        topic = "job_logs" if "line" in name else "workflows" if "result" in name else "analytics"
        cases.append(Case(name, len(cases), make, times, counted, topic))

    for name, (times, counted) in HISTORIES.items():
        for kind, make in _KINDS.items():
            add(f"{kind}, {name}", make, times, counted)
    add("a job without EventKey", _job_without_key, (0, 0, H, 3 * H), {0, 1, 2, 3})
    add("a workflow named again", _built, (0, 0, H + 1, 3 * H), set())
    return cases


def steps(cases: list[Case]) -> Iterator[list[Event]]:
    """First the first record of every case, then the second one, and so on."""
    for position in range(max(len(case.after_ms) for case in cases)):
        yield [case.event(position) for case in cases if position < len(case.after_ms)]


_COUNTED = """
SELECT workflow_id, sum(workflows), sum(jobs) + sum(jobs_failed) + sum(log_lines),
       sum(execution_seconds) + sum(log_bytes)
       + sum(arraySum(way -> toInt64(splitByChar(' ', way.1)[2]) * way.2, CAST(failures, 'Array(Tuple(String, Int64))')))
FROM analytics
WHERE resolution = 'total' AND workflow_id != toUUID('00000000-0000-0000-0000-000000000000')
GROUP BY workflow_id
"""


def counted(world: FaultWorld) -> dict[str, Counted]:
    """What was counted of each workflow."""
    return {str(flow): Counted(*numbers) for flow, *numbers in world.query(_COUNTED)}


def total(world: FaultWorld, column: str) -> object:
    """The sum over all users."""
    users = "resolution = 'total' AND workflow_id = toUUID('00000000-0000-0000-0000-000000000000')"
    return world.query(f"SELECT sum({column}) FROM analytics WHERE {users}")[0][0]


def _job(case: Case, position: int) -> Any:
    return finished_job(case.number, seconds=1 << position, **case.ids)


def _odd_job(case: Case, position: int) -> Any:
    return _job(case, position) | {"EventKey": f"job {case.number} of März"}


def _job_without_key(case: Case, position: int) -> Any:
    return _job(case, position) | {"EventKey": ""}


def _built(case: Case, position: int) -> Any:
    """Only a lower-case id names its workflow."""
    named, user_id = case.ids["WorkflowID"], case.ids["UserID"]
    return built(named.upper() if position == 1 else named, UserID=user_id)


def _result(case: Case, position: int) -> Any:
    job_id, ids = some_id(case.number), case.ids
    return step(
        "JOB_FAILED", generation=0, EventKey=f"workflow:job:{job_id}:JOB_FAILED", ID=ids["WorkflowID"],
        UserID=ids["UserID"], JobID=job_id, FailureKind="USER", ErrorCode=f"{1 << position}",
    )  # fmt: skip


def _odd_result(case: Case, position: int) -> Any:
    return _result(case, position) | {"EventKey": f"result {case.number} of März"}


def _result_now_and_then_without_key(case: Case, position: int) -> Any:
    """Both name the same result."""
    return _result(case, position) | ({"EventKey": ""} if position % 2 else {})


def _line(case: Case, position: int) -> Any:
    return log_line(case.number, job=some_id(case.number), Message="x" * (1 << position), **case.ids)


def _odd_line(case: Case, position: int) -> Any:
    return _line(case, position) | {"EventKey": f"line {case.number} of März"}


def _line_now_and_then_without_key(case: Case, position: int) -> Any:
    """Both name the same line."""
    return _line(case, position) | ({"EventKey": ""} if position % 2 else {})


_KINDS: dict[str, Callable[[Case, int], Any]] = {
    "a job": _job,
    "a job with an EventKey of another form": _odd_job,
    "a result": _result,
    "a result with an EventKey of another form": _odd_result,
    "a result now and then without EventKey": _result_now_and_then_without_key,
    "a line": _line,
    "a line with an EventKey of another form": _odd_line,
    "a line now and then without EventKey": _line_now_and_then_without_key,
}
