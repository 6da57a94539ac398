"""A fence around a topic, on a real ClickHouse: what was prepared before it is refused for ever."""

import pytest

from processor.fence import freeze, is_frozen, release
from processor.ledger import CheckpointMoved
from processor.lineage_table import read_lineages
from processor.model import Checkpoint
from tests.operator_world import counted
from tests.processor_world import fresh_database

pytestmark = pytest.mark.integration

NIL = "toUUID('00000000-0000-0000-0000-000000000000')"


@pytest.fixture
def world(clickhouse):
    with counted(fresh_database(clickhouse.address)) as world:
        yield world


def lineage(world):
    return read_lineages(world.plain)["analytics"]


def checkpoint(world, number=0):
    return world.ledger.checkpoint(world.lineages["analytics"].partition(number))


def test_what_was_prepared_before_is_refused(world):
    at = checkpoint(world)
    freeze(world.ledger, lineage(world))
    with pytest.raises(CheckpointMoved):
        world.ledger.apply(
            lineage(world).partition(0), at, at.next_offset + 5, None, leader_epoch=-1, ghosts=0
        )


def test_the_checkpoint_stays_where_it_is(world):
    at = checkpoint(world)
    freeze(world.ledger, lineage(world))
    assert checkpoint(world) == at._replace(generation=1)


def test_a_topic_is_frozen_once(world):
    for _ in range(3):
        freeze(world.ledger, lineage(world))
    assert checkpoint(world).generation == 1


def test_a_partition_that_was_never_begun_is_left_alone(world):
    freeze(world.ledger, lineage(world))
    assert checkpoint(world, 1) is None


def test_a_partition_whose_checkpoint_contradicts_itself_is_left_alone(world):
    world.query(
        "INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, checkpoint_rows, next_offset) "
        f"SELECT 'checkpoint', {NIL}, %(id)s, 0, 1, 99",
        id=lineage(world).partition(1).id,
    )
    freeze(world.ledger, lineage(world))
    assert checkpoint(world).generation == 1


def test_a_released_topic_goes_on_under_the_next_generation(world):
    before = lineage(world)
    freeze(world.ledger, before)
    assert is_frozen(world.ledger, lineage(world))
    for _ in range(2):
        release(world.plain, before)
    assert (lineage(world).generation, is_frozen(world.ledger, lineage(world))) == (1, False)
    assert lineage(world).partitions == before.partitions
    at = checkpoint(world)
    assert world.ledger.apply(before.partition(0), at, at.next_offset + 5, None, leader_epoch=-1, ghosts=0)


def test_a_generation_is_raised_step_by_step(world):
    at = checkpoint(world)
    world.ledger.raise_generation(lineage(world).partition(0), 3)
    assert checkpoint(world) == Checkpoint(at.next_offset, at.leader_epoch, generation=3)
