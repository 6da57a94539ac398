"""What batches add, as a real ClickHouse keeps it: against the plain model, merged or not."""

from collections import Counter
from uuid import UUID

import pytest

from processor.fold import CHECKPOINT
from processor.measures import COUNTERS, MEASURES, NO_DURATION_S
from tests.operator_world import Counted
from tests.plain_sums import OF_NAMED, Sum, of_job, of_line, of_result, plain_sums
from tests.processor_world import (
    NOW_MS,
    USER,
    WORKFLOW,
    finished_job,
    fresh_database,
    log_line,
    pools,
    some_id,
    step,
)

pytestmark = pytest.mark.integration

PAIR = UUID(USER).int, UUID(WORKFLOW).int
NOW_S = NOW_MS // 1000
DAY_MS = 86_400_000

_AGGREGATES = ", ".join(f"{one.aggregate}({name})" for name, one in MEASURES.items())
_STORED = f"""
SELECT resolution, user_id, workflow_id, toUnixTimestamp(bucket_start), {_AGGREGATES},
       {", ".join(f"sumMap({name})" for name in COUNTERS)}
FROM analytics
WHERE resolution != 'checkpoint'
GROUP BY resolution, user_id, workflow_id, bucket_start
"""
_RESOLUTIONS = {"total": 1, "day": 2, "quarter": 3}


@pytest.fixture
def world(clickhouse):
    """Nothing is counted yet."""
    settings = fresh_database(clickhouse.address)
    with pools(settings) as (plain, columns):
        yield Counted(settings, plain, columns)


def stored(world):
    """The rows as the plain model has them."""
    sums = {}
    for resolution, user, flow, bucket_s, *values in world.query(_STORED):
        numbers = dict(zip(MEASURES, values, strict=False))
        counters = dict(zip(COUNTERS, map(Counter, values[len(MEASURES) :]), strict=True))
        sums[_RESOLUTIONS[resolution], user.int, flow.int, bucket_s] = Sum(numbers, counters)
    return sums


def job(number, seconds, status=None):
    event = finished_job(number, seconds=seconds)
    if status is not None:
        event["Data"]["status"] = status
    return event


def failed(number, kind, code):
    key = f"workflow:job:{some_id(number)}:JOB_FAILED"
    return step("JOB_FAILED", EventKey=key, FailureKind=kind, ErrorCode=code)


def completed(number):
    return step("JOB_COMPLETED", EventKey=f"workflow:job:{some_id(number)}:JOB_COMPLETED")


def test_what_is_counted_is_what_the_plain_model_counts(world):
    """In batches with and without each column, with repeats, before and after the parts are merged."""
    late_ms = NOW_MS + DAY_MS
    world.count("analytics", job(1, 7), job(2, 0), job(3, 7), job(1, 500))
    world.count("analytics", job(4, 90_000, "FAILED"), job(5, 7, "COMPLETED"), job(2, 1), time_ms=late_ms)
    world.count("workflows", completed(1), failed(2, "USER", "Aborted"), failed(3, "SYSTEM", "Internal"))
    world.count("workflows", failed(4, "USER", "Aborted"), failed(2, "USER", "NotFound"), time_ms=late_ms)
    world.count("workflows", failed(5, "", ""), step("BUILD"))
    world.count("job_logs", log_line(0), log_line(0, stream="stderr", Message="\u00e9"), log_line(1))
    world.count("job_logs", log_line(2, stream="stderr", EventKey="odd"), log_line(1))
    late_s = late_ms // 1000
    expected = plain_sums(
        [
            *((PAIR, NOW_S, one) for one in (of_job(7), of_job(0), of_job(7), OF_NAMED)),
            *((PAIR, late_s, one) for one in (of_job(90_000, "FAILED"), of_job(7, "COMPLETED"))),
            *((PAIR, NOW_S, of_result(one)) for one in (None, "USER Aborted", "SYSTEM Internal", " ")),
            (PAIR, late_s, of_result("USER Aborted")),
            *(
                (PAIR, NOW_S, of_line(*one))
                for one in ((5, "stdout"), (2, "stderr"), (5, "stdout"), (5, "stderr"))
            ),
        ]
    )
    assert stored(world) == expected
    world.query("OPTIMIZE TABLE analytics FINAL")
    assert stored(world) == expected


def test_a_batch_without_jobs_leaves_no_shortest_duration(world):
    world.count("workflows", completed(1))
    ((shortest,),) = world.query("SELECT min(shortest_seconds) FROM analytics")
    assert shortest == NO_DURATION_S


def test_checkpoints_have_no_numbers(world):
    world.count("analytics", job(1, 7, "FAILED"))
    ((numbers, counted),) = world.query(
        "SELECT sum(jobs + execution_seconds + failed_seconds + longest_seconds), sum(length(durations) + "
        f"length(failed_durations)) FROM analytics WHERE resolution = {CHECKPOINT}"
    )
    assert (numbers, counted) == (0, 0)


def test_five_hundred_ways_to_fail_fit_into_one_batch(world):
    """Their names travel in the statement."""
    code = "x" * 60
    ways = [(f"{code}{number % 10}", f"{code}{number}") for number in range(600)]
    world.count("workflows", *(failed(number, *way) for number, way in enumerate(ways)))
    ((found,),) = world.query(
        f"SELECT sumMap(failures) FROM analytics WHERE resolution = 'total' AND workflow_id = toUUID('{WORKFLOW}')"
    )
    assert found == {" ".join(way): 1 for way in ways[:500]} | {"OTHER OTHER": 100}
