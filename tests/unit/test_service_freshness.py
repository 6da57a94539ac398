import pytest

from analytics.freshness import as_of_ms
from analytics.queries import Progress

COMPLETE = [
    Progress(topic, p, 2, 1000 + p) for topic in ("analytics", "workflows", "job_logs") for p in (0, 1)
]


def test_oldest_partition_decides():
    """The as-of time is the smallest over all partitions of all topics."""
    assert as_of_ms([*COMPLETE[1:], Progress("analytics", 0, 2, 7)]) == 7


@pytest.mark.parametrize("missing", range(len(COMPLETE)))
def test_each_partition_is_needed(missing):
    """Without the row of any one partition the as-of time is unknown."""
    assert as_of_ms(COMPLETE[:missing] + COMPLETE[missing + 1 :]) is None


def test_grown_topic_is_unknown():
    """A partition count that one processor has seen grow is missed until the new partition reports."""
    assert as_of_ms([*COMPLETE[1:], Progress("analytics", 0, 3, 1000)]) is None


def test_partition_that_does_not_know():
    """An as-of time of 0 is unknown."""
    assert as_of_ms([*COMPLETE[1:], Progress("analytics", 0, 2, 0)]) is None


def test_nothing_reported():
    """Before the first processor nothing is known."""
    assert as_of_ms([]) is None


def test_other_topics_do_not_count():
    """A topic that feeds no total does not hold freshness back."""
    assert as_of_ms([*COMPLETE, Progress("jobs", 0, 2, 1)]) == 1000
