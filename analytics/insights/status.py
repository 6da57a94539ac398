"""GetAnalyticsStatus: how fresh numbers are, and where they begin."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from analytics.calendar import QUARTER_S
from analytics.freshness import TOPICS, TopicProgress
from analytics.insights import answers
from analytics.insights.reads import Sources
from analytics.insights_pb2 import GetAnalyticsStatusRequest, GetAnalyticsStatusResponse, TopicStatus
from analytics.requests import require_id

TopicsOf = Callable[[], Sequence[TopicProgress]]


class Question(NamedTuple):
    """Whose status is asked for; `user_id` None: what is the same for all."""

    user_id: UUID | None


def parse(request: GetAnalyticsStatusRequest) -> Question:
    """Return what is asked for. Raises InvalidField."""
    return Question(require_id("user_id", request.user_id) if request.user_id else None)


async def answer(
    question: Question, sources: Sources, topics: TopicsOf, within_s: float
) -> GetAnalyticsStatusResponse:
    """Return the status. Raises NoAnalytics, and what reads raise."""
    as_of_ms, progress = sources.as_of_ms(), topics()
    start_s = None
    if question.user_id is not None:
        start_s = (await sources.reads.extent(question.user_id, within_s)).start_s
    by_topic = {one.topic: one for one in progress}
    return GetAnalyticsStatusResponse(
        freshness=sources.freshness(as_of_ms, start_s),
        topics=[_topic(by_topic.get(topic, TopicProgress(topic))) for topic in TOPICS],
        bucket_resolution=Duration(seconds=QUARTER_S),
        duration_precision=answers.PRECISION,
        unavailable=answers.NOT_SENT,
    )


def _topic(progress: TopicProgress) -> TopicStatus:
    status = TopicStatus(topic=progress.topic, partitions=progress.partitions, lag=progress.lag)
    if progress.as_of_ms is not None:
        as_of = Timestamp()
        as_of.FromMilliseconds(progress.as_of_ms)
        status.as_of_time.CopyFrom(as_of)
    return status
