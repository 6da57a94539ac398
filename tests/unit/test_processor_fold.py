"""Sums of a batch against a plain model."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.additions import Additions, additions
from processor.decode.events import (
    COMPLETED,
    FAILED,
    JOB,
    LINE,
    NO_STATUS,
    RESULT,
    WAS_COMPLETED,
    Failure,
    Keyed,
    Lines,
    Named,
    Owners,
    Stream,
)
from processor.fold import DAY, QUARTER, TOTAL, fold
from processor.measures import MEASURES
from tests.examples import examples
from tests.plain_sums import OF_NAMED, of_job, of_line, of_result, plain_sums, sums_of_rows
from tests.processor_world import (
    NOW_MS,
    USER,
    FakeRecord,
    as_value,
    finished_job,
    gathered,
    gathered_of,
    log_line,
    some_id,
    step,
)

USERS = [some_id(number) for number in (10, 11)]
PAIRS = [
    (USERS[0], some_id(20)),
    (USERS[0], some_id(21)),
    (USERS[1], some_id(22)),
    (USERS[0].upper(), some_id(20)),
]
IDS = [(UUID(user).int, UUID(flow).int) for user, flow in PAIRS]
DAY_S, QUARTER_S, LAST_S = 86_400, 900, 2**32 - 1
STATUSES = {NO_STATUS: "", COMPLETED: "COMPLETED", FAILED: "FAILED"}
STREAMS = [Stream(1, 1, "stdout"), Stream(1, 1, "stderr"), Stream(1, 2, "stdout")]
FAILURES = [Failure("USER", "Aborted"), Failure("SYSTEM", "Internal"), Failure("", "")]

owner = st.integers(0, 3)
seconds_of_events = st.one_of(
    st.integers(1_772_000_000, 1_772_000_000 + 2 * DAY_S),
    st.integers(-5, 5),
    st.integers(LAST_S - 5, LAST_S + 5),
)
durations = st.one_of(st.integers(0, 60), st.integers(0, 366 * DAY_S))
jobs = st.tuples(st.just(JOB), owner, seconds_of_events, durations, st.sampled_from([*STATUSES]))
results = st.tuples(st.just(RESULT), owner, seconds_of_events, st.just(0), st.integers(0, len(FAILURES)))
odd_lines = st.tuples(st.just(LINE), owner, seconds_of_events, st.integers(0, 4096), st.integers(0, 1))
lines = st.tuples(owner, seconds_of_events, st.integers(0, 4096), st.integers(0, len(STREAMS) - 1))
names = st.tuples(owner, seconds_of_events)
batches = st.tuples(
    st.lists(st.one_of(jobs, jobs, results, odd_lines), max_size=16),
    st.lists(lines, max_size=12),
    st.lists(names, max_size=4),
)
some_batches = batches.filter(any)


def owners():
    result = Owners()
    for pair in PAIRS:
        result.of(*pair)
    return result


def columns(rows, count):
    """As arrays, also of no rows."""
    return [np.array(one, np.int64) for one in zip(*rows, strict=True)] or [np.zeros(0, np.int64)] * count


def added_by(batch, split=1):
    """What events add, as columns; `keyed` in as many parts."""
    keyed_, lines_, names_ = batch
    keyed = []
    for at in range(split):
        event, of, at_s, amount, detail = columns(keyed_[at::split], 5)
        none, no_key = np.zeros_like(of), np.zeros(len(of), np.uint64)
        keyed.append(Keyed(of, at_s, event, amount, detail, none, none, no_key, no_key, none.astype(bool)))
    of, at_s, length, stream = columns(lines_, 4)
    none = np.zeros_like(of)
    named = [Named(of_name, at * 1000, 0) for of_name, at in names_]
    some_lines = [Lines(of, at_s, length, none, none, stream, none)]
    return additions(keyed, some_lines, named, streams=STREAMS, failures=FAILURES)


def of_keyed(event, amount, detail):
    if event == JOB:
        return of_job(amount, STATUSES[detail])
    if event == RESULT:
        return of_result(None if detail == WAS_COMPLETED else " ".join(FAILURES[detail - 1]))
    return of_line(amount, "stderr" if detail else "stdout")


def model(batch):
    """The same with a loop an event."""
    keyed_, lines_, names_ = batch
    events = [(IDS[of], at_s, of_keyed(event, amount, detail)) for event, of, at_s, amount, detail in keyed_]
    events += [(IDS[of], at_s, of_line(length, STREAMS[one].name)) for of, at_s, length, one in lines_]
    events += [(IDS[of], at_s, OF_NAMED) for of, at_s in names_]
    return plain_sums(events)


def folded(batch):
    return fold(added_by(batch), owners())


@given(some_batches, st.integers(1, 3))
@settings(max_examples=examples(100, soak=5_000), deadline=None)
def test_the_rows_are_the_sums_of_the_events(batch, split):
    assert sums_of_rows(fold(added_by(batch, split), owners())) == model(batch)


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_an_event_becomes_at_most_six_rows(batch):
    assert len(folded(batch).resolution) <= 6 * sum(map(len, batch))


job_records = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.one_of(st.none(), st.integers(0, 5))), min_size=1
)


@given(job_records)
@settings(max_examples=60, deadline=None)
def test_a_batch_tells_how_many_rows_it_becomes_at_most(jobs_of):
    """From when its events count and whom they name, before it is folded."""
    batch = gathered_of("analytics", [
        FakeRecord(
            as_value(finished_job(number, WorkflowID=some_id(20 + flow), completed_at=_before(quarters))),
            number,
            NOW_MS + after * QUARTER_S * 1000,
        )
        for number, (flow, after, quarters) in enumerate(jobs_of)
    ])  # fmt: skip
    rows = fold(additions(batch.keyed, batch.lines, list(batch.named.values())), batch.owners)
    assert len(rows.resolution) <= batch.most_rows <= 6 * (len(jobs_of) + len(batch.named))


def _before(quarters):
    """The time so many quarters of an hour ago, as events write it; of None, None."""
    if quarters is None:
        return None
    at = datetime.fromtimestamp(NOW_MS / 1000 - quarters * QUARTER_S, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_no_row_is_all_zeros(batch):
    """ClickHouse would delete it."""
    rows = folded(batch)
    summed = [column for name, column in rows.numbers.items() if MEASURES[name].aggregate == "sum"]
    assert np.any(summed, axis=0).all()


@given(some_batches)
@settings(max_examples=60, deadline=None)
def test_the_rows_of_a_user_add_up_to_those_of_the_workflows(batch):
    rows = folded(batch)
    of_users = (rows.workflow_hi == 0) & (rows.workflow_lo == 0)
    for name, one in rows.numbers.items():
        reduce = MEASURES[name].reduce.reduce
        assert reduce(one[of_users]) == reduce(one[~of_users])


def test_an_event_alone_is_six_rows():
    assert len(folded(([(JOB, 0, 1_772_359_200, 5, NO_STATUS)], [], [])).resolution) == 6


def test_rows_have_only_the_numbers_that_their_events_change():
    """So that a batch of log lines sends no columns of jobs."""
    rows = folded(([], [(0, 1_772_359_200, 5, 0)], []))
    assert rows.numbers.keys() == {"log_lines", "log_bytes", "stderr_lines", "stderr_bytes"}
    assert rows.counters == {}


def test_jobs_without_a_status_send_none():
    rows = folded(([(JOB, 0, 1_772_359_200, 5, NO_STATUS)], [], []))
    assert not {"jobs_with_status", "failed_seconds"} & rows.numbers.keys()
    assert rows.counters.keys() == {"durations"}


@pytest.mark.parametrize(
    ("at_s", "bucket_s"),
    [(-1, 0), (-(2**40), 0), (LAST_S, 4_294_966_500), (LAST_S + 1, 4_294_966_500), (2**40, 4_294_966_500)],
)
def test_a_time_that_clickhouse_cannot_hold_goes_to_its_first_or_last_quarter(at_s, bucket_s):
    rows = folded(([(JOB, 0, at_s, 5, FAILED)], [], []))
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
    rows = folded(([], [(1, at_s, 5, 0)], []))
    assert set(rows.bucket_s[rows.resolution == resolution].tolist()) == {bucket_s}


def test_seconds_beyond_32_bits_are_summed():
    rows = folded(([(JOB, 0, 0, 366 * DAY_S, FAILED)] * 200, [], []))
    assert rows.numbers["execution_seconds"].max() == 200 * 366 * DAY_S
    assert rows.numbers["failed_seconds"].max() == 200 * 366 * DAY_S


def test_a_user_in_two_spellings_has_one_row():
    batch = gathered("analytics", finished_job(7), finished_job(8, UserID=USER.upper()))
    rows = fold(additions(batch.keyed, [], []), batch.owners)
    of_user = (rows.resolution == TOTAL) & (rows.workflow_lo == 0)
    assert rows.numbers["jobs"][of_user].tolist() == [2]


def test_a_workflow_is_added_at_the_time_of_the_record_that_names_it():
    (added,) = additions([], [], [Named(0, NOW_MS + 999, 17)]).added
    assert (added.numbers["workflows"].tolist(), added.at_s.tolist()) == ([1], [NOW_MS // 1000])


def test_a_result_is_added_at_the_time_of_its_record():
    batch = gathered("workflows", step("JOB_COMPLETED"), time_ms=NOW_MS + 999)
    (added,) = additions(batch.keyed, [], []).added
    assert (added.numbers["jobs_completed"].tolist(), added.at_s.tolist()) == ([1], [NOW_MS // 1000])


def test_lines_add_their_bytes():
    batch = gathered("job_logs", log_line(0, Message="ab"), log_line(1, stream="stderr", Message="\u00e9"))
    sums = sums_of_rows(fold(additions([], batch.lines, [], streams=batch.streams), batch.owners))
    of_user = sums[TOTAL, UUID(USER).int, 0, 0].numbers
    assert [of_user[name] for name in ("log_lines", "log_bytes", "stderr_lines", "stderr_bytes")] == [
        2,
        4,
        1,
        2,
    ]


def test_a_line_with_an_odd_event_key_is_of_its_stream_too():
    batch = gathered("job_logs", log_line(0, EventKey="a"), log_line(1, EventKey="b", stream="stderr"))
    sums = sums_of_rows(fold(additions(batch.keyed, [], []), batch.owners))
    assert sums[TOTAL, UUID(USER).int, 0, 0].numbers["stderr_lines"] == 1


def test_owners_that_are_met_later_are_known_too():
    """They outlive a batch."""
    known = owners()
    before = added_by(([], [(0, NOW_MS // 1000, 5, 0)], []))
    fold(before, known)
    known.of(some_id(30), some_id(31))
    rows = fold(added_by(([], [(4, NOW_MS // 1000, 5, 0)], [])), known)
    of_workflow = {(user, flow) for _, user, flow, _ in sums_of_rows(rows) if flow}
    assert of_workflow == {(UUID(some_id(30)).int, UUID(some_id(31)).int)}


def test_results_without_a_failure_send_none():
    rows = folded(([(RESULT, 0, 1_772_359_200, 0, WAS_COMPLETED)], [], []))
    assert (rows.counters, rows.numbers["jobs_completed"].tolist()) == ({}, [1] * 6)


def test_nothing_adds_nothing():
    assert additions([], [], []) == Additions([])
    assert fold(Additions([]), owners()) is None


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
