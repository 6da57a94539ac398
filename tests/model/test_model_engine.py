"""The schedules of the model, with the processor's own code on a real ClickHouse.

When a schedule fails, keep it: add it to `kept_schedules`.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.errors import LedgerBroken
from processor import apply, ledger
from processor.index_rows import IndexRows
from processor.lineage import Segment
from tests.examples import examples
from tests.model.engine import WINDOW, EngineWorld
from tests.model.kept_schedules import KEPT
from tests.model.schedules import schedules
from tests.processor_world import fresh_database, pools

pytestmark = pytest.mark.integration

WRONG = (AssertionError, LedgerBroken)
_CONNECTIONS = 60  # of which few are used: at most one for every lane, and one for every insert under way


@pytest.fixture(scope="module")
def opened(clickhouse):
    """Connections of all consumers, and a thread for each insert."""
    with (
        pools(fresh_database(clickhouse.address), size=_CONNECTIONS) as both,
        ThreadPoolExecutor(_CONNECTIONS) as threads,
    ):
        yield *both, threads


@pytest.fixture
def play(opened):
    """Plays a schedule in a fresh world."""

    def play_on_the_engine(schedule, window=WINDOW):
        world = EngineWorld(*opened, window=window)
        try:
            world.play(schedule)
        finally:
            world.close()

    return play_on_the_engine


@pytest.mark.parametrize("why", KEPT)
def test_what_once_made_a_number_wrong_does_so_no_more(play, why):
    play(KEPT[why])


def test_no_schedule_makes_a_number_wrong(play):
    @given(schedule=schedules(st.integers(0, 7), shortest=10, longest=50))
    @settings(
        max_examples=examples(12, soak=500),
        phases=[
            Phase.explicit,
            Phase.reuse,
            Phase.generate,
        ],  # the model shrinks the same schedule in no time
        suppress_health_check=list(HealthCheck),
    )
    def check(schedule):
        play(schedule)

    check()


# --- that it would notice ---


def test_without_a_token_a_number_is_wrong(play):
    with pytest.raises(WRONG):
        play(KEPT["two consumers begin a partition at the same moment"], window=0)


def test_without_the_condition_a_number_is_wrong(play, monkeypatch):
    monkeypatch.setattr(ledger, "_INSERT", re.sub(r"(?<=WHERE )throwIf.*\n", "1\n", ledger._INSERT))
    with pytest.raises(WRONG):
        play(KEPT["an insert is sent again after its token is forgotten"])


def test_with_evidence_from_above_the_checkpoint_a_number_is_wrong(play, monkeypatch):
    monkeypatch.setattr(IndexRows, "evidence", lambda *_: [(None, "1")])
    produce, (*what, _) = KEPT["a batch is tried again that is in the index already"]
    steps = range(4, 16)  # one of them is the guarded insert
    with pytest.raises(WRONG):
        list(map(play, ([produce, (*what, step)] for step in steps)))


def test_without_evidence_from_before_a_growth_a_number_is_wrong(play, monkeypatch):
    monkeypatch.setattr(apply, "segment_at", lambda *_: Segment(None, ()))
    with pytest.raises(WRONG):
        play(KEPT["a key moves to a new partition"])
