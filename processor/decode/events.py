"""What decoding yields: columns of events, and the few things that are not worth columns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from processor.decode.known_rows import KnownRows
from processor.ids import ID_LENGTH, Int64s, UInt64s, halves, parse_id

Bools = npt.NDArray[np.bool_]


class RecordLike(Protocol):
    """A Kafka record, as confluent_kafka gives it; only a malformed one is kept. Its length is that of its value."""

    def __len__(self) -> int: ...
    def value(self) -> bytes | None: ...  # noqa: D102 -- as in confluent_kafka
    def key(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102
    def leader_epoch(self) -> int | None: ...  # noqa: D102


class Records(NamedTuple):
    """Some consecutive records of one partition; `times_ms` and `offsets` are columns beside them."""

    records: Sequence[RecordLike]
    times_ms: Int64s
    offsets: Int64s


class Rejected(NamedTuple):
    """A malformed record and why it is one."""

    record: RecordLike
    reason: str


class Columns:
    """Mixed into named tuples of columns of equal length."""

    def where(self, mask: Bools) -> Self:
        """Return the rows for which the mask is true: these columns, not copies, where that is all of them."""
        if mask.all():
            return self
        return type(self)(*(column[mask] for column in self))  # type: ignore[attr-defined]

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, in their order."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> list[Self]:
        """Return one part with the rows of all parts, in their order; of none, none."""
        return [cls.concatenate(parts)] if len(parts) > 1 else list(parts)


JOB, RESULT, LINE = range(3)
"""What an event is: a finished job, the result of one, or a log line."""

NO_STATUS, COMPLETED, FAILED = range(3)
"""What the event of a finished job says of its result."""

WAS_COMPLETED: Final = 0
"""In place of a position in `Decoded.failures`: the job has not failed."""

STDERR: Final = 1
"""Of a line that has its own EventKey: it was written to stderr, not to stdout."""


class _Keyed(NamedTuple):
    owner: Int64s
    at_s: Int64s
    event: Int64s
    amount: Int64s
    detail: Int64s
    time_ms: Int64s
    offset: Int64s
    key_hi: UInt64s
    key_lo: UInt64s
    has_key: Bools


class Keyed(Columns, _Keyed):
    """Events whose identity is their EventKey, or (`has_key` false) their place in the log.

    `owner` is a position in `Owners`, `at_s` the Unix second to which the event belongs, `time_ms` the timestamp
    of its record. `event`, and what it says:

    JOB       `amount`: seconds of execution    `detail`: NO_STATUS, COMPLETED or FAILED
    RESULT    `amount`: 0                       `detail`: WAS_COMPLETED, or a position in `Decoded.failures`, plus 1
    LINE      `amount`: bytes                   `detail`: STDERR or 0
    """


_NONE: Final = np.zeros(0, np.int64)
_NO_KEY: Final = np.zeros(0, np.uint64)
_FIRST_CAPITAL, _LAST_CAPITAL = ord("A"), ord("Z")
NO_EVENTS: Final = Keyed(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NO_KEY, _NO_KEY, np.zeros(0, bool))


class _Lines(NamedTuple):
    owner: Int64s
    at_s: Int64s
    line_bytes: Int64s
    time_ms: Int64s
    offset: Int64s
    stream: Int64s
    sequence: Int64s


class Lines(Columns, _Lines):
    """Log lines whose identity is their place in a stream: `stream` is a position in `Decoded.streams`."""


class Stream(NamedTuple):
    """One output stream of one attempt of a job: what the EventKey of a log line begins with."""

    job: int
    attempt: int
    name: str


class Failure(NamedTuple):
    """A way in which jobs fail, as far as the producer told."""

    kind: str
    code: str


Halves = tuple[UInt64s, UInt64s, UInt64s, UInt64s]
"""Upper and lower 64 bits of ids: of users, then of workflows."""


class Owners:
    """The distinct pairs of user and workflow that were met, as events spell them: `index` by `user|workflow`.

    They outlive a batch: the next ones meet most of them again. One thread adds, others may read what they know of.
    """

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.canonical = KnownRows(
            2 * ID_LENGTH
        )  # the same for pairs in lower case, as they lie beside each other
        self.users: list[int] = []
        self.workflows: list[int] = []
        self._halves: Halves = (_NO_KEY,) * 4

    def of(self, user: str, workflow: str) -> int:
        """Return the position of the pair, a new one if need be. Raises ValueError when one is no id."""
        text = f"{user}|{workflow}"  # no id has the bar in it, so the pair is told by where it is
        known = self.index.get(text)
        if known is None:
            self.users.append(parse_id(user))
            try:
                self.workflows.append(parse_id(workflow))
            except ValueError:
                self.users.pop()
                raise
            known = self.index[text] = len(self.users) - 1
        return known

    def remember(self, pairs: npt.NDArray[np.uint8], owner: Int64s) -> None:
        """Let pairs of known owners be found in `canonical` from now on; those with a capital letter are left out."""
        is_canonical = ~((pairs >= _FIRST_CAPITAL) & (pairs <= _LAST_CAPITAL)).any(axis=1)
        self.canonical.add(pairs[is_canonical], owner[is_canonical])

    def halves(self) -> Halves:
        """Return the ids of all pairs. For one thread, which need not be the one that adds."""
        first, end = len(self._halves[0]), len(self.workflows)
        if first < end:
            new = *halves(self.users[first:end]), *halves(self.workflows[first:end])
            self._halves = _each_behind(self._halves, new)
        return self._halves


def _each_behind(columns: Halves, more: Halves) -> Halves:
    one, two, three, four = (np.concatenate(both) for both in zip(columns, more, strict=True))
    return one, two, three, four


class Named(NamedTuple):
    """The first record of a batch that names a workflow in canonical spelling."""

    owner: int
    time_ms: int
    offset: int


NONE_YET: Final = (-1, 0)

_ROWS_OF_EVENT: Final = 6  # total, day and quarter hour, each of the workflow and of the user
_QUARTER_S: Final = 900


@dataclass
class Facts:
    """What records say of a workflow besides numbers: every value merges by maximum, `first_seen_ms` by minimum."""

    first_seen_ms: int
    kind: tuple[int, int, str] = (0, 0, "")  # record time, offset, kind
    build: tuple[int, int] = NONE_YET  # generation, record time
    terminate: tuple[int, int] = NONE_YET
    deleted_ms: int = 0


@dataclass
class Decoded:
    """All that one run of offsets [first, end) of a partition holds."""

    first: int
    end: int
    leader_epoch: int = -1
    owners: Owners = field(default_factory=Owners)
    keyed: list[Keyed] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    failures: dict[Failure, int] = field(default_factory=dict)  # each with its position
    named: dict[int, Named] = field(
        default_factory=dict
    )  # by workflow id; of owners that are new in this batch
    facts: dict[tuple[int, int], Facts] = field(default_factory=dict)  # by user id, workflow id
    rejected: list[Rejected] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    records: int = 0
    value_bytes: int = 0
    kept_bytes: int = 0  # of malformed records, which are kept whole
    quarters: set[int] = field(default_factory=set)  # of an hour since 1970, in which something may count
    origins: list[str] = field(default_factory=list)  # `traceparent` headers, while traces are made

    @property
    def most_rows(self) -> int:
        """How many rows it may be folded into: six for each event, or fewer, where several meet in a quarter of an hour.

        A workflow that is named is an event of its own: it counts at the time of its record, not of its job.
        """
        events, places = self.records + len(self.named), len(self.owners.users) * len(self.quarters)
        return _ROWS_OF_EVENT * min(events, places)

    def note_quarters(self, parts: Iterable[Keyed | Lines]) -> None:
        """Note when these events count; the workflows that they name count at the times of their records."""
        for part in parts:
            for times_s in (part.at_s, part.time_ms // 1000):
                self.quarters.update(np.unique(times_s // _QUARTER_S).tolist())

    def fact(self, user: int, workflow: int, time_ms: int) -> Facts:
        """Return the facts of a workflow, to be added to."""
        facts = self.facts.get((user, workflow))
        if facts is None:
            facts = self.facts[user, workflow] = Facts(time_ms)
        facts.first_seen_ms = min(facts.first_seen_ms, time_ms)
        return facts
