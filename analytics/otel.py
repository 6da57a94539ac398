"""Spans by OpenTelemetry, sent over OTLP/gRPC: the only module that imports its SDK. See `analytics.tracing`.

A collector that is away costs nothing but the spans: they wait in a bounded queue, a thread of its own sends them, and
what finds no room is dropped. What the standard variables say (OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES,
OTEL_BSP_*, OTEL_EXPORTER_OTLP_*) the SDK reads by itself.
"""

import contextvars
import importlib.metadata
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, TypeVar

import structlog
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from analytics import shared_metrics, tracing

T = TypeVar("T")

MOST_LINKS: Final = 32
"""Links of a span: a batch has thousands of records, and a query up to 128 callers."""

_PACKAGE: Final = "chronoverse-analytics"
_CLOSE_WITHIN_S: Final = 2.0
_LONGEST_EXPORT_S: Final = 5.0
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_PROPAGATOR: Final = TraceContextTextMapPropagator()

_log = structlog.get_logger(__name__)


def export_to(endpoint: str, program: str) -> "OtelTraces":
    """Return what makes the spans of a program and sends them to a collector, such as http://collector:4317."""
    # It logs each failure, with a stack trace; ours says when it begins and ends, and a metric counts what is lost.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    exporter = OTLPSpanExporter(
        endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=_LONGEST_EXPORT_S
    )
    provider = TracerProvider(resource=_resource(program), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(CountingExporter(exporter)))
    return OtelTraces(provider)


def _resource(program: str) -> Resource:
    ours = {"service.name": program, "service.version": importlib.metadata.version(_PACKAGE)}
    return Resource.create(ours).merge(OTELResourceDetector().detect())  # the environment wins


class CountingExporter(SpanExporter):
    """Counts what becomes of spans, and logs when the collector goes away and comes back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._works = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        result = self._exporter.export(spans)
        works = result is SpanExportResult.SUCCESS
        shared_metrics.SPANS.labels("taken" if works else "lost").inc(len(spans))
        if works is not self._works:
            _log.info("traces_are_taken") if works else _log.warning("traces_are_lost")
        self._works = works
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See SpanExporter."""
        return self._exporter.force_flush(timeout_millis)


class OtelTraces(tracing.Traces):
    """Makes spans with a provider, which it owns."""

    is_on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(_PACKAGE)

    def step(self, name: str) -> AbstractContextManager[None]:
        """See `tracing.step`."""
        if not trace.get_current_span().is_recording():
            return _NOTHING
        return _current(self._tracer.start_span(name))

    def statement(self, summary: str) -> AbstractContextManager[None]:
        """See `tracing.statement`."""
        if not trace.get_current_span().is_recording():
            return _NOTHING
        attributes = {"db.system.name": "clickhouse", "db.query.summary": summary}
        return _noting_failure(self._tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=attributes))

    def batch(
        self, name: str, attributes: tracing.Attributes, origins: Sequence[str]
    ) -> AbstractContextManager[None]:
        """See `tracing.batch`."""
        places = [trace.get_current_span(_continued({"traceparent": one})) for one in origins[:MOST_LINKS]]
        span = self._tracer.start_span(
            name,
            context.Context(),
            kind=SpanKind.CONSUMER,
            attributes=dict(attributes),
            links=[Link(one.get_span_context()) for one in places if one.get_span_context().is_valid],
        )
        return _current(span)

    def shared(self, name: str, places: Iterable[object]) -> AbstractContextManager[None]:
        """See `tracing.shared`."""
        spans = [one for one in dict.fromkeys(places) if isinstance(one, Span)][: MOST_LINKS + 1]
        if not spans:
            return _current(trace.INVALID_SPAN)  # whoever began this work is no caller of it
        first, *others = spans
        links = [Link(one.get_span_context()) for one in others]
        span = self._tracer.start_span(name, trace.set_span_in_context(first), links=links)
        for one in others:
            one.add_link(span.get_span_context())
        return _current(span)

    def server(self, method: str, metadata: Mapping[str, str]) -> Span:
        """Return the span of an RPC, `/package.Service/Method`, below the caller's; whoever gets it ends it."""
        service, _, name = method.removeprefix("/").rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        return self._tracer.start_span(
            method.removeprefix("/"), _continued(metadata), kind=SpanKind.SERVER, attributes=attributes
        )

    def here(self) -> object:
        """See `tracing.here`."""
        span = trace.get_current_span()
        return span if span.is_recording() else None

    def ids(self) -> Mapping[str, str]:
        """See `tracing.ids`."""
        place = trace.get_current_span().get_span_context()
        if not place.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(place.trace_id),
            "span_id": trace.format_span_id(place.span_id),
        }

    def carried(self, action: Callable[[], T]) -> Callable[[], T]:
        """See `tracing.carried`."""
        copied = contextvars.copy_context()
        return lambda: copied.run(action)

    def close(self) -> None:
        """See `tracing.end`."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(_CLOSE_WITHIN_S)


def _continued(carrier: Mapping[str, str]) -> context.Context:
    """Return the context of a `traceparent`; without one, or with a bad one, that of a new trace."""
    return _PROPAGATOR.extract(carrier, context.Context())


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Make it the current span, and end it with the block."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        with _noting_failure(span):
            yield
    finally:
        context.detach(token)


@contextmanager
def _noting_failure(span: Span) -> Iterator[None]:
    """End the span with the block. Of an error it says the type only: messages may hold values."""
    try:
        yield
    except BaseException as error:
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        span.end()
