"""How far each topic is counted, and what GetAnalyticsStatus makes of it."""

from uuid import UUID

import pytest

from analytics.calendar import Span
from analytics.errors import InvalidField
from analytics.freshness import TopicProgress, topic_progress
from analytics.insights import status
from analytics.insights.reads import Sources
from analytics.insights_pb2 import GetAnalyticsStatusRequest
from analytics.queries import Progress

USER = UUID(int=1)
COMPLETE = [Progress("analytics", 0, 2, 2_000, 10, 15), Progress("analytics", 1, 2, 1_000, 20, 20)]


def test_the_partition_that_is_farthest_behind_decides_for_its_topic():
    assert topic_progress(COMPLETE) == [TopicProgress("analytics", 2, 1_000, 5)]


def test_each_topic_is_told_by_itself():
    found = topic_progress([*COMPLETE, Progress("job_logs", 0, 1, 7, 0, 3)])
    assert [(one.topic, one.lag) for one in found] == [("analytics", 5), ("job_logs", 3)]


def test_a_partition_that_nobody_reported_makes_both_unknown():
    assert topic_progress(COMPLETE[:1]) == [TopicProgress("analytics", 1, None, None)]


def test_an_end_that_nobody_knows_makes_the_lag_unknown():
    found = topic_progress([COMPLETE[0], COMPLETE[1]._replace(end_offset=-1)])
    assert found == [TopicProgress("analytics", 2, 1_000, None)]


def test_a_time_that_a_processor_does_not_know_makes_it_unknown_but_not_the_lag():
    found = topic_progress([COMPLETE[0], COMPLETE[1]._replace(as_of_ms=0)])
    assert found == [TopicProgress("analytics", 2, None, 5)]


def test_an_end_that_was_read_before_more_was_counted_is_no_negative_lag():
    found = topic_progress([COMPLETE[0], COMPLETE[1]._replace(next_offset=25)])
    assert found[0].lag == 5


def test_nothing_reported_is_no_topic():
    assert topic_progress([]) == []


class Reads:
    """Data from the second day on."""

    async def extent(self, user_id, within_s):
        assert user_id == USER
        return Span(86_400, 172_800)


async def ask(request, topics=(), as_of_ms=None):
    sources = Sources(Reads(), lambda: as_of_ms, stale_after_s=30, now_s=lambda: 100.0)
    return await status.answer(status.parse(request), sources, lambda: topics, 1.0)


async def test_every_topic_of_the_log_is_there_before_anything_was_reported():
    found = await ask(GetAnalyticsStatusRequest())
    assert [one.topic for one in found.topics] == ["analytics", "workflows", "job_logs"]
    assert not any(one.HasField("lag") or one.HasField("as_of_time") for one in found.topics)
    assert found.freshness.stale


async def test_progress_is_told_with_its_topic():
    found = await ask(GetAnalyticsStatusRequest(), topic_progress(COMPLETE))
    topic = found.topics[0]
    assert (topic.partitions, topic.as_of_time.ToMilliseconds(), topic.lag) == (2, 1_000, 5)


async def test_where_data_begins_is_only_told_of_a_user():
    of_user = await ask(GetAnalyticsStatusRequest(user_id=str(USER)))
    assert of_user.freshness.data_start_time.seconds == 86_400
    assert not (await ask(GetAnalyticsStatusRequest())).freshness.HasField("data_start_time")


@pytest.mark.parametrize(
    ("as_of_ms", "stale", "age_s"), [(70_000, False, 30), (69_999, True, 30), (200_000, False, 0)]
)
async def test_numbers_are_stale_beyond_the_limit_and_never_of_the_future(as_of_ms, stale, age_s):
    freshness = (await ask(GetAnalyticsStatusRequest(), as_of_ms=as_of_ms)).freshness
    assert (freshness.stale, freshness.age.seconds) == (stale, age_s)


async def test_resolution_and_precision_are_told():
    found = await ask(GetAnalyticsStatusRequest())
    assert found.bucket_resolution.seconds == 900
    precision = found.duration_precision
    assert (precision.resolution.seconds, precision.percentile_relative_error) == (1, 0.01)
    assert {one.field for one in found.unavailable} == {"jobs.canceled", "jobs.trigger"}


@pytest.mark.parametrize("user", ["x", str(UUID(int=0))])
def test_a_user_must_be_a_uuid_where_one_is_given(user):
    with pytest.raises(InvalidField):
        status.parse(GetAnalyticsStatusRequest(user_id=user))
