"""Damaged records on their way into a real ClickHouse: whatever was decoded can be applied."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.apply import PartitionWriter, Stores
from processor.decode.gather import TOPICS
from processor.ledger import Ledger
from processor.lineage import Generation
from processor.lineage_table import Lineage
from processor.topics import Topic
from tests.examples import examples
from tests.mutations import TIMES_MS, mutated
from tests.processor_world import HORIZON_MS, FakeRecord, gathered_of

pytestmark = pytest.mark.integration


class World:
    """A partition of a topic of the test's own, applied from offset 0 on."""

    def __init__(self, stores, topic):
        plain, columns = stores
        self.parked, found = [], Topic(topic, "a cluster", uuid4(), 1)
        lineage = Lineage(topic, found.cluster_id, found.topic_id, 0, (Generation(1),))
        letters = SimpleNamespace(park=lambda _, __, rejected: self.parked.extend(rejected))
        ledger, partition = Ledger(plain, columns), lineage.partition(0)
        all_stores = Stores(plain, columns, ledger, letters, lambda _: found, HORIZON_MS, 1 << 16)
        self.writer = PartitionWriter(partition, lineage, ledger.begin(partition, 0, 0), all_stores)

    def apply(self, values):
        first = self.writer.checkpoint.next_offset
        records = [FakeRecord(value, first + at, time_ms) for at, (value, time_ms) in enumerate(values)]
        batch = gathered_of(self.writer.partition.topic, records)
        self.writer.apply(batch)
        assert self.writer.checkpoint.next_offset == first + len(values)


@pytest.mark.parametrize("topic", TOPICS)
def test_what_was_decoded_can_be_applied(stores, topic):
    world = World(stores, topic)

    @given(st.lists(st.tuples(st.integers(0, 2**40), st.sampled_from(TIMES_MS)), min_size=1, max_size=30))
    @settings(max_examples=examples(30, soak=1_000))
    def check(drawn):
        world.apply([(mutated(topic, seed), time_ms) for seed, time_ms in drawn])

    check()
    assert world.parked
