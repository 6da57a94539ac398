"""The client for Python services.

    with AnalyticsClient.connect("analytics:50055", token=make_token, audience="server") as client:
        print(client.user(user_id).jobs)
        week = insights.TimeRange(start_time=monday, end_time=monday + timedelta(days=7))
        request = insights.GetAnalyticsSummaryRequest(user_id=str(user_id), range=week)
        print(client.summary(request).summary.numbers.jobs.failed)

`insights` has the messages of the questions about ranges: proto/analytics/insights.proto says what each field means.

There is no asyncio form: it would be every call once more. `CHANNEL_OPTIONS`, `call_metadata`, `user_analytics`,
`workflow_analytics`, `freshness_of` and `error_of` are all that a caller of the asyncio stub needs to get the same.
"""

from analytics import insights_pb2 as insights
from analytics.client.channel import CHANNEL_OPTIONS, Tls, open_channel
from analytics.client.client import DEFAULT_TIMEOUT_S, AnalyticsClient, AnomalyPager, WorkflowPager
from analytics.client.errors import (
    CallFailed,
    ClientError,
    Failure,
    InvalidRequest,
    Misconfigured,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Overloaded,
    Refused,
    ServiceFailed,
    TimedOut,
    TryLater,
    Unavailable,
    error_of,
)
from analytics.client.pages import Pager
from analytics.client.results import (
    Freshness,
    UserAnalytics,
    WorkflowAnalytics,
    freshness_of,
    user_analytics,
    workflow_analytics,
)
from analytics.client.tokens import Role, TokenFile, TokenSupplier, call_metadata

__all__ = [
    "CHANNEL_OPTIONS",
    "DEFAULT_TIMEOUT_S",
    "AnalyticsClient",
    "AnomalyPager",
    "CallFailed",
    "ClientError",
    "Failure",
    "Freshness",
    "InvalidRequest",
    "Misconfigured",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Overloaded",
    "Pager",
    "Refused",
    "Role",
    "ServiceFailed",
    "TimedOut",
    "Tls",
    "TokenFile",
    "TokenSupplier",
    "TryLater",
    "Unavailable",
    "UserAnalytics",
    "WorkflowAnalytics",
    "WorkflowPager",
    "call_metadata",
    "error_of",
    "freshness_of",
    "insights",
    "open_channel",
    "user_analytics",
    "workflow_analytics",
]
