"""A flood for benchmarks: one kind of event, well formed, as fast as Python prints, with the true totals.

    flood = Flood("jobs", events=1_000_000)
    for key, value, timestamp_ms in flood: ...
    flood.totals

Sizes and forms are the corpus's: JOBS as Postgres prints JSONB (one in six with the later fields),
job_logs as Go prints JSON, in short runs of lines, many jobs at a time. A repeat has the bytes and the key of
the first record, and comes within the next few thousand records.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from sandbox.generate.forms import rfc3339, uuid4, uuid7, uuid7s

Kind = Literal["jobs", "job_logs"]
FloodRecord = tuple[bytes, bytes, int]  # key, value, timestamp in Unix milliseconds

TOPICS: dict[Kind, str] = {"jobs": "analytics", "job_logs": "job_logs"}
_CHUNK = 4096
_DAY_MS = 86_400_000
_JOB = (
    b'{"Data": {"job_execution_duration": %d}, "UserID": "%b", "EventKey": "analytics:job:%b:completed", '
    b'"EventType": "JOBS", "WorkflowID": "%b"}'
)
_LATER_JOB = (
    b'{"Data": {"job_id": "%b", "status": "COMPLETED", "trigger": "AUTOMATIC", "completed_at": "%b", '
    b'"job_execution_duration": %d, "job_execution_duration_ms": %d}, "UserID": "%b", '
    b'"EventKey": "analytics:job:%b:completed", "EventType": "JOBS", "WorkflowID": "%b"}'
)
_LINE = (
    b'{"EventKey":"log:%b:%b:%%d","JobID":"%b","WorkflowID":"%b","UserID":"%b","Message":"%%b","TimeStamp":"%%b",'
    b'"SequenceNum":%%d,"Stream":"%b","Retention":true,"LivePublished":true}'
)
_DURATIONS_S = (0, 0, 0, 0, 1, 2, 3, 5, 8, 13, 34, 55, 144, 610, 3600, 7200)
_VERBS = ("checked", "loaded", "skipped", "written", "retried")


@dataclass(frozen=True, slots=True)
class Owned:
    """A workflow and its user, as they stand in a record."""

    workflow_id: str
    user_id: str


@dataclass
class FloodTotals:
    """What is true once the flood is over; each list is indexed like `Flood.workflows`."""

    records: int = 0
    repeats: int = 0
    jobs: list[int] = field(default_factory=list)
    duration_s: list[int] = field(default_factory=list)
    log_lines: list[int] = field(default_factory=list)


@dataclass
class Flood:
    """Iterate once: exactly `events` records, the same for the same arguments.

    `duplicates` is the share of the records that repeat an earlier one. Timestamps ascend from `start_ms`
    over `span_ms`, those of repeats nearly; so do the UUIDv7 ids of jobs. `parallel` jobs write log lines at
    a time, `run` lines in a row on average.
    """

    kind: Kind
    events: int
    seed: int = 1
    workflow_count: int = 10_000
    user_count: int = 1_000
    start_ms: int = 1_772_323_200_000  # 2026-03-01T00:00:00Z
    span_ms: int = 3_600_000
    duplicates: float = 0.0
    parallel: int = 500
    run: int = 8

    def __post_init__(self) -> None:
        self.random = random = Random(self.seed)  # noqa: S311  # a simulation, no secret
        self.users = [
            uuid7(random, self.start_ms - random.randrange(_DAY_MS)) for _ in range(self.user_count)
        ]
        self.workflows = [
            Owned(self._workflow_id(), self.users[index % self.user_count])
            for index in range(self.workflow_count)
        ]
        zeros = [0] * self.workflow_count
        self.totals = FloodTotals(0, 0, zeros.copy(), zeros.copy(), zeros.copy())

    def _workflow_id(self) -> str:
        v4 = self.random.random() < 0.1
        return (
            uuid4(self.random) if v4 else uuid7(self.random, self.start_ms - self.random.randrange(_DAY_MS))
        )

    def by_workflow(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Return (user, workflow) → (jobs, seconds, log lines) of those that have any."""
        columns = zip(self.totals.jobs, self.totals.duration_s, self.totals.log_lines, strict=True)
        rows = zip(self.workflows, columns, strict=True)
        return {(flow.user_id, flow.workflow_id): row for flow, row in rows if any(row)}

    def by_user(self) -> dict[str, tuple[int, int, int, int]]:
        """Return user → (workflows, jobs, seconds, log lines). Log lines alone name no workflow."""
        users: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for (user_id, _), row in self.by_workflow().items():
            for index, value in enumerate((int(row[0] > 0), *row)):
                users[user_id][index] += value
        return {user_id: (row[0], row[1], row[2], row[3]) for user_id, row in users.items()}

    def __iter__(self) -> Iterator[FloodRecord]:
        chunk_of = self._jobs_chunk() if self.kind == "jobs" else self._lines_chunk()
        while (left := self.events - self.totals.records) > 0:
            records = min(_CHUNK, left)
            repeats = int(records * self.duplicates)
            chunk = chunk_of(records - repeats)
            again = [self._again(chunk) for _ in range(repeats)]
            self.totals.records += len(chunk) + repeats
            self.totals.repeats += repeats
            yield from chunk
            yield from again

    def _again(self, chunk: list[FloodRecord]) -> FloodRecord:
        key, value, timestamp_ms = self.random.choice(chunk)
        return key, value, timestamp_ms + self.random.randrange(5000)

    def _times(self, records: int) -> list[int]:
        """Return the timestamps of the next records: evenly spread over the span."""
        first, step = self.totals.records, self.span_ms / self.events
        return [self.start_ms + int((first + index) * step) for index in range(records)]

    def _jobs_chunk(self) -> Callable[[int], list[FloodRecord]]:
        random, totals = self.random, self.totals
        owners = [(flow.workflow_id.encode(), flow.user_id.encode()) for flow in self.workflows]
        indexes = range(len(owners))

        def chunk(records: int) -> list[FloodRecord]:
            chosen = random.choices(indexes, k=records)
            durations_s = random.choices(_DURATIONS_S, k=records)
            times = self._times(records)
            job_ids = uuid7s(random, times)
            made = []
            for number, (index, duration_s, at_ms, job_id) in enumerate(
                zip(chosen, durations_s, times, job_ids, strict=True)
            ):
                workflow_id, user_id = owners[index]
                if number % 6:
                    value = _JOB % (duration_s, user_id, job_id, workflow_id)
                else:
                    ended, ms = rfc3339(at_ms * 1_000_000).encode(), duration_s * 1000 + 7
                    value = _LATER_JOB % (job_id, ended, duration_s, ms, user_id, job_id, workflow_id)
                totals.jobs[index] += 1
                totals.duration_s[index] += duration_s
                made.append((workflow_id, value, at_ms))
            return made

        return chunk

    def _lines_chunk(self) -> Callable[[int], list[FloodRecord]]:
        random, totals = self.random, self.totals
        messages = [_message(random) for _ in range(1000)]
        runs = deque(_Run(self) for _ in range(self.parallel))

        def chunk(records: int) -> list[FloodRecord]:
            made: list[FloodRecord] = []
            texts = random.choices(messages, k=records)
            times = self._times(records)
            while len(made) < records:
                at = random.randrange(self.parallel)
                lines = min(random.randrange(1, 2 * self.run), records - len(made))
                made += runs[at].lines(texts, times, len(made), lines)
                totals.log_lines[runs[at].index] += lines
                if runs[at].next_number > runs[at].length:
                    runs[at] = _Run(self)
            return made

        return chunk


