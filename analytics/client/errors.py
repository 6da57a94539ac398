"""Every error of the client, drawn once and grouped by what its caller can do.

ClientError
├── Misconfigured        a setting of the client's own is wrong; no call was made
└── CallFailed           the service, or the way to it, gave no answer
    ├── TryLater             the same call may succeed later
    │   ├── Unavailable          the service or its database cannot be reached, also not by the retries
    │   ├── Overloaded           too many requests wait there already, also when it was retried
    │   └── TimedOut             no answer within the deadline
    ├── Refused              the same call will be refused again
    │   ├── InvalidRequest       a field breaks a rule (both are named), or the request is unreadable
    │   ├── NotAuthenticated     the token is absent, malformed, expired or forged
    │   ├── NotAllowed           the data belongs to another user
    │   └── NotFound             nothing was ever counted for that user or workflow
    └── ServiceFailed        a fault of the service, or one that does not have this method

A CallFailed is raised from the grpc.RpcError, which is its `__cause__`. All can be pickled, none holds a token.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from grpc_status import rpc_status

DOMAIN: Final = "analytics.chronoverse"


class Failure(NamedTuple):
    """What a failed call said: code, words, the reason of the table in analytics.proto ("": not told), details."""

    code: StatusCode
    message: str
    reason: str = ""
    field: str = ""
    rule: str = ""
    retry_after: timedelta | None = None


class ClientError(Exception):
    """Base of all errors that the client raises on purpose."""


class Misconfigured(ClientError):
    """A setting of the client is wrong: `setting` names it, `problem` says what is the matter."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(setting, problem)
        self.setting = setting
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}"


class CallFailed(ClientError):
    """There is no answer. Its text is the service's, or gRPC's own."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message

    @property
    def code(self) -> StatusCode:
        """The gRPC status."""
        return self.failure.code

    @property
    def reason(self) -> str:
        """The service's reason, such as `NO_ANALYTICS`; empty when the service did not answer itself."""
        return self.failure.reason


class TryLater(CallFailed):
    """The same call may succeed later."""

    @property
    def retry_after(self) -> timedelta | None:
        """For how long the service asks to be left alone; None: it did not say."""
        return self.failure.retry_after


class Unavailable(TryLater):
    """The service or its database cannot be reached."""


class Overloaded(TryLater):
    """Too many requests wait at the service already."""


class TimedOut(TryLater):
    """No answer came within the deadline."""


class Refused(CallFailed):
    """The same call will be refused again."""


class InvalidRequest(Refused):
    """A field of the request breaks a rule, or the request cannot be read (then both are empty)."""

    @property
    def field(self) -> str:
        """The field's name in the message."""
        return self.failure.field

    @property
    def rule(self) -> str:
        """What the field must be."""
        return self.failure.rule


class NotAuthenticated(Refused):
    """The token is absent, malformed, expired, not yet valid or forged."""


class NotAllowed(Refused):
    """The data belongs to another user."""


class NotFound(Refused):
    """Nothing was ever counted for that user, or for that workflow of that user."""


class ServiceFailed(CallFailed):
    """A fault of the service, or a service that does not have this method."""


_BY_CODE: Final[Mapping[StatusCode, type[CallFailed]]] = {
    StatusCode.UNAVAILABLE: Unavailable,
    StatusCode.ABORTED: Unavailable,
    StatusCode.CANCELLED: Unavailable,  # the connection was closed while the call was under way
    StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    StatusCode.DEADLINE_EXCEEDED: TimedOut,
    StatusCode.INVALID_ARGUMENT: InvalidRequest,
    StatusCode.FAILED_PRECONDITION: NotAuthenticated,
    StatusCode.UNAUTHENTICATED: NotAuthenticated,
    StatusCode.PERMISSION_DENIED: NotAllowed,
    StatusCode.NOT_FOUND: NotFound,
}
_BY_REASON: Final[Mapping[str, type[CallFailed]]] = {"REQUEST_TOO_LARGE": InvalidRequest}


def error_of(error: grpc.RpcError) -> CallFailed:
    """Return the client's error for gRPC's. The only place where status codes get a meaning."""
    failure = _failure(error)
    kind = _BY_REASON.get(failure.reason) or _BY_CODE.get(failure.code, ServiceFailed)
    return kind(failure)


def _failure(error: Any) -> Failure:
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    with suppress(ValueError, DecodeError):  # a proxy changed the status: code and words still count
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            any(detail.Unpack(known) for known in (info, bad, retry))
    violation = next(iter(bad.field_violations), None)
    return Failure(
        code=error.code(),
        message=error.details() or error.code().name,
        reason=info.reason if info.domain == DOMAIN else "",
        field=violation.field if violation else "",
        rule=violation.description if violation else "",
        retry_after=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
    )
