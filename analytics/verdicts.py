"""From errors to status codes: one table, and the only place where an error meets a gRPC code."""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from grpc_status import rpc_status

from analytics import errors

DOMAIN: Final = "analytics.chronoverse"
_PUSHBACK: Final = "grpc-retry-pushback-ms"  # which gRPC's own retries obey; RetryInfo is for the callers


class Verdict(NamedTuple):
    """How an error reaches the caller: code, reason, and words unless the error's own are for callers."""

    code: StatusCode
    reason: str
    words: str | None = None


VERDICTS: Final[Mapping[type[Exception], Verdict]] = {
    errors.InvalidField: Verdict(StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
    errors.MalformedRequest: Verdict(StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST"),
    errors.RequestTooLarge: Verdict(StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE"),
    errors.MissingCredentials: Verdict(StatusCode.FAILED_PRECONDITION, "MISSING_CREDENTIALS"),
    errors.InvalidToken: Verdict(StatusCode.UNAUTHENTICATED, "INVALID_TOKEN"),
    errors.PermissionDenied: Verdict(StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
    errors.NoAnalytics: Verdict(StatusCode.NOT_FOUND, "NO_ANALYTICS"),
    errors.StoreUnavailable: Verdict(
        StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the database cannot be reached; try again"
    ),
    errors.StoreTimeout: Verdict(
        StatusCode.DEADLINE_EXCEEDED, "STORE_TIMEOUT", "the database did not answer in time; try again"
    ),
    errors.Overloaded: Verdict(StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    Exception: Verdict(StatusCode.INTERNAL, "INTERNAL", "internal error; the service has logged it"),
}
"""The one table of error to code. An error counts as the nearest of its base classes that is listed."""


def verdict_on(error: Exception) -> Verdict:
    """Return how the error reaches the caller."""
    return next(VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS)


def status_of(error: Exception) -> grpc.Status:
    """Return the status for the error: code, words, ErrorInfo; BadRequest for a field, RetryInfo for an overload."""
    code, reason, words = verdict_on(error)
    details: list[AnyMessage] = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))]
    if isinstance(error, errors.InvalidField):
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.rule)
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    pushback: tuple[tuple[str, str], ...] = ()
    if isinstance(error, errors.Overloaded):
        after_ms, delay = math.ceil(error.retry_after_s * 1000), Duration()
        delay.FromMilliseconds(after_ms)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
        pushback = ((_PUSHBACK, str(after_ms)),)
    status = status_pb2.Status(code=code.value[0], message=words or str(error), details=details)
    converted: Any = rpc_status.to_status(status)
    trailing = (*converted.trailing_metadata, *pushback)
    return converted._replace(trailing_metadata=trailing)  # type: ignore[no-any-return] # a named tuple, not typed as one


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