class _Run:
    """One stream of a running job: what is the same in all of its lines is printed once."""

    def __init__(self, flood: Flood) -> None:
        random = flood.random
        self.index = random.randrange(flood.workflow_count)
        self.length = random.randrange(20, 400)
        self.next_number = 1
        flow = flood.workflows[self.index]
        at_ms = flood.start_ms + int(flood.totals.records * flood.span_ms / flood.events)
        self.job_id = uuid7(random, at_ms).encode()
        stream = b"stderr" if random.random() < 0.3 else b"stdout"
        ids = flow.workflow_id.encode(), flow.user_id.encode()
        self.template = _LINE % (self.job_id, stream, self.job_id, *ids, stream)

    def lines(self, texts: list[bytes], times_ms: list[int], at: int, count: int) -> list[FloodRecord]:
        """Return the next lines of the stream; texts and times are those from position `at` on."""
        job_id, template, number = self.job_id, self.template, self.next_number
        self.next_number += count
        time = rfc3339(times_ms[at] * 1_000_000 - 123_456_789).encode()
        return [
            (job_id, template % (number + i, texts[at + i], time, number + i), times_ms[at + i])
            for i in range(count)
        ]


def _message(random: Random) -> bytes:
    """Return 80 to 120 bytes that need no escaping."""
    text = f"INFO batch={random.randrange(100_000)} {random.choice(_VERBS)} in {random.randrange(4000)}ms "
    text += " ".join(f"{random.getrandbits(32):08x}" for _ in range(8))
    return text[: random.randrange(80, 121)].encode()
