"""What `restore` says of where partitions go on, and which findings hinder it."""

from uuid import uuid4

import pytest

from processor.audit.finding import Finding, Harm, Report
from processor.audit.log_range import LogRange
from processor.model import Partition
from processor.operate.entry import Refused
from processor.operate.restore import GoesOn, _cells, _require_right

PARTITION = Partition("analytics", 1, uuid4())


@pytest.mark.parametrize(
    ("at", "log", "to_be_counted", "lost"),
    [
        (100, LogRange(0, 130), "30", "0"),
        (100, LogRange(100, 130), "30", "0"),
        (100, LogRange(110, 130), "20", "10"),
        (100, LogRange(0, 100), "0", "0"),
        (100, None, "?", "?"),
    ],
    ids=["behind it", "from its begin", "after records that are gone", "nothing new", "Kafka is away"],
)
def test_it_says_what_is_to_be_counted_and_what_kafka_has_lost(at, log, to_be_counted, lost):
    assert _cells(GoesOn(PARTITION, at, log))[-2:] == [to_be_counted, lost]


def report(check, harm):
    return Report([Finding(check, harm, "what", "remedy")])


def test_a_backup_with_wrong_numbers_is_refused():
    with pytest.raises(Refused, match="1 problems"):
        _require_right(report("index", Harm.MAY_BECOME_WRONG), despite_findings=False)


def test_it_may_be_taken_nevertheless():
    _require_right(report("index", Harm.WRONG), despite_findings=True)


@pytest.mark.parametrize("found", [report("log", Harm.WRONG), report("index", Harm.HARMLESS)])
def test_what_kafka_has_lost_and_what_is_harmless_hinder_nothing(found):
    _require_right(found, despite_findings=False)
