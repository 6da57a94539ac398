"""The span of an RPC: it continues the caller's `traceparent`, and says method and code."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from grpc import StatusCode, aio
from opentelemetry import context, trace
from opentelemetry.trace import Span, Status
from opentelemetry.trace import StatusCode as Outcome

from analytics.interceptors import SERVICE_PREFIX, Layer, wrapped, wrapped_stream
from analytics.otel import OtelTraces

_OF_TRACES: Final = ("traceparent", "tracestate")
_OUR_FAULT: Final = frozenset({
    StatusCode.UNKNOWN, StatusCode.DEADLINE_EXCEEDED, StatusCode.UNIMPLEMENTED, StatusCode.INTERNAL,
    StatusCode.UNAVAILABLE, StatusCode.DATA_LOSS,
})  # fmt: skip


class Trace(Layer):
    """Makes a span of each of our own RPCs; health checks, which come every few seconds, have none."""

    def __init__(self, traces: OtelTraces) -> None:
        self._traces = traces

    def wrap(self, method: str, handler: Any) -> Any:
        """See Layer."""
        if not method.startswith(SERVICE_PREFIX):
            return handler

        async def answer(request: Any, call: Any) -> Any:
            span = self._traces.server(method, _carrier(call))
            token, code = context.attach(trace.set_span_in_context(span)), StatusCode.CANCELLED
            try:
                response = await handler.unary_unary(request, call)
                code = StatusCode.OK
            except aio.AbortError:
                code = call.code()
                raise
            finally:
                context.detach(token)
                _end(span, code)
            return response

        return wrapped(handler, answer)

    def wrap_stream(self, method: str, handler: Any) -> Any:
        """See Layer; the span is as long as the stream. It is not the current one: what is computed is for all watchers."""

        async def answers(request: Any, call: Any) -> AsyncIterator[Any]:
            span, code = self._traces.server(method, _carrier(call)), StatusCode.CANCELLED
            try:
                async with aclosing(handler.unary_stream(request, call)) as stream:
                    async for response in stream:
                        yield response
                code = StatusCode.OK
            except aio.AbortError:
                code = call.code()
                raise
            finally:
                _end(span, code)

        return wrapped_stream(handler, answers)


def _carrier(call: Any) -> dict[str, str]:
    return {name: value for name, value in call.invocation_metadata() or () if name in _OF_TRACES}


def _end(span: Span, code: StatusCode) -> None:
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code in _OUR_FAULT:
        span.set_status(Status(Outcome.ERROR, code.name))
    span.end()
