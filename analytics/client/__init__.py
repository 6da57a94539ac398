"""The client for Python services.

    with AnalyticsClient.connect("analytics:50055", token=make_token, audience="server") as client:
        print(client.user(user_id).jobs)

There is no asyncio form: it would be every call once more. `CHANNEL_OPTIONS`, `call_metadata`, `user_analytics`,
`workflow_analytics` and `error_of` are all that a caller of the asyncio stub needs to get the same.
"""

from analytics.client.channel import CHANNEL_OPTIONS, Tls, open_channel
from analytics.client.client import DEFAULT_TIMEOUT_S, AnalyticsClient
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
from analytics.client.results import (
    Freshness,
    UserAnalytics,
    WorkflowAnalytics,
    user_analytics,
    workflow_analytics,
)
from analytics.client.tokens import Role, TokenFile, TokenSupplier, call_metadata

__all__ = [
    "CHANNEL_OPTIONS",
    "DEFAULT_TIMEOUT_S",
    "AnalyticsClient",
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
    "call_metadata",
    "error_of",
    "open_channel",
    "user_analytics",
    "workflow_analytics",
]
