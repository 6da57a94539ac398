"""When malformed records are bad luck, and when they are a deployment error."""

import pytest

from analytics.errors import TooManyMalformed
from processor.dead_letter import MalformedShare


def raises(*batches):
    """Whether a run of (records, malformed) is too much, and only its last batch is."""
    share = MalformedShare()
    for records, malformed in batches[:-1]:
        share.note(records, malformed)
    try:
        share.note(*batches[-1])
    except TooManyMalformed:
        return True
    return False


@pytest.mark.parametrize(("malformed", "too_many"), [(99, False), (100, True)])
def test_fewer_than_a_hundred_are_never_too_many(malformed, too_many):
    assert raises((malformed, malformed)) is too_many


@pytest.mark.parametrize(("malformed", "too_many"), [(1000, False), (1001, True)])
def test_a_tenth_of_ten_thousand_is_not_too_many_but_more_is(malformed, too_many):
    assert raises((10_000, malformed)) is too_many


def test_they_add_up_over_batches():
    assert raises(*[(100, 10)] * 10, (100, 11))


def test_a_share_below_a_tenth_never_ends_the_program():
    assert not raises(*[(1000, 99)] * 50)


def test_what_lies_ten_thousand_records_back_is_forgotten():
    assert not raises((1000, 99), *[(1000, 0)] * 10, (1000, 99))


def test_what_lies_less_far_back_is_not():
    assert raises((100, 60), (500, 0), (400, 50))


def test_one_bad_batch_after_many_good_ones_is_judged_with_those_of_the_last_ten_thousand():
    """A million good records of an hour ago do not excuse a thousand bad ones now."""
    assert raises(*[(1000, 0)] * 1000, (1000, 1000), (100, 100))


def test_a_batch_of_more_than_ten_thousand_is_judged_alone():
    assert raises((10_000, 0), (20_000, 2001))


def test_polls_without_records_change_nothing():
    assert not raises((0, 0), (0, 0))


def test_the_message_says_how_many_and_that_nothing_is_lost():
    with pytest.raises(TooManyMalformed, match=r"100 of the last 150 records .* None of them is lost"):
        MalformedShare().note(150, 100)
