"""Which partitions a record is compared with when its topic has grown, and in which order they are counted."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.lineage import Evidence, Generation, Inherited, Segment, segment_at

A, B, C, D = (UUID(int=number) for number in range(1, 5))
GROWN = (Generation(2), Generation(3, (Inherited(A, 10, 14), Inherited(B, 20, 25), Inherited(C, 0, 3))))
GROWN_TWICE = (
    *GROWN,
    Generation(4, (Inherited(A, 30, 33), Inherited(B, 40, 40), Inherited(C, 5, 7), Inherited(D, 0, 0))),
)


def evidence(*pairs):
    return tuple(Evidence(*pair) for pair in pairs)


def test_a_topic_that_never_grew_has_one_segment_and_no_other_evidence():
    assert segment_at(A, (Generation(2),), 7) == Segment(None, ())


def test_what_came_before_the_growth_is_compared_with_nothing_else():
    assert segment_at(A, GROWN, 9) == Segment(10, ())


@pytest.mark.parametrize(
    ("partition", "offset", "segment"),
    [
        (A, 10, Segment(14, evidence((B, 20)))),
        (B, 20, Segment(25, evidence((A, 14)))),
        (C, 0, Segment(3, evidence((A, 14), (B, 25)))),
    ],
)
def test_what_came_while_producers_noticed_is_counted_in_the_order_of_partitions(partition, offset, segment):
    assert segment_at(partition, GROWN, offset) == segment


@pytest.mark.parametrize(
    ("partition", "offset", "others"),
    [(A, 14, [(B, 25), (C, 3)]), (B, 25, [(A, 14), (C, 3)]), (C, 3, [(A, 14), (B, 25)])],
)
def test_what_came_after_that_is_compared_with_what_came_before_in_all_partitions(partition, offset, others):
    assert segment_at(partition, GROWN, offset) == Segment(None, evidence(*others))


def test_a_partition_without_records_when_it_was_frozen_is_no_evidence():
    generations = (Generation(1), Generation(2, (Inherited(A, 0, 0), Inherited(B, 0, 0))))
    assert segment_at(B, generations, 0) == Segment(None, ())


def test_a_second_growth_adds_to_the_first_one():
    assert segment_at(D, GROWN_TWICE, 0) == Segment(None, evidence((A, 33), (B, 40), (C, 7)))


def test_a_partition_of_the_second_generation_has_both_growths_before_it():
    assert segment_at(C, GROWN_TWICE, 5) == Segment(7, evidence((A, 33), (B, 40)))


def test_after_another_log_was_adopted_everything_counted_before_is_evidence():
    adopted = (Generation(2, (Inherited(C, 8, 8), Inherited(D, 9, 9))),)
    assert segment_at(A, adopted, 0) == Segment(None, evidence((C, 8), (D, 9)))


borders = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)


@given(st.lists(borders, min_size=3, max_size=3), st.lists(borders, min_size=4, max_size=4), st.data())
def test_segments_follow_each_other_and_evidence_only_grows(first, more, data):
    """Two growths, 2 to 3 to 4 partitions, with any borders in the order in which they come to be."""
    ids = [A, B, C, D]
    reached = [barrier for _, barrier in first] + [0]
    second = [(low + at, high + at) for (low, high), at in zip(more, reached, strict=True)]
    generations = (Generation(2), *(
        Generation(len(pairs), tuple(Inherited(ids[at], *pair) for at, pair in enumerate(pairs)))
        for pairs in (first, second)
    ))  # fmt: skip
    partition, offset, before = data.draw(st.sampled_from(ids)), 0, {}
    while (segment := segment_at(partition, generations, offset)).end is not None:
        assert segment.end > offset
        now = dict(segment.evidence)
        assert all(now[id_] >= below for id_, below in before.items())
        assert partition not in now
        offset, before = segment.end, now


@given(st.lists(borders, min_size=2, max_size=5))
def test_nobody_waits_for_somebody_who_waits_for_him(pairs):
    """However a topic grew: partition after partition can be applied to its barrier."""
    ids = [UUID(int=at + 1) for at in range(len(pairs))]
    inherited = tuple(Inherited(id_, *pair) for id_, pair in zip(ids, pairs, strict=True))
    generations = (Generation(len(pairs)), Generation(len(pairs) + 1, inherited))
    applied = {one.partition_id: one.frozen for one in inherited}
    for _ in range(2 * len(pairs)):
        for one in inherited:
            segment = segment_at(one.partition_id, generations, applied[one.partition_id])
            if segment.end is not None and all(applied[id_] >= below for id_, below in segment.evidence):
                applied[one.partition_id] = segment.end
    assert applied == {one.partition_id: one.barrier for one in inherited}
