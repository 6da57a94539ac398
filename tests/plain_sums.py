"""What a batch must add, by a loop an event: the plain model of `additions` and `fold`."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from analytics import histogram
from processor.fold import DAY, QUARTER, TOTAL, Rows
from processor.measures import COUNTERS, MEASURES

DAY_S, QUARTER_S, LAST_S = 86_400, 900, 2**32 - 1

Key = tuple[int, int, int, int]
"""Resolution, user, workflow (0: all of the user), beginning of the bucket."""


class Sum(NamedTuple):
    """Of one row: measures by name, and counters by name."""

    numbers: dict[str, int]
    counters: dict[str, Counter[Any]]

    @classmethod
    def of_nothing(cls) -> "Sum":
        return cls(
            {name: one.neutral for name, one in MEASURES.items()}, {name: Counter() for name in COUNTERS}
        )

    def add(self, numbers: dict[str, int], counters: dict[str, Any]) -> None:
        """`counters`: what is counted once more in each of them."""
        put = {"sum": int.__add__, "min": min, "max": max}
        for name, number in numbers.items():
            self.numbers[name] = put[MEASURES[name].aggregate](self.numbers[name], number)
        for name, thing in counters.items():
            self.counters[name][thing] += 1


Sums = dict[Key, Sum]


def bin_of(seconds: int) -> int:
    """The duration bin, by comparing with every bound."""
    return next(at for at, bound in enumerate(histogram._UPPER_BOUNDS) if seconds <= bound)


def of_job(seconds: int, status: str = "") -> tuple[dict[str, int], dict[str, Any]]:
    numbers = {
        "jobs": 1, "execution_seconds": seconds, "shortest_seconds": seconds, "longest_seconds": seconds,
        "jobs_with_status": int(bool(status)), "failed_seconds": seconds if status == "FAILED" else 0,
    }  # fmt: skip
    counted = {"durations": bin_of(seconds)}
    return numbers, counted | ({"failed_durations": bin_of(seconds)} if status == "FAILED" else {})


def of_result(failure: str | None) -> tuple[dict[str, int], dict[str, Any]]:
    """`failure`: kind and code; None: the job was completed."""
    if failure is None:
        return {"jobs_completed": 1}, {}
    return {"jobs_failed": 1}, {"failures": failure}


def of_line(length: int, stream: str) -> tuple[dict[str, int], dict[str, Any]]:
    numbers = {"log_lines": 1, "log_bytes": length}
    of_stderr = {"stderr_lines": 1, "stderr_bytes": length} if stream == "stderr" else {}
    return numbers | of_stderr, {}


OF_NAMED: tuple[dict[str, int], dict[str, Any]] = {"workflows": 1}, {}


def plain_sums(events: list[tuple[tuple[int, int], int, Any]]) -> Sums:
    """The rows of events, each given as ((user, workflow), second, what it adds)."""
    sums: defaultdict[Key, Sum] = defaultdict(Sum.of_nothing)
    for (user, workflow), at_s, (numbers, counters) in events:
        within_s = min(max(at_s, 0), LAST_S)
        buckets = {TOTAL: 0, DAY: within_s // DAY_S * DAY_S, QUARTER: within_s // QUARTER_S * QUARTER_S}
        for resolution, bucket_s in buckets.items():
            for one in (workflow, 0):
                sums[resolution, user, one, bucket_s].add(numbers, counters)
    return dict(sums)


def sums_of_rows(rows: Rows) -> Sums:
    """The same of folded rows; each key must be there once."""
    keys = [
        (resolution, user_hi << 64 | user_lo, flow_hi << 64 | flow_lo, bucket_s)
        for resolution, user_hi, user_lo, flow_hi, flow_lo, bucket_s in zip(
            *(column.tolist() for column in rows[:6]), strict=True
        )
    ]
    assert len(set(keys)) == len(keys)
    sums = {key: Sum.of_nothing() for key in keys}
    for name, column in rows.numbers.items():
        for key, number in zip(keys, column.tolist(), strict=True):
            sums[key].numbers[name] = number
    for name, cells in rows.counters.items():
        for key, cell in zip(keys, cells.tolist(), strict=True):
            sums[key].counters[name].update(_unpacked(rows, name, cell))
    return sums


def _unpacked(rows: Rows, counter: str, cell: bytes) -> dict[Any, int]:
    counted = {}
    for at in range(0, len(cell), 8):
        number = int.from_bytes(cell[at : at + 8], "little")
        thing: Any = number >> 48
        if counter == "failures":
            thing = " ".join(rows.failures[thing])
        assert thing not in counted
        counted[thing] = number & (1 << 48) - 1
    return counted
