"""The index of log lines on a real ClickHouse: one row a run of numbers, and every repeat is known by it."""

from itertools import pairwise, zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.events import Lines
from processor.event_index import WEEK_MS
from processor.index_rows import IndexRows
from processor.line_index import LineIndex
from processor.lineage import Evidence
from tests.processor_world import (
    HORIZON_MS,
    NOW_MS,
    FakeRecord,
    as_value,
    gathered_of,
    log_line,
    some_id,
    some_partition,
)

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000


def line(sequence, time_ms=NOW_MS, **fields):
    """A line of a job: its number, the time of its record, and what else is not as usual."""
    return log_line(sequence, **fields), time_ms


def run(first, last, time_ms=NOW_MS, **fields):
    """Lines with consecutive numbers."""
    return [line(sequence, time_ms, **fields) for sequence in range(first, last + 1)]


class World:
    """The index of a partition of the test's own, which goes on at `end`."""

    def __init__(self, stores):
        self.plain, self.partition, self.end = stores[0], some_partition("job_logs"), 0
        self.restart()

    def restart(self, partition=None, others=()):
        rows = IndexRows((partition or self.partition).id, others)
        self.index = LineIndex(rows, self.plain, horizon_ms=HORIZON_MS)

    def decoded(self, given_, first):
        records = [
            FakeRecord(as_value(event), first + at, time_ms) for at, (event, time_ms) in enumerate(given_)
        ]
        return gathered_of("job_logs", records)

    def firsts(self, given_, first, below=None):
        """Which lines count, in the order of the log."""
        batch = self.decoded(given_, first)
        lines = Lines.concatenate(batch.lines)
        counts = self.index.first_lines(lines, batch.streams, first if below is None else below)
        return counts[lines.offset.argsort()].tolist()

    def write(self, given_, first):
        batch = self.decoded(given_, first)
        self.index.write(Lines.concatenate(batch.lines), batch.streams)

    def apply(self, given_):
        """One batch from where the last one ended; which of its lines count."""
        counts = self.firsts(given_, self.end)
        self.write(given_, self.end)
        self.end += len(given_)
        return counts

    def rows(self, columns="first_seq, last_seq"):
        with self.plain.lend(10) as connection:
            return connection.query(
                f"SELECT {columns} FROM log_runs WHERE partition_id = %(id)s ORDER BY first_seq, stream, attempt, last_seq",
                {"id": self.partition.id},
            )


@pytest.fixture
def world(stores):
    return World(stores)


# --- runs ---


def test_consecutive_numbers_are_one_row(world):
    world.apply(run(0, 99))
    assert world.rows("first_seq, last_seq, last_offset, min_time_ms, line_times, garbage_week") == [
        (0, 99, 99, NOW_MS, "", NOW_MS // WEEK_MS)
    ]


def test_a_gap_begins_a_new_row(world):
    world.apply([*run(0, 2), *run(5, 6), line(9)])
    assert world.rows() == [(0, 2), (5, 6), (9, 9)]


def test_two_streams_that_interleave_are_two_rows(world):
    world.apply([line(at, stream=stream) for at in range(5) for stream in ("stdout", "stderr")])
    assert world.rows("stream, first_seq, last_seq, last_offset") == [
        ("stdout", 0, 4, 8),
        ("stderr", 0, 4, 9),
    ]


def test_every_attempt_is_a_row_of_its_own(world):
    world.apply([*run(0, 1), *run(0, 1, attempt=2), *run(2, 3, attempt=2)])
    assert world.rows("attempt, first_seq, last_seq") == [(1, 0, 1), (2, 0, 3)]


def test_lines_that_arrive_in_any_order_are_one_row(world):
    world.apply([line(2), line(0), line(3), line(1)])
    assert world.rows("first_seq, last_seq, last_offset") == [(0, 3, 3)]


def test_repeated_lines_have_rows_as_well(world):
    world.apply([*run(0, 2), *run(0, 2)])
    assert sum(last - first + 1 for first, last in world.rows()) == 6


def test_a_row_knows_the_time_of_each_line(world):
    world.apply([line(0, NOW_MS + 5), line(1, NOW_MS), line(2, NOW_MS + 2**31 - 1 - NOW_MS % 2**31)])
    ((min_time_ms, times),) = world.rows("min_time_ms, hex(line_times)")
    after = [int.from_bytes(bytes.fromhex(times)[at : at + 4], "little") for at in (0, 4, 8)]
    assert (min_time_ms, after) == (NOW_MS, [5, 0, 2**31 - 1 - NOW_MS % 2**31])


def test_a_run_ends_where_its_times_are_too_far_apart_for_32_bits(world):
    world.apply([line(0), line(1, NOW_MS + 26 * DAY_MS), line(2, NOW_MS + 26 * DAY_MS)])
    assert world.rows() == [(0, 0), (1, 2)]


# --- evidence ---


def test_a_run_that_ends_below_the_checkpoint_is_evidence(world):
    world.write(run(0, 4), first=0)
    assert world.firsts(run(3, 6), first=5) == [False, False, True, True]


def test_a_run_that_ends_at_the_checkpoint_or_above_is_none(world):
    """It is of this very batch, or of one that another processor could not apply."""
    world.write(run(0, 4), first=0)
    assert world.firsts(run(0, 4), first=5, below=4) == [True] * 5


def test_a_run_of_another_partition_is_none(world):
    world.write(run(0, 4), first=0)
    world.restart(some_partition("job_logs"))
    assert world.firsts(run(0, 4), first=5) == [True] * 5


def test_a_run_of_a_partition_that_comes_before_is_evidence_up_to_where_it_does(world):
    """Its key has moved here, because the topic has grown."""
    world.apply(run(0, 2))
    world.apply(run(3, 4))
    world.restart(some_partition("job_logs"), others=(Evidence(world.partition.id, 3),))
    assert world.firsts(run(0, 5), 0) == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    "other", [{"job": some_id(77)}, {"stream": "stderr"}, {"attempt": 2}], ids=["job", "stream", "attempt"]
)
def test_a_run_of_another_stream_is_none(world, other):
    world.write(run(0, 4), first=0)
    assert world.firsts(run(0, 4, **other), first=5) == [True] * 5


