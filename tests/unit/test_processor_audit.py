"""What an audit makes of what it read; the reading itself is tested on a real ClickHouse."""

from uuid import uuid4

import pytest

from processor.audit.finding import CHECKS, Finding, Harm, Report
from processor.audit.index import (
    Bounds,
    Keys,
    LineCounts,
    bounds_findings,
    index_row_findings,
    job_bounds,
    line_bounds,
)
from processor.audit.ledger_rows import CheckpointRow, Known
from processor.audit.log_range import LogRange, log_findings
from processor.audit.numbers import sketch_findings
from tests.processor_world import some_partition

PARTITION = some_partition()
NUMBERS = list(range(16))  # of each measure, and of each counter


def harms(findings):
    return [one.harm for one in findings]


# --- checkpoints and the log ---


@pytest.mark.parametrize(
    ("low", "end", "harm"),
    [(0, 10, []), (10, 10, []), (0, 99, []), (11, 20, [Harm.WRONG]), (0, 9, [Harm.MAY_BECOME_WRONG])],
    ids=["at the end", "at an empty log", "behind", "records are gone", "the log was cut"],
)
def test_a_checkpoint_must_lie_in_the_log(low, end, harm):
    row = CheckpointRow(PARTITION.id, 1, 10, 10, 0)
    assert harms(log_findings([(PARTITION, row)], {("analytics", 0): LogRange(low, end)})) == harm


def test_how_many_records_are_lost_is_said():
    row = CheckpointRow(PARTITION.id, 1, 10, 10, 0)
    (one,) = log_findings([(PARTITION, row)], {("analytics", 0): LogRange(1_510, 2_000)})
    assert "1,500 records of analytics/0" in one.what
    assert "skip analytics 0" in one.remedy


def test_a_partition_that_the_broker_does_not_have_is_found():
    row = CheckpointRow(PARTITION.id, 1, 10, 10, 0)
    assert harms(log_findings([(PARTITION, row)], {})) == [Harm.MAY_BECOME_WRONG]


# --- the index ---


def test_jobs_lie_between_their_keys_and_all_that_may_be_jobs():
    keys = Keys(distinct=5, by_partition=6, again=2, records=12)
    assert job_bounds(keys, applied=20) == Bounds(5, 6 + 2 + (20 - 12))


def test_lines_are_as_many_as_the_index_knows():
    assert line_bounds(LineCounts(10, 10, 0, dropped=False), Keys(2, 2, 0, 3)) == Bounds(12, 12)


def test_lines_beyond_the_horizon_may_have_counted_again():
    assert line_bounds(LineCounts(10, 11, 4, dropped=False), Keys(2, 2, 1, 3)) == Bounds(12, 18)


def test_where_weeks_were_dropped_there_may_be_any_number_more():
    assert line_bounds(LineCounts(10, 10, 0, dropped=True), Keys(0, 0, 0, 0)) == Bounds(10, None)


@pytest.mark.parametrize(
    ("number", "harm"), [(4, [Harm.WRONG]), (5, []), (7, []), (8, [Harm.MAY_BECOME_WRONG])]
)
def test_numbers_must_be_within_their_bounds(number, harm):
    assert harms(bounds_findings({"jobs": number}, {"jobs": Bounds(5, 7)})) == harm


@pytest.mark.parametrize(("highest", "harm"), [(9, []), (10, [Harm.MAY_BECOME_WRONG])])
def test_index_rows_must_be_of_records_that_the_log_has(highest, harm):
    known = {PARTITION.id: Known(PARTITION, is_current=True)}
    assert harms(index_row_findings({PARTITION.id: (highest, 1)}, known, {PARTITION.id: 10})) == harm


def test_index_rows_of_a_log_that_cannot_be_asked_are_left_alone():
    known = {PARTITION.id: Known(PARTITION, is_current=False)}
    assert index_row_findings({PARTITION.id: (99, 1)}, known, {}) == []


def test_index_rows_of_nobody_are_counted_together():
    (one,) = index_row_findings({uuid4(): (9, 700), uuid4(): (9, 800)}, {}, {})
    assert (one.harm, "1,500 rows" in one.what) == (Harm.HARMLESS, True)


# --- sums over everything ---


def test_equal_sums_are_right():
    same = dict.fromkeys(((0, 0), (0, 1), (1, 0), (1, 1)), NUMBERS)
    assert sketch_findings(same) == sketch_findings({}) == []


@pytest.mark.parametrize("which", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_sum_that_differs_is_found(which):
    sums = dict.fromkeys(((0, 0), (0, 1), (1, 0), (1, 1)), NUMBERS) | {which: [*NUMBERS[:-1], 99]}
    assert Harm.WRONG in harms(sketch_findings(sums))


# --- the report ---


def test_a_report_is_right_when_all_it_found_is_harmless():
    harmless = Finding("index", Harm.HARMLESS, "", "")
    assert Report([harmless]).is_right
    assert not Report([harmless, harmless._replace(harm=Harm.MAY_BECOME_WRONG)]).is_right


def test_every_check_is_named_once():
    """They are labels of a metric."""
    assert len(set(CHECKS)) == len(CHECKS)
