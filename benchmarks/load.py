"""What a topic, or all three, is filled with: floods, and what is true of them."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeVar, get_args

from benchmarks.tables import NEWEST_MS
from sandbox.generate.flood import TOPICS, Flood, FloodRecord

KeyT = TypeVar("KeyT", bound=Hashable)
Kind = Literal["jobs", "job_logs", "mixed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LINES_OF_JOB: Final = 3
"""In a mixed load a job gives one record to `analytics`, one to `workflows`, and so many log lines."""

_RESULTS: Final = "workflows"
_RESULT: Final = (
    b'{"ID": "%b", "JobID": "%b", "Action": "JOB_COMPLETED", "UserID": "%b", '
    b'"EventKey": "workflow:job:%b:JOB_COMPLETED", "ErrorCode": "", "Generation": 0, "FailureKind": "", '
    b'"ErrorMessage": ""}'
)
_USER_ID: Final = b'"UserID": "'
_JOB_ID: Final = b'"EventKey": "analytics:job:'
_ID_BYTES: Final = 36


class LoadRecord(NamedTuple):
    """Where it goes, and what it is. `timestamp_ms` is Unix time."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


class Load:
    """Iterate once: `events` records, the same for the same arguments. A share of them repeats earlier ones.

    `mixed`: all three topics, as jobs fill them that write three log lines each; `events` is then rounded down to
    whole jobs. Their times are of the hour from `start_ms` on.
    """

    def __init__(
        self, kind: Kind, events: int, *, duplicates: float, seed: int = 1, start_ms: int = NEWEST_MS
    ) -> None:
        self.kind: Kind = kind
        jobs = events // (2 + LINES_OF_JOB) if kind == "mixed" else events
        lines = jobs * LINES_OF_JOB if kind == "mixed" else events
        self._jobs = Flood("jobs", jobs, seed, start_ms=start_ms, duplicates=duplicates)
        self._lines = Flood("job_logs", lines, seed, start_ms=start_ms, duplicates=duplicates)

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that are not empty."""
        if self.kind == "mixed":
            return (TOPICS["jobs"], _RESULTS, TOPICS["job_logs"])
        return (TOPICS[self.kind],)

    @property
    def repeats(self) -> int:
        """How many of the records so far say again what another one said."""
        return sum(one.totals.repeats for one in self._floods())

    def users(self) -> list[str]:
        """Return everybody whom the records are about."""
        return self._jobs.users

    def by_workflow(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Return (user, workflow) → (jobs, seconds, log lines) of those that have any."""
        return _added([flood.by_workflow() for flood in self._floods()])

    def by_user(self) -> dict[str, tuple[int, ...]]:
        """Return user → (workflows, jobs, seconds, log lines)."""
        return _added([flood.by_user() for flood in self._floods()])

    def __iter__(self) -> Iterator[LoadRecord]:
        if self.kind != "mixed":
            flood = self._floods()[0]
            yield from (LoadRecord(TOPICS[flood.kind], *record) for record in flood)
            return
        lines = iter(self._lines)
        for job in self._jobs:
            yield LoadRecord(TOPICS["jobs"], *job)
            yield LoadRecord(_RESULTS, *result_of(job))
            yield from (LoadRecord(TOPICS["job_logs"], *line) for line in islice(lines, LINES_OF_JOB))

    def _floods(self) -> list[Flood]:
        """Both have the same users and workflows, for they have the same seed."""
        return {"jobs": [self._jobs], "job_logs": [self._lines], "mixed": [self._jobs, self._lines]}[
            self.kind
        ]


def result_of(job: FloodRecord) -> FloodRecord:
    """Return the record of topic `workflows` that a worker writes beside a JOBS record."""
    workflow_id, value, timestamp_ms = job
    job_id = _id_behind(_JOB_ID, value)
    result = _RESULT % (workflow_id, job_id, _id_behind(_USER_ID, value), job_id)
    return workflow_id, result, timestamp_ms


def _id_behind(name: bytes, value: bytes) -> bytes:
    start = value.index(name) + len(name)
    return value[start : start + _ID_BYTES]


def _added(several: Iterable[Mapping[KeyT, tuple[int, ...]]]) -> dict[KeyT, tuple[int, ...]]:
    sums: dict[KeyT, tuple[int, ...]] = {}
    for rows in several:
        for key, row in rows.items():
            sums[key] = tuple(map(sum, zip(row, sums.get(key, (0,) * len(row)), strict=True)))
    return sums
