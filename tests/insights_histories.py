"""Histories around the moments at which clocks change, for Hypothesis."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from hypothesis import Phase, settings
from hypothesis import strategies as st

from tests.insights_civil_model import QUARTER_S
from tests.insights_model import EVERYTHING, Chosen, History
from tests.insights_world import FLOWS, Flow, Job, Record, records_of

CLOCK_CHANGES = (
    ("Europe/London", "2026-10-25T01:00+00:00"),
    ("Europe/London", "2026-03-29T01:00+00:00"),
    ("America/New_York", "2026-03-08T07:00+00:00"),
    ("Africa/Cairo", "2026-04-23T22:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00+00:00"),
    ("Asia/Kathmandu", "2026-06-13T18:15+00:00"),
    ("UTC", "2026-03-01T00:00+00:00"),
)
FAILURES = (None, None, ("USER", "Aborted"), ("SYSTEM", "DeadlineExceeded"), ("USER", ""), ("", ""))
KINDS = ("CONTAINER", "HEARTBEAT", None)


class Drawn(NamedTuple):
    """A history of a user of its own, around a moment (Unix seconds) at which clocks change in a zone."""

    user: UUID
    zone: str
    around_s: int
    records: list[Record]

    @property
    def model(self) -> History:
        return History(self.records, self.user)


class Asked(NamedTuple):
    """A range on quarters of an hour."""

    start_s: int
    end_s: int


def seconds_at(text: str) -> int:
    """Unix seconds of a time with an offset."""
    return int(datetime.fromisoformat(text).timestamp())


@st.composite
def histories(draw, *, most_jobs=40, days=3, longest_s=90_000, most_flows=4):
    """Workflows and jobs within some days of a change of clocks, on and beside the edges of quarters of an hour."""
    zone, change = draw(st.sampled_from(CLOCK_CHANGES))
    around_s, user, reach = seconds_at(change), uuid4(), days * 96
    moments = st.builds(
        lambda quarter, beside_s: around_s + quarter * QUARTER_S + beside_s,
        st.integers(-reach, reach) | st.integers(-8, 8),
        st.sampled_from((0, 1, 450, 899)),
    )
    used = FLOWS[: draw(st.integers(1, most_flows))]
    flows = [
        Flow(
            one,
            built_s=draw(moments),
            kind=draw(st.sampled_from(KINDS)),
            terminated_s=draw(st.none() | moments),
            deleted_s=draw(st.none() | st.none() | moments),
            user=user,
        )
        for one in used
    ]
    with_status = draw(st.sampled_from((True, False, None)))
    jobs = draw(
        st.lists(
            st.builds(
                lambda workflow, ended_s, seconds, failure, lines, has_status: Job(
                    workflow,
                    ended_s,
                    seconds,
                    failure=failure,
                    lines=sum(lines),
                    stderr_lines=lines[0],
                    with_status=has_status if with_status is None else with_status,
                    user=user,
                ),
                st.sampled_from(FLOWS[: len(used) + 1]),  # one of them is named by its jobs alone
                moments,
                st.integers(0, 60) | st.integers(0, longest_s),
                st.sampled_from(FAILURES),
                st.tuples(st.integers(0, 2), st.integers(0, 2)),
                st.booleans(),
            ),
            min_size=1,
            max_size=most_jobs,
        )
    )
    return Drawn(user, zone, around_s, records_of(flows, jobs))


@st.composite
def ranges(draw, drawn: Drawn, *, days=4):
    """A range that begins and ends anywhere, midnights of the zone and of UTC more often."""
    quarters = st.integers(-days * 96, days * 96) | st.integers(-6, 6) | st.sampled_from((-192, -96, 96, 192))
    first, behind = sorted(draw(st.lists(quarters, min_size=2, max_size=2, unique=True)))
    return Asked(drawn.around_s + first * QUARTER_S, drawn.around_s + behind * QUARTER_S)


@st.composite
def filters(draw):
    """Conditions on workflows; often none."""
    if draw(st.booleans()):
        return EVERYTHING
    ids = st.lists(st.sampled_from([str(one) for one in FLOWS[:5]]), min_size=1, unique=True)
    kinds = st.lists(st.sampled_from(("CONTAINER", "HEARTBEAT", "")), min_size=1, unique=True)
    states = st.lists(st.sampled_from(("ACTIVE", "TERMINATED", "DELETED")), min_size=1, unique=True)
    return Chosen(*(draw(st.none() | one) for one in (ids, kinds, states)))


def on_engine(max_examples: int):
    """Settings of a property whose examples are counted in a real ClickHouse: few, and not made smaller for minutes."""
    return settings(max_examples=max_examples, phases=(Phase.explicit, Phase.reuse, Phase.generate))
