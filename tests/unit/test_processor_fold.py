"""Sums of a batch against a plain model."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.events import Keyed, Lines, Named, Owners
from processor.fold import DAY, QUARTER, TOTAL, additions, fold
from tests.processor_world import NOW_MS, USER, finished_job, gathered, log_line, some_id

USERS = [some_id(number) for number in (10, 11)]
PAIRS = [
    (USERS[0], some_id(20)),
    (USERS[0], some_id(21)),
    (USERS[1], some_id(22)),
    (USERS[0].upper(), some_id(20)),
]
DAY_S, QUARTER_S, LAST_S = 86_400, 900, 2**32 - 1

seconds_of_events = st.one_of(
    st.integers(1_772_000_000, 1_772_000_000 + 2 * DAY_S),
    st.integers(-5, 5),
    st.integers(LAST_S - 5, LAST_S + 5),
)
jobs = st.tuples(st.integers(0, 3), seconds_of_events, st.integers(0, 366 * DAY_S))
lines = st.tuples(st.integers(0, 3), seconds_of_events, st.integers(0, 4096))
names = st.tuples(st.integers(0, 3), seconds_of_events)
batches = st.tuples(st.lists(jobs, max_size=12), st.lists(lines, max_size=12), st.lists(names, max_size=4))
some_batches = batches.filter(any)


def owners():
    result = Owners()
    for pair in PAIRS:
        result.of(*pair)
    return result


def column(values):
    return np.array(list(values), np.int64)


def added_by(batch):
    """What jobs, lines and names add, as columns."""
    jobs_, lines_, names_ = batch
    owner, at_s, seconds = (
        (column(values) for values in zip(*jobs_, strict=True)) if jobs_ else [column([])] * 3
    )
    none, no_key = np.zeros_like(owner), np.zeros(len(owner), np.uint64)
    keyed = Keyed(
        owner, at_s, none + 1, seconds, none, none, none, none, no_key, no_key, np.zeros(len(owner), bool)
    )
    of_line, line_s, length = (
        (column(values) for values in zip(*lines_, strict=True)) if lines_ else [column([])] * 3
    )
    nothing = np.zeros_like(of_line)
    named = [Named(owner, at_s * 1000, 0) for owner, at_s in names_]
    return additions([keyed], [Lines(of_line, line_s, length, nothing, nothing, nothing, nothing)], named)


def as_dictionary(rows):
    """Sums by (resolution, user, workflow, bucket)."""
    sums = defaultdict(lambda: [0] * 5)
    for resolution, user_hi, user_lo, flow_hi, flow_lo, bucket_s, *numbers in zip(
        *(one.tolist() for one in rows), strict=True
    ):
        key = (resolution, user_hi << 64 | user_lo, flow_hi << 64 | flow_lo, bucket_s)
        sums[key] = [one + more for one, more in zip(sums[key], numbers, strict=True)]
    return dict(sums)


def model(batch):
    """The same with a loop an event."""
    jobs_, lines_, names_ = batch
    events = [(owner, at_s, [0, 1, seconds, 0, 0]) for owner, at_s, seconds in jobs_]
    events += [(owner, at_s, [0, 0, 0, 1, length]) for owner, at_s, length in lines_]
    events += [(owner, at_s, [1, 0, 0, 0, 0]) for owner, at_s in names_]
    sums = defaultdict(lambda: [0] * 5)
    for owner, at_s, numbers in events:
        user, workflow = (int(one.replace("-", ""), 16) for one in PAIRS[owner])
        within_s = min(max(at_s, 0), LAST_S)
        buckets = {TOTAL: 0, DAY: within_s // DAY_S * DAY_S, QUARTER: within_s // QUARTER_S * QUARTER_S}
        for resolution, bucket_s in buckets.items():
            for one in (workflow, 0):
                key = (resolution, user, one, bucket_s)
                sums[key] = [a + b for a, b in zip(sums[key], numbers, strict=True)]
    return dict(sums)


def folded(batch):
    return fold(added_by(batch), owners())


@given(some_batches)
@settings(max_examples=120, deadline=None)
def test_the_rows_are_the_sums_of_the_events(batch):
    assert as_dictionary(folded(batch)) == model(batch)


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_an_event_becomes_at_most_six_rows(batch):
    assert len(folded(batch).resolution) <= 6 * sum(map(len, batch))


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_no_row_is_all_zeros(batch):
    """ClickHouse would delete it."""
    rows = folded(batch)
    assert np.any([rows.workflows, rows.jobs, rows.seconds, rows.lines, rows.line_bytes], axis=0).all()


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_the_rows_of_a_user_add_up_to_those_of_the_workflows(batch):
    rows = folded(batch)
    of_users = (rows.workflow_hi == 0) & (rows.workflow_lo == 0)
    for one in (rows.workflows, rows.jobs, rows.seconds, rows.lines, rows.line_bytes):
        assert one[of_users].sum() == one[~of_users].sum()


def test_an_event_alone_is_six_rows():
    assert len(folded(([(0, 1_772_359_200, 5)], [], [])).resolution) == 6


@pytest.mark.parametrize(
    ("at_s", "bucket_s"),
    [(-1, 0), (-(2**40), 0), (LAST_S, 4_294_966_500), (LAST_S + 1, 4_294_966_500), (2**40, 4_294_966_500)],
)
def test_a_time_that_clickhouse_cannot_hold_goes_to_its_first_or_last_quarter(at_s, bucket_s):
    rows = folded(([(0, at_s, 5)], [], []))
    assert set(rows.bucket_s[rows.resolution == QUARTER].tolist()) == {bucket_s}


@pytest.mark.parametrize(
    ("resolution", "at_s", "bucket_s"),
    [
        (TOTAL, 1_772_359_200, 0),
        (DAY, 1_772_323_200, 1_772_323_200),
        (DAY, 1_772_323_199, 1_772_236_800),
        (QUARTER, 1_772_359_200, 1_772_359_200),
        (QUARTER, 1_772_359_199, 1_772_358_300),
    ],
)
def test_buckets_begin_at_midnight_and_at_quarters_in_utc(resolution, at_s, bucket_s):
    rows = folded(([], [(1, at_s, 5)], []))
    assert set(rows.bucket_s[rows.resolution == resolution].tolist()) == {bucket_s}


def test_seconds_beyond_32_bits_are_summed():
    rows = folded(([(0, 0, 366 * DAY_S)] * 200, [], []))
    assert rows.seconds.max() == 200 * 366 * DAY_S


def test_a_user_in_two_spellings_has_one_row():
    batch = gathered("analytics", finished_job(7), finished_job(8, UserID=USER.upper()))
    rows = fold(additions(batch.keyed, [], []), batch.owners)
    of_user = (rows.resolution == TOTAL) & (rows.workflow_lo == 0)
    assert rows.jobs[of_user].tolist() == [2]


def test_a_workflow_is_added_at_the_time_of_the_record_that_names_it():
    added = additions([], [], [Named(0, NOW_MS + 999, 17)])
    assert (added.workflows.tolist(), added.at_s.tolist()) == ([1], [NOW_MS // 1000])


def test_lines_add_their_bytes():
    batch = gathered("job_logs", log_line(0, Message="ab"), log_line(1, Message="\u00e9"))
    added = additions([], batch.lines, [])
    assert (added.lines.tolist(), added.line_bytes.tolist()) == ([1, 1], [2, 2])


def test_nothing_adds_nothing():
    assert [len(one) for one in additions([], [], [])] == [0] * 7


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_the_rows_are_in_the_order_of_the_table(batch):
    """By resolution, user, workflow and bucket; ClickHouse orders UUIDs by their lower half first."""
    rows = folded(batch)
    places = list(
        zip(
            rows.resolution.tolist(),
            rows.user_lo.tolist(),
            rows.user_hi.tolist(),
            rows.workflow_lo.tolist(),
            rows.workflow_hi.tolist(),
            rows.bucket_s.tolist(),
            strict=True,
        )
    )
    assert places == sorted(places)
    assert len(set(places)) == len(places)
