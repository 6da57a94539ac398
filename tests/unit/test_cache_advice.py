import pytest

from analytics.cache_advice import CacheAdvice
from analytics.model import Totals, WorkflowKey
from tests.grpc_world import STRANGER, USER, WORKFLOW

KEY = WorkflowKey(USER, WORKFLOW)


def test_numbers_never_seen_before_may_have_changed_just_now():
    assert CacheAdvice().max_age_s(KEY, Totals(jobs=1), 1000.0) == 30


@pytest.mark.parametrize(("rested_s", "max_age_s"), [(1, 30), (300, 30), (450, 45), (600, 60), (86_400, 60)])
def test_the_longer_they_rest_the_longer_they_may_be_kept(rested_s, max_age_s):
    advice = CacheAdvice()
    advice.max_age_s(KEY, Totals(jobs=1), 0.0)
    assert advice.max_age_s(KEY, Totals(jobs=1), rested_s) == max_age_s


def test_a_change_begins_anew():
    advice = CacheAdvice()
    advice.max_age_s(KEY, Totals(jobs=1), 0.0)
    assert advice.max_age_s(KEY, Totals(jobs=2), 600.0) == 30
    assert advice.max_age_s(KEY, Totals(jobs=2), 900.0) == 30


def test_each_key_rests_by_itself():
    advice = CacheAdvice()
    advice.max_age_s(KEY, Totals(jobs=1), 0.0)
    assert advice.max_age_s(WorkflowKey(STRANGER, WORKFLOW), Totals(jobs=1), 600.0) == 30


def test_what_was_asked_for_longest_ago_is_forgotten():
    """Memory is bounded, whatever is asked for."""
    advice = CacheAdvice(remembered=2)
    first, second, third = (WorkflowKey(USER, WORKFLOW.__class__(int=number)) for number in (1, 2, 3))
    for key in (first, second, first, third):
        advice.max_age_s(key, Totals(), 0.0)
    assert advice.max_age_s(first, Totals(), 600.0) == 60
    assert advice.max_age_s(second, Totals(), 600.0) == 30
