"""Where the rows of a partition are is decided once, on real servers, whoever asks and whatever is lost meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from analytics.errors import LedgerBroken, StoreMisconfigured
from processor.checkpoints import ShardedLedger
from processor.placement import place, read_places
from processor.shard_pools import NoShardIsOpen
from tests.processor_world import some_partition

pytestmark = pytest.mark.integration

_INSERT = "INSERT INTO partition_shards (partition_id, topic, partition, shard, placed_at) VALUES"


def insert_row(pool, partition, shard, **settings):
    with pool.lend(10) as connection:
        connection.insert(
            _INSERT,
            [[partition.id], [partition.topic], [0], [shard], [0]],
            settings={"async_insert": 0} | settings,
        )


def test_of_two_that_place_a_partition_at_the_same_time_both_take_the_first_ones(stores):
    plain, together = stores[0], threading.Barrier(2)

    def attempt(partition, shard):
        together.wait()
        return place(plain, partition, shard)

    with ThreadPoolExecutor(2) as threads:
        for _ in range(20):
            partition = some_partition()
            first, second = (threads.submit(attempt, partition, shard) for shard in (1, 2))
            assert first.result() == second.result() == read_places(plain, [partition.id])[partition.id]


def test_a_place_is_never_changed(stores):
    partition = some_partition()
    assert [place(stores[0], partition, shard) for shard in (2, 1, 3)] == [2, 2, 2]


def test_a_token_without_a_row_holds_up_nobody(stores):
    """As a server leaves it behind that dies in between."""
    partition = some_partition()
    insert_row(stores[0], some_partition(), 1, insert_deduplication_token=f"{partition.id}#0")
    assert place(stores[0], partition, 2) == 2


def test_two_places_are_an_error(stores):
    partition = some_partition()
    for shard in (1, 2):
        insert_row(stores[0], partition, shard)
    with pytest.raises(LedgerBroken, match="on several shards"):
        read_places(stores[0], [partition.id])


def test_with_one_server_a_partition_is_noted_to_be_there(sharded):
    """Else another processor that knows of a second one could begin it there."""
    partition = some_partition()
    with sharded.opened() as shards:
        ShardedLedger(shards).begin(partition, 0, 0)
        assert read_places(shards.home.plain, [partition.id]) == {partition.id: 1}


def test_a_processor_that_knows_nothing_of_the_second_one_goes_where_another_has_begun(sharded):
    """It has started before, and asks when it begins a partition."""
    partitions = [some_partition() for _ in range(3)]
    with sharded.opened() as before, sharded.opened() as after:
        sharded.add()
        begun = [ShardedLedger(after).begin(one, 7, 0) for one in partitions]
        assert ShardedLedger(before).checkpoints([one.id for one in partitions]) == {
            one.id: at for one, at in zip(partitions, begun, strict=True)
        }
        assert [ShardedLedger(before).begin(one, 9, 0) for one in partitions] == begun


def test_a_partition_that_was_begun_before_there_were_shards_stays(sharded):
    """As after an upgrade: it has a checkpoint and no row."""
    partition = some_partition()
    with sharded.opened() as shards:
        at = shards.home.ledger.begin(partition, 5, 0)
        sharded.add()
        assert ShardedLedger(shards).begin(partition, 9, 0) == at
        assert shards.of(partition.id) is shards.home


def on_second(shards):
    """A partition that was begun on the second server."""
    partition = some_partition()._replace(number=1)
    assert ShardedLedger(shards).begin(partition, 5, 0).next_offset == 5
    assert shards.of(partition.id) is shards.on(2)
    return partition


def test_a_partition_whose_row_is_lost_is_found_by_its_checkpoint(sharded):
    """Table partition_shards comes from an older backup than the second server."""
    sharded.add()
    with sharded.opened() as shards:
        partition = on_second(shards)
        sharded.query("TRUNCATE TABLE partition_shards")
        with sharded.opened() as others:
            assert ShardedLedger(others).begin(partition, 9, 0).next_offset == 5


def test_a_server_that_was_emptied_begins_nothing_anew(sharded):
    """Its partitions would be counted again."""
    sharded.add()
    with sharded.opened() as shards:
        partition = on_second(shards)
        for table in ("analytics", "shard_identity"):
            sharded.query(f"TRUNCATE TABLE {table}", on_second=True)
        with pytest.raises(StoreMisconfigured, match="not shard 2: it is empty"):
            ShardedLedger(shards).begin(partition, 9, 0)


def test_a_partition_waits_while_no_shard_is_open(sharded):
    sharded.add()
    sharded.query("INSERT INTO shards SELECT * REPLACE (0 AS is_open, now64(3) AS changed_at) FROM shards")
    with sharded.opened() as shards, pytest.raises(NoShardIsOpen, match="no shard takes new partitions"):
        ShardedLedger(shards).begin(some_partition(), 0, 0)


def test_a_shard_takes_none_before_every_service_knows_it(sharded):
    sharded.add(opens_after_s=60)
    with sharded.opened() as shards:
        for number in range(3):
            partition = some_partition()._replace(number=number)
            ShardedLedger(shards).begin(partition, 0, 0)
            assert shards.of(partition.id) is shards.home
