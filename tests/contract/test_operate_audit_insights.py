"""The auditor on a real ClickHouse, over results, failures and durations."""

import pytest

from processor.audit.finding import Harm
from tests.contract.test_operate_audit import DAYS_15, NIL, add, add_checkpoint_row, add_everywhere, found
from tests.operator_world import counted_copy
from tests.processor_world import NOW_MS, finished_job, some_id, step

pytestmark = pytest.mark.integration

TOTALS_AND_USERS = [("totals", Harm.WRONG), ("users", Harm.WRONG)]


@pytest.fixture
def world(clickhouse):
    with counted_copy(clickhouse.address) as world:
        yield world


# --- durations ---


@pytest.mark.parametrize(("column", "number"), [("longest_seconds", 10**6), ("shortest_seconds", 0)])
def test_a_longest_or_shortest_duration_of_a_total_that_no_day_has_is_found(world, column, number):
    add(world, "total", column, number)
    assert set(TOTALS_AND_USERS) <= set(found(world.audit()))
    assert set(TOTALS_AND_USERS) <= set(found(world.sketch()))


def test_a_job_that_is_counted_in_another_bin_is_found(world):
    """As many jobs, but one of them of another duration."""
    for bin_, number in ((100, 1), (117, -1)):
        world.query(
            "INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, durations) "
            f"SELECT 'total', user_id, workflow_id, bucket_start, map({bin_}, {number}) FROM analytics "
            f"WHERE resolution = 'total' AND workflow_id = {NIL} LIMIT 1"
        )
    assert set(TOTALS_AND_USERS) <= set(found(world.audit()))
    assert set(TOTALS_AND_USERS) <= set(found(world.sketch()))


# --- results ---


def result(number, **fields):
    return step("JOB_FAILED", **({"EventKey": f"workflow:job:{some_id(number)}:JOB_FAILED"} | fields))


def test_results_are_as_many_as_the_index_knows(world):
    """With repeats, steps of a workflow's life, and one beyond the horizon, which counts again."""
    world.count("workflows", result(1), result(2), result(1), step("BUILD"))
    world.count("workflows", result(2), result(3, EventKey="", JobID=some_id(9)))
    world.count("workflows", result(1), time_ms=NOW_MS + DAYS_15)
    ((results,),) = world.query(
        f"SELECT sum(jobs_failed) FROM analytics WHERE resolution = 'total' AND workflow_id = {NIL}"
    )
    assert (results, found(world.audit())) == (4, [])


@pytest.mark.parametrize(("number", "harm"), [(-1, Harm.WRONG), (2, Harm.MAY_BECOME_WRONG)])
def test_results_that_the_index_does_not_allow_are_found(world, number, harm):
    """One more could be that of the step, which has no row."""
    world.count("workflows", result(1), result(2), step("BUILD"))
    add_everywhere(world, "jobs_failed", number)
    assert ("index", harm) in found(world.audit())


def test_a_database_of_a_former_version_is_right(world):
    """It has applied jobs without durations, and topic `workflows` without results and index rows."""
    add_checkpoint_row(world, world.partition_id("workflows"), 1, 50, 50)
    world.query(
        "ALTER TABLE analytics UPDATE durations = map(), shortest_seconds = 4294967295, longest_seconds = 0 WHERE 1 "
        "SETTINGS mutations_sync = 2"
    )
    world.count("workflows", result(1), result(3), result(1), step("BUILD"))
    world.count("analytics", finished_job(500))
    assert found(world.audit()) == found(world.sketch()) == []
