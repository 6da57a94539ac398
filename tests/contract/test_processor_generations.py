"""Partitions that are frozen where their topic grew: what was prepared before is refused, on a real ClickHouse."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from processor.ledger import CheckpointMoved
from processor.model import Checkpoint
from tests.contract.ledger_world import LedgerWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(stores):
    return LedgerWorld(*stores)


@pytest.fixture
def begun(world):
    return world.begun()


def test_a_frozen_partition_stays_where_it_is(begun):
    begun.apply(0, 7)
    assert begun.freeze(7) == Checkpoint(7, 4, generation=1) == begun.ledger.checkpoint(begun.partition)


def test_what_was_prepared_before_a_partition_was_frozen_is_refused(begun):
    begun.freeze(0)
    with pytest.raises(CheckpointMoved):
        begun.apply(0, 7, begun.rows(jobs=1))
    assert (begun.next_offset, begun.jobs) == (0, 0)


def test_a_frozen_partition_goes_on_in_the_next_generation(begun):
    begun.freeze(0)
    assert begun.apply(0, 7, begun.rows(jobs=1), generation=1)
    assert (begun.next_offset, begun.jobs) == (7, 1)


def test_a_partition_is_frozen_once(begun):
    begun.freeze(0)
    with pytest.raises(CheckpointMoved) as moved:
        begun.freeze(0)
    assert moved.value.checkpoint.generation == 1


def test_a_partition_that_has_moved_on_is_not_frozen(begun):
    begun.apply(0, 7)
    with pytest.raises(CheckpointMoved):
        begun.freeze(0)
    assert begun.ledger.checkpoint(begun.partition) == Checkpoint(7, 4, generation=0)


def test_a_ghost_token_does_not_keep_a_partition_from_being_frozen(begun):
    begun.use_up("0#0#0")
    assert begun.freeze(0).generation == 1


def test_a_partition_that_came_with_a_generation_begins_in_it(world):
    assert world.ledger.begin(world.partition, 5, 2) == Checkpoint(5, generation=2)
    assert world.apply(5, 7, generation=2)


def test_of_freezing_and_applying_at_the_same_time_one_passes(begun):
    """Both find the checkpoint that they expect: the token tells them apart."""
    together = threading.Barrier(2)

    def attempt(action, *arguments):
        together.wait()
        try:
            return bool(action(*arguments))
        except CheckpointMoved:
            return False

    with ThreadPoolExecutor(2) as threads:
        for generation in range(20):
            first = begun.next_offset
            applied = threads.submit(
                attempt, begun.apply, first, first + 1, begun.rows(jobs=1), 0, generation
            )
            frozen = threads.submit(attempt, begun.freeze, first, generation)
            assert {applied.result(), frozen.result()} == {True, False}
            if not frozen.result():
                begun.freeze(first + 1, generation)
    assert begun.next_offset == begun.jobs
