"""The client's questions about ranges: what is sent, pages, and streams that end, break and are left."""

import threading

import pytest

from analytics import client as api
from analytics import insights_pb2 as pb
from tests import insight_answers as answers
from tests.eventually import eventually
from tests.grpc_world import USER
from tests.insight_server import FakeInsights, Refusal, complete, listening

GONE = Refusal("UNAVAILABLE", "STORE_UNAVAILABLE", "gone")
EXPIRED = Refusal("UNAUTHENTICATED", "INVALID_TOKEN", "the token has expired")
HEARTBEAT = pb.WatchAnalyticsResponse(heartbeat=pb.Heartbeat(freshness=answers.FRESH))
REQUEST = pb.WatchAnalyticsRequest(summary=pb.GetAnalyticsSummaryRequest(user_id=str(USER)))


def summary_of(jobs):
    return pb.WatchAnalyticsResponse(summary=answers.summary(jobs=jobs))


def client(address, token=None):
    return api.AnalyticsClient.connect(address, token, audience="server")


@pytest.fixture
def asker():
    with listening(complete()) as address, client(address) as opened:
        yield opened


# --- single answers ---


def test_a_summary_is_the_message(asker):
    found = asker.summary(pb.GetAnalyticsSummaryRequest(user_id=str(USER)))
    assert found.summary.numbers == answers.summary().summary.numbers


def test_a_series_is_the_message(asker):
    assert asker.series(pb.QueryTimeSeriesRequest(user_id=str(USER))) == answers.series()


def test_the_status_needs_no_user(asker):
    assert asker.status() == answers.status()


def test_freshness_of_any_answer_tells_where_data_begins(asker):
    fresh = api.freshness_of(asker.status(USER))
    assert (fresh.as_of, fresh.stale) == (answers.AS_OF, False)
    assert f"{fresh.data_start:%Y-%m-%d}" == "2025-03-11"


def test_a_refusal_has_the_services_words_and_reason():
    refusal = Refusal("INVALID_ARGUMENT", "INVALID_FIELD", "range.end_time: must be after start_time")
    fake, question = (
        FakeInsights(GetAnalyticsSummary=refusal),
        pb.GetAnalyticsSummaryRequest(user_id=str(USER)),
    )
    with listening(fake) as address, client(address) as asker, pytest.raises(api.InvalidRequest) as caught:
        asker.summary(question)
    assert str(caught.value) == "range.end_time: must be after start_time"
    assert caught.value.reason == "INVALID_FIELD"


# --- pages ---


def paged(request):
    """Three pages of a row each."""
    place = int(request.page_token or 0)
    page = answers.listing()
    row = page.workflows[place]
    del page.workflows[:]
    page.workflows.append(row)
    page.next_page_token = str(place + 1) if place < 2 else ""
    return page


def test_rows_come_from_all_pages_with_the_same_request():
    fake = FakeInsights(ListWorkflowAnalytics=paged)
    with listening(fake) as address, client(address) as asker:
        rows = list(asker.workflows(pb.ListWorkflowAnalyticsRequest(user_id=str(USER), order_by="p95 desc")))
    assert [row.workflow_id for row in rows] == list(answers.FLOWS)
    assert [(one.order_by, one.page_token) for one in fake.asked] == [
        ("p95 desc", ""),
        ("p95 desc", "1"),
        ("p95 desc", "2"),
    ]


def test_a_page_is_asked_for_when_it_is_needed():
    fake = FakeInsights(ListWorkflowAnalytics=paged)
    with listening(fake) as address, client(address) as asker:
        rows = iter(asker.workflows(pb.ListWorkflowAnalyticsRequest(user_id=str(USER))))
        next(rows)
        assert len(fake.asked) == 1


def test_pages_begin_at_the_token_of_the_request():
    with listening(FakeInsights(ListWorkflowAnalytics=paged)) as address, client(address) as asker:
        pager = asker.workflows(pb.ListWorkflowAnalyticsRequest(user_id=str(USER), page_token="1"))
        assert [page.workflows[0].workflow_id for page in pager.pages()] == list(answers.FLOWS[1:])


def test_anomalies_are_rows_and_pages_tell_how_many_hours_were_judged(asker):
    pager = asker.anomalies(pb.ListAnomaliesRequest(user_id=str(USER)))
    assert [row.measure for row in pager] == [pb.ANOMALY_MEASURE_FAILED_JOBS, pb.ANOMALY_MEASURE_JOBS]
    assert [page.judged for page in pager.pages()] == [672]


# --- streams ---


def streams(*each):
    """A service whose streams are these, one after the other, and the last one again."""
    left = list(each)
    return FakeInsights(WatchAnalytics=lambda _: left.pop(0) if len(left) > 1 else left[0])


def watched(fake, count, **options):
    """The first events that a watcher gets: jobs of a summary, None of a heartbeat."""
    tokens = iter(f"token{number}" for number in range(100))
    with listening(fake) as address, client(address, lambda: next(tokens)) as asker:
        events = asker.watch(REQUEST, **options)
        found = [event for _, event in zip(range(count), events, strict=False)]
        events.close()
    return [
        event.summary.summary.numbers.jobs.finished if event.HasField("summary") else None for event in found
    ]


def test_a_stream_brings_summaries_and_heartbeats():
    assert watched(streams([summary_of(1), HEARTBEAT, summary_of(2)]), 3) == [1, None, 2]


def test_a_stream_that_ends_with_ok_is_followed_by_the_next_with_a_new_token():
    fake = streams([summary_of(1)], [summary_of(2), HEARTBEAT])
    assert watched(fake, 3) == [1, 2, None]
    assert [one["authorization"] for one in fake.metadata] == ["Bearer token0", "Bearer token1"]


def test_a_stream_that_breaks_is_followed_by_the_next_and_the_reason_is_told():
    told = []
    fake = streams([summary_of(1), GONE], [summary_of(2)])
    assert watched(fake, 2, on_break=told.append) == [1, 2]
    assert [(type(error), error.reason) for error in told] == [(api.Unavailable, "STORE_UNAVAILABLE")]


def test_a_refusal_ends_the_watching():
    with pytest.raises(api.NotAuthenticated, match="expired"):
        watched(streams([summary_of(1)], [EXPIRED]), 2)


def test_what_on_break_raises_reaches_the_caller():
    def give_up(error):
        raise error

    with pytest.raises(api.Unavailable, match="gone"):
        watched(streams([summary_of(1), GONE]), 2, on_break=give_up)


def test_a_service_without_the_method_says_so():
    with pytest.raises(api.ServiceFailed) as caught:
        watched(FakeInsights(), 1)
    assert caught.value.code.name == "UNIMPLEMENTED"


def test_whoever_stops_watching_leaves_no_stream_open():
    left = threading.Event()

    def endless(_, context):
        context.add_callback(left.set)
        yield summary_of(1)
        left.wait(30)

    fake = FakeInsights()
    fake.WatchAnalytics = endless
    with listening(fake) as address, client(address) as asker:
        events = asker.watch(REQUEST)
        next(events)
        events.close()
        assert eventually(left.is_set)
