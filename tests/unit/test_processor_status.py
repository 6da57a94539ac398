"""The state of a partition, from what ClickHouse and Kafka tell."""

from uuid import UUID

import pytest

from processor.audit.ledger_rows import CheckpointRow, GrandTotals, LedgerRows, Progress
from processor.audit.log_range import LogRange
from processor.lineage import Generation, Inherited
from processor.lineage_table import Lineage
from processor.status import Facts, statuses
from processor.topics import Topic

NOW_MS = 1_000_000
LINEAGE = Lineage("analytics", "c", UUID(int=7), 0, (Generation(1),))
ID = LINEAGE.partition(0).id


def status(
    at=10,
    *,
    total=None,
    generation=0,
    low=0,
    end=10,
    reported_ms=NOW_MS,
    as_of_ms=NOW_MS,
    lineage=LINEAGE,
    **changes,
):
    """The status of the first partition."""
    row = CheckpointRow(ID, 1, at if total is None else total, at, generation)
    facts = Facts(
        lineages={lineage.name: lineage},
        ledger=LedgerRows({ID: row}, GrandTotals()),
        progress={ID: Progress(ID, at, end, as_of_ms, reported_ms)},
        found={"analytics": Topic("analytics", "c", UUID(int=7), lineage.partitions)},
        ranges={("analytics", number): LogRange(low, end) for number in range(lineage.partitions)},
    )
    return statuses(facts._replace(**changes), NOW_MS)[0]


NOTHING = LedgerRows({}, GrandTotals())


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ("counting", {}),
        ("counting", {"as_of_ms": NOW_MS - 29_000}),
        ("behind", {"as_of_ms": NOW_MS - 31_000}),
        ("behind", {"as_of_ms": 0}),
        ("not read", {"reported_ms": NOW_MS - 11_000}),
        ("not read", {"progress": {}}),
        ("not begun", {"ledger": NOTHING}),
        ("out of range", {"low": 11, "end": 20}),
        ("out of range", {"end": 9}),
        ("broken", {"total": 9}),
        ("another log", {"found": {"analytics": Topic("analytics", "c", UUID(int=8), 1)}}),
        ("another log", {"found": {"analytics": Topic("analytics", "d", UUID(int=7), 1)}}),
        ("held", {"generation": 1}),
        (None, {"ledger": None, "progress": {}}),
        ("counting", {"ranges": None, "found": {}}),
    ],
)
def test_the_state_of_a_partition(state, facts):
    assert status(**facts).state == state


def test_a_partition_that_waits_for_those_before_it_is_held():
    grown = LINEAGE.grown(2, [Inherited(ID, 10, 10), Inherited(LINEAGE.partition(1).id, 0, 5)])
    assert status(generation=1, lineage=grown).state == "held"


def test_a_partition_that_only_the_broker_has_is_not_begun():
    found = {
        "analytics": Topic("analytics", "c", UUID(int=7), 1),
        "job_logs": Topic("job_logs", "c", UUID(int=9), 1),
    }
    states = statuses(Facts({}, NOTHING, {}, found, {}), NOW_MS)
    assert [(one.topic, one.state) for one in states] == [
        ("analytics", "not begun"),
        ("job_logs", "not begun"),
    ]


@pytest.mark.parametrize(
    ("lag", "facts"),
    [
        (0, {}),
        (5, {"end": 15}),
        (None, {"ledger": NOTHING}),
        (0, {"at": 20, "end": 20}),
        (3, {"ranges": None, "end": 13}),
    ],
)
def test_the_lag_is_what_is_between_checkpoint_and_end(lag, facts):
    """Without Kafka the end is the one that a processor saw last."""
    assert status(**facts).lag == lag


def test_an_as_of_time_that_is_not_known_is_none():
    assert status(as_of_ms=0).as_of_ms is None
