"""Small nouns: ids of partitions keep logs apart, weeks of rows say when they may go, errors pass through."""

from contextlib import contextmanager
from uuid import UUID

import numpy as np
import pytest

from processor.event_index import NEVER, WEEK_MS, weeks
from processor.ledger import CheckpointMoved
from processor.lineage import Generation
from processor.lineage_table import Lineage
from processor.model import Partition, partition_id

TOPIC_ID = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")
PLACE = {"cluster_id": "lkc-1", "topic_id": TOPIC_ID, "epoch": 0, "number": 1}


@pytest.mark.parametrize(
    "other",
    [
        {"cluster_id": "lkc-2"},
        {"topic_id": UUID(int=TOPIC_ID.int + 1)},
        {"epoch": 1},
        {"number": 2},
        {"number": 10},
    ],
    ids=str,
)
def test_another_cluster_topic_epoch_or_number_is_another_partition(other):
    assert partition_id(**PLACE) != partition_id(**(PLACE | other))


def test_the_id_of_a_partition_is_the_same_on_every_machine():
    """It is in the rows that were written before: no version of the program may change it."""
    assert partition_id(**PLACE) == UUID("e716257e-a2ab-5e2a-ac55-195adb5e53ef")


def test_numbers_do_not_run_into_each_other():
    assert partition_id("c", TOPIC_ID, 1, 11) != partition_id("c", TOPIC_ID, 11, 1)


def test_a_partition_of_a_topic_carries_the_identity_of_the_topic():
    topic = Lineage("job_logs", "lkc-1", TOPIC_ID, PLACE["epoch"], (Generation(2),))
    assert topic.partition(1) == Partition("job_logs", 1, partition_id(**PLACE))


def test_a_partition_is_written_as_operators_write_it():
    assert str(Partition("job_logs", 1, TOPIC_ID)) == "job_logs/1"


@pytest.mark.parametrize(
    ("time_ms", "week"), [(-1, 0), (0, 0), (WEEK_MS - 1, 0), (WEEK_MS, 1), (2**62, NEVER - 1)]
)
def test_no_timestamp_gives_a_week_that_is_never_dropped(time_ms, week):
    assert weeks(np.array([time_ms])).tolist() == [week]


def test_a_moved_checkpoint_is_told_through_a_context_manager():
    @contextmanager
    def lent():
        yield

    with pytest.raises(CheckpointMoved), lent():
        raise CheckpointMoved(None)
