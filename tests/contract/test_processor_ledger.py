"""The ledger on a real ClickHouse: numbers and checkpoint land together and once, whoever writes at the same time."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from analytics.errors import LedgerBroken
from processor.ledger import CheckpointMoved
from processor.model import Checkpoint
from tests.contract.ledger_world import MANY, PARTS, TOTALS, LedgerWorld
from tests.processor_world import some_partition

pytestmark = pytest.mark.integration


@pytest.fixture
def world(stores):
    return LedgerWorld(*stores)


@pytest.fixture
def begun(world):
    return world.begun()


# --- the beginning ---


def test_a_partition_that_was_never_begun_has_no_checkpoint(world):
    assert world.next_offset is None


@pytest.mark.parametrize("low", [0, 5, 10**15])
def test_a_partition_begins_at_the_low_watermark(world, low):
    assert (
        world.ledger.begin(world.partition, low, 0)
        == Checkpoint(low, -1)
        == world.ledger.checkpoint(world.partition)
    )


def test_to_begin_again_changes_nothing(world):
    world.ledger.begin(world.partition, 5, 0)
    assert (world.ledger.begin(world.partition, 5, 0).next_offset, world.next_offset) == (5, 5)


def test_who_begins_later_with_another_low_watermark_goes_on_from_the_first_one(world):
    world.ledger.begin(world.partition, 5, 0)
    assert world.ledger.begin(world.partition, 9, 0).next_offset == 5


def test_to_begin_a_partition_that_has_moved_on_returns_its_checkpoint(begun):
    begun.apply(0, 7)
    assert begun.ledger.begin(begun.partition, 3, 0).next_offset == 7


def test_beginners_at_the_same_time_agree(stores):
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            world, together = LedgerWorld(*stores), threading.Barrier(4)

            def begin(low, world=world, together=together):
                together.wait()
                return world.ledger.begin(world.partition, low, 0).next_offset

            assert len({*threads.map(begin, (3, 0, 7, 5)), world.next_offset}) == 1


def test_a_server_that_died_over_the_first_row_of_a_partition_does_not_keep_it_from_beginning(world):
    world.use_up("init", started=0)
    assert world.ledger.begin(world.partition, 5, 0).next_offset == 5


# --- one batch ---


def test_apply_moves_the_checkpoint(begun):
    assert (begun.apply(0, 7), begun.ledger.checkpoint(begun.partition)) == (True, Checkpoint(7, 4))


def test_apply_writes_the_numbers(begun):
    begun.apply(0, 7, begun.rows(jobs=3, count=5))
    assert begun.one_row(TOTALS) == (15, 5)


def test_numbers_and_checkpoint_are_one_part(begun):
    with begun.plain.lend(10) as connection:
        connection.query("SYSTEM STOP MERGES analytics")
        begun.apply(0, 7, begun.rows(jobs=1, count=MANY))
        (parts,) = begun.one_row(PARTS)
        connection.query("SYSTEM START MERGES analytics")
    assert parts == 1


def test_batches_follow_each_other(begun):
    for first in range(0, 12, 3):
        begun.apply(first, first + 3, begun.rows(jobs=3))
    assert (begun.next_offset, begun.jobs) == (12, 12)


def test_another_partition_does_not_move(begun):
    begun.apply(0, 7)
    assert begun.ledger.checkpoint(some_partition()) is None


@pytest.mark.parametrize(("first", "end"), [(0, 9), (4, 9), (6, 9), (8, 9)])
def test_a_batch_that_does_not_begin_at_the_checkpoint_is_refused_and_nothing_written(begun, first, end):
    begun.apply(0, 7)
    with pytest.raises(CheckpointMoved) as moved:
        begun.apply(first, end, begun.rows(jobs=1))
    assert (moved.value.checkpoint, begun.next_offset, begun.jobs) == (Checkpoint(7, 4), 7, 0)


def test_a_refused_batch_does_not_use_up_its_token(begun):
    with pytest.raises(CheckpointMoved):
        begun.apply(7, 9)
    begun.apply(0, 7)
    assert begun.apply(7, 9)


def test_a_batch_of_a_partition_that_was_never_begun_is_refused(world):
    with pytest.raises(CheckpointMoved) as moved:
        world.apply(0, 7, world.rows(jobs=1))
    assert (moved.value.checkpoint, world.jobs) == (None, 0)


def test_a_batch_that_is_sent_again_finds_itself_applied(begun):
    """As after an answer that was lost."""
    begun.apply(0, 7, begun.rows(jobs=1))
    with pytest.raises(CheckpointMoved) as moved:
        begun.apply(0, 7, begun.rows(jobs=1))
    assert (moved.value.checkpoint.next_offset, begun.jobs) == (7, 1)


# --- the token ---


@pytest.mark.parametrize(("used_by", "sent"), [(1, 1), (1, MANY), (MANY, 1), (MANY, MANY)])
def test_a_used_token_holds_back_an_insert_that_meets_the_condition(begun, used_by, sent):
    begun.apply(0, 7, begun.rows(jobs=1, count=used_by))
    begun.insert(7, 9, begun.rows(jobs=1, count=sent), token="0#0#0")
    assert (begun.next_offset, begun.jobs) == (7, used_by)


def test_a_new_token_holds_nothing_back(begun):
    begun.apply(0, 7, begun.rows(jobs=1))
    begun.insert(7, 9, begun.rows(jobs=1), token="7#0#0")
    assert (begun.next_offset, begun.jobs) == (9, 2)


def test_a_token_is_of_its_partition_only(begun):
    begun.apply(0, 7)
    other = some_partition()
    start = begun.ledger.begin(other, 0, 0)
    assert begun.ledger.apply(other, start, 7, None, leader_epoch=4, ghosts=0)


def test_a_token_without_its_part_is_told(begun):
    begun.use_up("0#0#0")
    assert (begun.apply(0, 7, begun.rows(jobs=1)), begun.next_offset, begun.jobs) == (False, 0, 0)


def test_after_that_the_next_token_is_right(begun):
    begun.use_up("0#0#0")
    assert [begun.apply(0, 7, begun.rows(jobs=1), ghosts=ghosts) for ghosts in (0, 1)] == [False, True]
    assert (begun.next_offset, begun.jobs) == (7, 1)


# --- at the same time ---


def test_of_appliers_at_the_same_time_exactly_one_wins_each_step(begun):
    """Each of them covers another number of offsets, with as many jobs, so that the sum tells who has won."""
    appliers, together = 4, threading.Barrier(4)

    def attempt(length, first):
        together.wait()
        try:
            return begun.apply(first, first + length, begun.rows(jobs=length))
        except CheckpointMoved:
            return "moved"  # and never False: who takes the winner's token for a ghost's would send it again

    first = 0
    with ThreadPoolExecutor(appliers) as threads:
        for _ in range(25):
            told = list(threads.map(attempt, range(1, appliers + 1), [first] * appliers))
            assert Counter(told) == {True: 1, "moved": appliers - 1}
            first += told.index(True) + 1
    assert (begun.next_offset, begun.jobs) == (first, first)


# --- the audit ---


@pytest.mark.parametrize(
    ("started", "delta", "next_offset"), [(0, 1, 0), (0, 1, 9), (1, 0, 7), (0, -1, 7)],
    ids=["a delta too many", "an offset too far", "begun twice", "a step back"],
)  # fmt: skip
def test_a_checkpoint_that_contradicts_itself_is_refused(begun, started, delta, next_offset):
    begun.apply(0, 7)
    begun.write_rogue_row(started, delta, next_offset)
    with pytest.raises(LedgerBroken, match="restore a backup"):
        begun.ledger.checkpoint(begun.partition)


def test_after_an_insert_into_a_broken_partition_its_batch_is_not_called_applied(begun):
    begun.write_rogue_row(0, 0, 99)
    with pytest.raises(LedgerBroken):
        begun.apply(0, 7)
