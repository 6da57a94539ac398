"""The filter in memory: it may ask too much, never too little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.seen_keys import BITS_PER_KEY, SeenKeys

SIZE_BYTES = 1 << 15
CAPACITY = SIZE_BYTES * 8 // BITS_PER_KEY

halves = st.integers(0, 2**64 - 1)
many_keys = st.lists(st.tuples(halves, halves), min_size=1, max_size=50)


def columns(keys):
    hi, lo = zip(*keys, strict=True)
    return np.array(hi, np.uint64), np.array(lo, np.uint64)


def regular_keys(count, seed):
    """Keys of jobs: times that grow, random lower halves."""
    random = np.random.default_rng(seed)
    hi = (np.uint64(0x0195643ED943) + np.arange(count, dtype=np.uint64)) << np.uint64(16) | np.uint64(0x1293)
    return hi, random.integers(0, 2**63, count, dtype=np.uint64) | np.uint64(1 << 63)


def random_keys(count, seed):
    """Keys of any other EventKey without a time."""
    random = np.random.default_rng(seed)
    return random.integers(0, 2**16, count, dtype=np.uint64), random.integers(
        0, 2**63, count, dtype=np.uint64
    )


def full_filter(keys_of):
    seen = SeenKeys(SIZE_BYTES)
    seen.add(*keys_of(CAPACITY, seed=1))
    return seen


@given(many_keys, st.sampled_from([16, 64, 1000, 4096]))
@settings(max_examples=100, deadline=None)
def test_a_key_that_was_added_is_always_asked(keys, size_bytes):
    seen = SeenKeys(size_bytes)
    seen.add(*columns(keys))
    assert seen.may_have(*columns(keys)).all()


def test_keys_that_are_added_later_do_not_drive_out_earlier_ones():
    seen = SeenKeys(SIZE_BYTES)
    seen.add(*regular_keys(CAPACITY, seed=1))
    seen.add(*regular_keys(CAPACITY, seed=2))
    assert seen.may_have(*regular_keys(CAPACITY, seed=1)).all()


def test_an_empty_filter_calls_every_key_fresh():
    assert not SeenKeys(SIZE_BYTES).may_have(*regular_keys(1000, seed=1)).any()


@pytest.mark.parametrize("keys_of", [regular_keys, random_keys])
def test_a_full_filter_asks_for_fewer_than_three_fresh_keys_in_a_hundred(keys_of):
    fresh = keys_of(50_000, seed=2)
    assert full_filter(keys_of).may_have(*fresh).mean() < 0.03


def test_keys_of_the_same_millisecond_are_told_apart():
    """A burst of jobs shares the upper half of its keys."""
    hi, lo = regular_keys(CAPACITY, seed=1)
    seen = SeenKeys(SIZE_BYTES)
    seen.add(np.full_like(hi, hi[0]), lo)
    assert seen.may_have(np.full_like(hi, hi[0]), regular_keys(CAPACITY, seed=2)[1]).mean() < 0.03


def test_a_key_below_the_floor_is_asked_although_nothing_was_added():
    seen = SeenKeys(SIZE_BYTES)
    seen.know_from(100)
    asked = seen.may_have(*columns([(99, 1), (100, 1), (101, 1)]))
    assert asked.tolist() == [True, False, False]


@pytest.mark.parametrize(("added", "full"), [(CAPACITY - 1, False), (CAPACITY, True)])
def test_a_filter_is_full_at_its_capacity(added, full):
    seen = SeenKeys(SIZE_BYTES)
    seen.add(*regular_keys(added, seed=1))
    assert seen.is_full is full


def test_a_size_between_powers_of_two_is_rounded_down():
    seen = SeenKeys(SIZE_BYTES + SIZE_BYTES // 2)
    seen.add(*regular_keys(CAPACITY, seed=1))
    assert seen.is_full
