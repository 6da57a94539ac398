import pytest

from analytics.answers import (
    Standing,
    freshness_answer,
    saturate_uint32,
    saturate_uint64,
    user_answer,
    workflow_answer,
)
from analytics.freshness_pb2 import Freshness
from analytics.model import Totals, WorkflowKey
from tests.grpc_world import USER, WORKFLOW

STANDING = Standing(Freshness(stale=True), cache_max_age_s=45)


@pytest.mark.parametrize(("number", "held"), [(0, 0), (2**32 - 1, 2**32 - 1), (2**32, 2**32 - 1), (-1, 0)])
def test_uint32_saturates(number, held):
    """A number stays at the border of its type and never wraps."""
    assert saturate_uint32(number) == held


@pytest.mark.parametrize(("number", "held"), [(2**64 - 1, 2**64 - 1), (2**64, 2**64 - 1), (-(2**63), 0)])
def test_uint64_saturates(number, held):
    """A number stays at the border of its type and never wraps."""
    assert saturate_uint64(number) == held


def test_user_answer_places_each_number():
    """Each sum goes to its own field."""
    answer = user_answer(Totals(workflows=1, jobs=2, execution_seconds=3, log_lines=4), STANDING)
    assert (answer.total_workflows, answer.total_jobs) == (1, 2)
    assert (answer.total_job_execution_duration, answer.total_joblogs) == (3, 4)


def test_workflow_answer_saturates_jobs():
    """The jobs of a workflow are a uint32."""
    answer = workflow_answer(WorkflowKey(USER, WORKFLOW), Totals(jobs=2**40), STANDING)
    assert answer.total_jobs == 2**32 - 1


@pytest.mark.parametrize(
    "answer",
    [user_answer(Totals(), STANDING), workflow_answer(WorkflowKey(USER, WORKFLOW), Totals(), STANDING)],
)
def test_both_answers_say_how_they_stand(answer):
    """Freshness and advice for caches are in each answer."""
    assert (answer.freshness, answer.cache_max_age.seconds) == (STANDING.freshness, 45)


def test_unknown_freshness_is_stale():
    """Without an as-of time neither time is set, and the numbers count as stale."""
    assert freshness_answer(None, now_ms=1, stale_after_s=30) == Freshness(stale=True)


@pytest.mark.parametrize(("age_ms", "stale"), [(0, False), (30_000, False), (30_001, True)])
def test_stale_after(age_ms, stale):
    """Numbers are stale when older than the limit."""
    assert freshness_answer(1_000, now_ms=1_000 + age_ms, stale_after_s=30).stale is stale


def test_age_is_never_negative():
    """A clock behind the broker's gives age zero."""
    freshness = freshness_answer(5_500, now_ms=5_000, stale_after_s=30)
    assert freshness.HasField("age")
    assert freshness.age.ToMilliseconds() == 0
    assert freshness.as_of_time.ToMilliseconds() == 5_500