def test_a_batch_that_is_tried_again_gives_the_same_answer(world):
    lines = [*run(0, 2), line(1)]
    for _ in range(2):
        assert world.firsts(lines, first=0) == [True, True, True, False]
        world.write(lines, first=0)


def test_a_restart_gives_the_same_answer(world):
    world.apply(run(0, 4))
    world.restart()
    assert world.apply(run(0, 5)) == [False] * 5 + [True]


# --- repeats ---


def test_within_a_batch_the_first_line_of_a_number_counts(world):
    assert world.apply([line(0), line(1), line(0), line(0), line(2)]) == [True, True, False, False, True]


def test_across_batches_the_first_line_counts(world):
    assert [world.apply(run(0, 2)), world.apply(run(2, 3)), world.apply(run(1, 4))] == [
        [True] * 3, [False, True], [False, False, False, True],
    ]  # fmt: skip


def test_a_gap_is_no_evidence(world):
    world.apply([*run(0, 2), *run(5, 6)])
    assert world.apply(run(0, 7)) == [False] * 3 + [True] * 2 + [False] * 2 + [True]


def test_the_largest_number_is_known_as_well(world):
    largest = 2**32 - 1
    world.apply([line(0), line(largest)])
    assert world.apply([line(largest), line(largest - 1), line(0), line(1)]) == [False, True, False, True]


def test_a_line_without_an_event_key_repeats_one_with_it(world):
    world.apply(run(0, 1))
    assert world.apply([line(0, EventKey=""), line(2, EventKey=""), line(2)]) == [False, True, False]


@pytest.mark.parametrize(
    ("later_ms", "counts"),
    [(HORIZON_MS, False), (HORIZON_MS + 1, True), (0, False), (-1, False), (-2 * HORIZON_MS, False)],
)
def test_a_repeat_counts_again_beyond_the_horizon_only(world, later_ms, counts):
    world.apply(run(0, 2))
    assert world.apply(run(1, 1, NOW_MS + later_ms)) == [counts]


def test_the_horizon_is_measured_from_the_line_not_from_its_run(world):
    world.apply([line(0), line(1, NOW_MS + 7), line(2, NOW_MS + 3)])
    assert world.apply(run(0, 2, NOW_MS + HORIZON_MS + 5)) == [True, False, True]


def test_a_repeat_that_did_not_count_carries_the_horizon_on(world):
    world.apply([line(0)])
    world.apply([line(0, NOW_MS + HORIZON_MS)])
    assert world.apply([line(0, NOW_MS + 2 * HORIZON_MS)]) == [False]


def test_an_older_repeat_does_not_take_the_horizon_back(world):
    world.apply([line(0)])
    world.apply([line(0, NOW_MS - HORIZON_MS)])
    assert world.apply([line(0, NOW_MS + HORIZON_MS)]) == [False]


# --- a model ---

some_streams = st.sampled_from([{}, {"stream": "stderr"}, {"attempt": 2}, {"job": some_id(77)}])
some_times = st.sampled_from([0, 0, 0, 1, HORIZON_MS, HORIZON_MS + 1, 26 * DAY_MS, -5, -30 * DAY_MS])
runs = st.tuples(st.integers(0, 8), st.integers(0, 6), some_times, some_streams)


@st.composite
def model_logs(draw):
    """Runs of lines, some of them interleaved."""
    log = []
    for first, length, later_ms, fields in draw(st.lists(runs, min_size=1, max_size=10)):
        at = draw(st.integers(0, len(log)))
        pairs = zip_longest(log[at:], run(first, first + length, NOW_MS + later_ms, **fields))
        log = log[:at] + [one for pair in pairs for one in pair if one is not None]
    return log


def counted_by_definition(log):
    """Which lines of a whole log count."""
    newest_ms, counts = {}, []
    for event, time_ms in log:
        before_ms = newest_ms.get(event["EventKey"])
        counts.append(before_ms is None or time_ms - before_ms > HORIZON_MS)
        newest_ms[event["EventKey"]] = time_ms if before_ms is None else max(before_ms, time_ms)
    return counts


@given(model_logs(), st.sets(st.integers(1, 60), max_size=3))
@settings(max_examples=15, deadline=None)
def test_whatever_the_batches_the_same_lines_count(stores, log, cuts):
    world, counts = World(stores), []
    for start, end in pairwise(sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})):
        counts += world.apply(log[start:end])
    assert counts == counted_by_definition(log)
