"""Around every RPC, from the outside in: measure, translate errors, unpack and decode, identify the caller.

Which status an error becomes: see `verdicts`.
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc import StatusCode, aio

from analytics import encoding, errors, metrics
from analytics.auth import Identify
from analytics.call import Call, enter_call
from analytics.verdicts import status_of

SERVICE_PREFIX: Final = "/analytics.AnalyticsService/"
_BEFORE_EXPIRY_S: Final = 5.0

_log = structlog.get_logger(__name__)

Answer = Callable[[Any, Any], Awaitable[Any]]
Answers = Callable[[Any, Any], AsyncIterator[Any]]


class Layer(ABC):
    """Wraps every RPC with one request and one answer, and those of our own that answer with a stream.

    Streams of others (reflection, health watches) pass by.
    """

    def around(self, method: str, handler: Any) -> Any:
        """Return the handler of that method, `/package.Service/Method`, with a wrapper around it."""
        if handler.unary_unary is not None:
            return self.wrap(method, handler)
        if handler.unary_stream is not None and method.startswith(SERVICE_PREFIX):
            return self.wrap_stream(method, handler)
        return handler

    @abstractmethod
    def wrap(self, method: str, handler: Any) -> Any:
        """Return the wrapped handler of a method with one request and one answer."""

    @abstractmethod
    def wrap_stream(self, method: str, handler: Any) -> Any:
        """Return the wrapped handler of a method with one request and a stream of answers."""


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


def wrapped_stream(handler: Any, answers: Answers, **changes: Any) -> Any:
    """The same for a handler that answers with a stream."""
    serializers = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    return grpc.unary_stream_rpc_method_handler(answers, **serializers | changes)


class Measure(Layer):
    """Counts answers by method and code, and measures their time; of streams, how many there are."""

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

    def wrap_stream(self, method: str, handler: Any) -> Any:
        """See Layer."""

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            code = StatusCode.CANCELLED
            try:
                with metrics.GRPC_STREAMS.labels(method).track_inprogress():
                    async with aclosing(handler.unary_stream(request, context)) as stream:
                        async for response in stream:
                            yield response
                code = StatusCode.OK
            except aio.AbortError:
                code = context.code()
                raise
            finally:
                metrics.GRPC_REQUESTS.labels(method, code.name).inc()

        return wrapped_stream(handler, answers)


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

    def wrap_stream(self, method: str, handler: Any) -> Any:
        """See Layer."""

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                async with aclosing(handler.unary_stream(request, context)) as stream:
                    async for response in stream:
                        yield response
            except aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 -- the edge: everything becomes a status here
                _log_fault(method, error)
                await context.abort_with_status(status_of(error))

        return wrapped_stream(handler, answers)


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
        """Unpack the messages of others' streams as well; the server hands them over as they came."""
        wrapped = super().around(method, handler)
        if wrapped is not handler:
            return wrapped
        decode = handler.request_deserializer
        return handler._replace(request_deserializer=lambda raw: decode(encoding.unpack(raw)))

    def wrap(self, method: str, handler: Any) -> Any:  # noqa: ARG002 -- every method is decoded alike
        """See Layer."""

        async def answer(raw: bytes, context: Any) -> Any:
            if encoding.is_gzip(raw):
                context.set_compression(grpc.Compression.Gzip)
            return await handler.unary_unary(_decoded(handler, raw), context)

        return wrapped(handler, answer, request_deserializer=None)

    def wrap_stream(self, method: str, handler: Any) -> Any:  # noqa: ARG002 -- every method is decoded alike
        """See Layer."""

        async def answers(raw: bytes, context: Any) -> AsyncIterator[Any]:
            if encoding.is_gzip(raw):
                context.set_compression(grpc.Compression.Gzip)
            async with aclosing(handler.unary_stream(_decoded(handler, raw), context)) as stream:
                async for response in stream:
                    yield response

        return wrapped_stream(handler, answers, request_deserializer=None)


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

    def wrap_stream(self, method: str, handler: Any) -> Any:  # noqa: ARG002 -- only our own streams come here
        """A stream ends with OK shortly before the token expires; it is not held to the time of a request."""

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            caller = self._identify(context.invocation_metadata())
            valid_s = caller.expires_at_s - time.time() - _BEFORE_EXPIRY_S
            left_s: float | None = context.time_remaining()
            enter_call(Call(caller, time.monotonic() + min(valid_s, math.inf if left_s is None else left_s)))
            async with aclosing(handler.unary_stream(request, context)) as stream:
                async for response in stream:
                    yield response

        return wrapped_stream(handler, answers)

    def _limit_s(self, context: Any) -> float:
        """The caller's deadline when it has one, never more than GRPC_REQUEST_TIMEOUT."""
        left_s: float | None = context.time_remaining()
        return self._request_timeout_s if left_s is None else min(left_s, self._request_timeout_s)
