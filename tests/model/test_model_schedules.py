"""Random schedules of everything that may happen never make a number of the model wrong; with a rule left out, they do.

When a schedule fails, keep it: add it to `kept_schedules`.
"""

from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.model.kept_schedules import KEPT
from tests.model.modelled import play
from tests.model.protocol import Rules
from tests.model.schedules import schedules

ALL_RULES = Rules()
RARE = {"count_after_fetch", "generation_in_condition"}
"""The rules whose absence shows in one of a thousand schedules only: the kept ones show it."""
NEEDED_FOR = dict(zip((one.name for one in fields(Rules)), KEPT, strict=True))


@given(schedule=schedules(st.integers(0, 7)))
@settings(max_examples=examples(700, soak=20_000))
def test_no_schedule_makes_a_number_wrong(schedule):
    play(schedule, ALL_RULES)


@pytest.mark.parametrize("why", KEPT)
def test_what_once_made_a_number_wrong_does_so_no_more(why):
    play(KEPT[why], ALL_RULES)


@pytest.mark.parametrize("rule", sorted(NEEDED_FOR.keys() - RARE))
def test_schedules_find_out_that_a_rule_is_missing(rule):
    @given(schedule=schedules(st.integers(0, 7)))
    @settings(
        max_examples=5_000,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(schedule):
        play(schedule, replace(ALL_RULES, **{rule: False}))

    with pytest.raises(AssertionError):
        check()


@pytest.mark.parametrize("rule", NEEDED_FOR)
def test_the_kept_schedules_fail_without_the_rule_that_they_are_kept_for(rule):
    with pytest.raises(AssertionError):
        play(KEPT[NEEDED_FOR[rule]], replace(ALL_RULES, **{rule: False}))
