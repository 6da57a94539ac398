"""Around every RPC, from the outside in: measure, translate errors, unpack and decode, identify the caller.

The only place where gRPC status codes appear.
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode, aio
from grpc_status import rpc_status

from analytics import encoding, errors, metrics
from analytics.auth import Identify
from analytics.call import Call, enter_call

DOMAIN: Final = "analytics.chronoverse"
SERVICE_PREFIX: Final = "/analytics.AnalyticsService/"
_PUSHBACK: Final = "grpc-retry-pushback-ms"  # which gRPC's own retries obey; RetryInfo is for the callers

_log = structlog.get_logger(__name__)

Answer = Callable[[Any, Any], Awaitable[Any]]


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


class Layer(ABC):
    """Wraps every RPC with one request and one answer; streams (reflection, health watches) pass by."""

    def around(self, method: str, handler: Any) -> Any:
        """Return the handler of that method, `/package.Service/Method`, with `wrap` around it."""
        return handler if handler.unary_unary is None else self.wrap(method, handler)

    @abstractmethod
    def wrap(self, method: str, handler: Any) -> Any:
        """Return the wrapped handler of a method with one request and one answer."""


class Layers(aio.ServerInterceptor):
    """Layers around every method, the first one outermost. A method is wrapped once, not at each of its calls."""

    def __init__(self, *layers: Layer) -> None:
        self._inside_out = layers[::-1]
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Return the handler with all layers around it; None for a method that nobody has."""
        method = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            for layer in self._inside_out:
                handler = layer.around(method, handler)
            self._wrapped[method] = handler
        return self._wrapped[method]


def wrapped(handler: Any, answer: Answer, **changes: Any) -> Any:
    """Return the handler of a method with one request and one answer, which `answer` answers."""
    serializers = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    return grpc.unary_unary_rpc_method_handler(answer, **serializers | changes)


class Measure(Layer):
    """Counts answers by method and code, and measures their time."""

    def wrap(self, method: str, handler: Any) -> Any:
        """See Layer."""

        seconds = metrics.GRPC_REQUEST_SECONDS.labels(method)

        async def answer(request: Any, context: Any) -> Any:
            started, code = time.monotonic(), StatusCode.CANCELLED
            try:
                response = await handler.unary_unary(request, context)
                code = StatusCode.OK
            except aio.AbortError:
                code = context.code()
                raise
            finally:
                metrics.GRPC_REQUESTS.labels(method, code.name).inc()
                seconds.observe(time.monotonic() - started)
            return response

        return wrapped(handler, answer)


class TranslateErrors(Layer):
    """Ends an RPC that raised with the status of its error; what is not the caller's fault is logged."""

    def wrap(self, method: str, handler: Any) -> Any:
        """See Layer."""

        async def answer(request: Any, context: Any) -> Any:
            try:
                return await handler.unary_unary(request, context)
            except aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 -- the edge: everything becomes a status here
                _log_fault(method, error)
                await context.abort_with_status(status_of(error))

        return wrapped(handler, answer)


def _log_fault(method: str, error: Exception) -> None:
    if isinstance(error, errors.CallerError | errors.Overloaded):
        return  # a metric counts the overload: a line for each would make it worse
    if isinstance(error, errors.Retryable):
        _log.warning("store_failed", method=method, error=str(error))
    else:
        _log.error("request_failed", method=method, exc_info=error)


class Decode(Layer):
    """Unpacks and decodes requests, and makes the answer follow the request's encoding."""

    def around(self, method: str, handler: Any) -> Any:
        """Unpack the messages of streams as well; the server hands them over as they came."""
        if handler.unary_unary is None:
            decode = handler.request_deserializer
            return handler._replace(request_deserializer=lambda raw: decode(encoding.unpack(raw)))
        return super().around(method, handler)

    def wrap(self, method: str, handler: Any) -> Any:  # noqa: ARG002 -- every method is decoded alike
        """See Layer."""

        async def answer(raw: bytes, context: Any) -> Any:
            if encoding.is_gzip(raw):
                context.set_compression(grpc.Compression.Gzip)
            return await handler.unary_unary(_decoded(handler, raw), context)

        return wrapped(handler, answer, request_deserializer=None)


def _decoded(handler: Any, raw: bytes) -> Any:
    try:
        return handler.request_deserializer(encoding.unpack(raw))
    except DecodeError:
        raise errors.MalformedRequest("the request is no message of the expected type") from None


class Admit(Layer):
    """Identifies the callers of our own RPCs and holds those to their time; health needs no token."""

    def __init__(self, identify: Identify, request_timeout_s: float) -> None:
        self._identify = identify
        self._request_timeout_s = request_timeout_s

    def wrap(self, method: str, handler: Any) -> Any:
        """See Layer."""
        if not method.startswith(SERVICE_PREFIX):
            return handler

        async def answer(request: Any, context: Any) -> Any:
            caller = self._identify(context.invocation_metadata())
            limit_s = self._limit_s(context)
            enter_call(Call(caller, time.monotonic() + limit_s))
            try:
                async with asyncio.timeout(limit_s):
                    return await handler.unary_unary(request, context)
            except TimeoutError:
                raise errors.StoreTimeout("no answer within the time of the request") from None

        return wrapped(handler, answer)

    def _limit_s(self, context: Any) -> float:
        """The caller's deadline when it has one, never more than GRPC_REQUEST_TIMEOUT."""
        left_s: float | None = context.time_remaining()
        return self._request_timeout_s if left_s is None else min(left_s, self._request_timeout_s)
