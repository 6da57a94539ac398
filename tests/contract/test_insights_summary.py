"""GetAnalyticsSummary against a second opinion, on histories around changes of clocks."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import insights_pb2 as pb
from tests.insights_calls import (
    assert_numbers,
    durations_of,
    ends_of,
    failures_of,
    filter_message,
    numbers_of,
    optional,
    span,
)
from tests.insights_histories import filters, histories, on_engine, ranges, seconds_at
from tests.insights_model import DEFAULT_RANKS, EVERYTHING, nearest_rank
from tests.insights_world import FLOWS, Flow, Job, records_of

pytestmark = pytest.mark.integration

RANKS = (1.0, 7.0, 33.3, 50.0, 55.0, 95.0, 99.9, 100.0)


def assert_summary(found, model, chosen=EVERYTHING, ranks=DEFAULT_RANKS):
    start_s, end_s = ends_of(found.range)
    inside = model.within(start_s, end_s, chosen)
    assert_numbers(numbers_of(found.numbers), inside.numbers(ranks, end_s - start_s))
    counts = {name: getattr(found.workflows, name) for name in model.workflow_counts(start_s, end_s, chosen)}
    assert counts == model.workflow_counts(start_s, end_s, chosen)
    failures = failures_of(found.failures)
    assert dict(failures) == inside.failures()
    assert [jobs for _, jobs in failures] == sorted(inside.failures().values(), reverse=True)
    assert_by_result(found, inside, ranks)


def assert_by_result(found, inside, ranks):
    expected = inside.durations_by_result(ranks)
    assert found.HasField("durations_by_result") is (expected is not None)
    if expected is not None:
        for message, status in (
            (found.durations_by_result.completed, "COMPLETED"),
            (found.durations_by_result.failed, "FAILED"),
        ):
            kept = {name: value for name, value in expected[status].items() if "imum" not in name}
            given_ = {name: value for name, value in durations_of(message).items() if "imum" not in name}
            assert_numbers(given_, kept)


@on_engine(8)
@given(st.data())
def test_a_summary_says_what_the_events_of_the_range_say(insights, data):
    drawn = data.draw(histories())
    insights.count(drawn.records)
    for _ in range(4):
        asked, chosen = data.draw(ranges(drawn)), data.draw(filters())
        found = insights.summary(
            drawn.user, range=span(*asked), filter=filter_message(chosen), percentile_ranks=RANKS
        )
        assert ends_of(found.summary.range) == asked
        assert_summary(found.summary, drawn.model, chosen, RANKS)


@on_engine(5)
@given(st.data())
@pytest.mark.parametrize("comparison", [pb.COMPARISON_PREVIOUS_PERIOD, pb.COMPARISON_YEAR_AGO])
def test_what_a_summary_is_compared_with_is_the_summary_of_the_former_range(insights, comparison, data):
    drawn = data.draw(histories(most_jobs=15))
    insights.count(drawn.records)
    found = insights.summary(
        drawn.user, range=span(*data.draw(ranges(drawn))), comparison=comparison, time_zone=drawn.zone
    )
    assert_summary(found.summary, drawn.model)
    assert_summary(found.compared_with, drawn.model)
    assert found.compared_with.range.end_time.seconds <= found.summary.range.start_time.seconds
    for change in found.changes:
        assert_change(change, *values_of(change.number, found))


def values_of(name, found):
    """The values of one number before and now, from the two summaries."""
    both = [numbers_of(one.numbers) for one in (found.compared_with, found.summary)]
    if name in both[0]:
        return [one[name] for one in both]
    at = [f"p{rank:g}" for rank in DEFAULT_RANKS].index(name)
    return [one["percentiles"][at] if one["percentiles"] else None for one in both]


def assert_change(change, before, now):
    expected = {"before": before, "now": now, "difference": None, "ratio": None}
    if before is not None and now is not None:
        expected["difference"] = now - before
        expected["ratio"] = (now - before) / before if before else None
    found = {name: optional(change, name) for name in expected}
    assert found == {
        name: value if value is None else pytest.approx(value) for name, value in expected.items()
    }


@pytest.mark.parametrize("rank", [7.0, 29.0, 55.0])
def test_the_rank_of_a_percentile_is_the_nearest_one_exactly(insights, rank):
    """A hundred jobs, where rank times a hundredth is a little more than a whole number in floating point."""
    user, at_s = uuid4(), seconds_at("2026-02-01T00:00+00:00")
    seconds = [0] * int(rank) + [40] * (100 - int(rank))
    jobs = [Job(FLOWS[0], at_s, seconds=one, user=user) for one in seconds]
    insights.count(records_of([Flow(FLOWS[0], at_s, user=user)], jobs))
    (found,) = insights.summary(user, percentile_ranks=[rank]).summary.numbers.durations.percentiles
    assert found.value.seconds == nearest_rank(seconds, rank) == 0
