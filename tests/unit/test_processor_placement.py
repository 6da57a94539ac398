"""Which shard a partition that was never begun goes to."""

from uuid import uuid4

from analytics.store.shards import Shard
from processor.model import Partition
from processor.placement import Load, choose_shard


def shard(number, *, is_open=True, is_ready=True):
    return Shard(number, uuid4(), f"clickhouse-{number}:9000", is_open, is_ready)


def chosen(shards, loads=(), number=0, topic="analytics"):
    return choose_shard(shards, loads, Partition(topic, number, uuid4()))


def test_the_shard_with_the_fewest_partitions_of_the_topic_is_chosen():
    assert chosen([shard(1), shard(2)], [Load(1, "analytics", 2), Load(2, "analytics", 1)]) == 2


def test_partitions_of_other_topics_do_not_count():
    """Those of one topic have alike many records; a log has more of them than all others."""
    assert chosen([shard(1), shard(2)], [Load(1, "job_logs", 9)]) == 1


def test_partitions_that_are_begun_at_the_same_time_are_spread():
    """Each processor sees none of the others' yet."""
    assert [chosen([shard(1), shard(2)], number=number) for number in range(4)] == [1, 2, 1, 2]


def test_a_closed_shard_gets_none():
    assert chosen([shard(1), shard(2, is_open=False)], [Load(1, "analytics", 9)]) == 1


def test_a_shard_that_services_may_not_know_yet_gets_none():
    assert chosen([shard(1), shard(2, is_ready=False)], [Load(1, "analytics", 9)]) == 1


def test_where_none_is_open_there_is_no_place():
    assert chosen([shard(1, is_open=False), shard(2, is_open=False)]) is None
