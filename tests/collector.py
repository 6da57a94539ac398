"""A collector of traces as small as can be: OTLP over gRPC in, a list of spans out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from analytics import tracing
from analytics.settings import Settings

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


class Collected(NamedTuple):
    """A span as it arrived. Ids are hexadecimal; `links` are ids of traces."""

    program: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: list[str]
    attributes: dict[str, Any]
    error: str


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[Collected] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the name on the wire
        for sent in request.resource_spans:
            program = _values(sent.resource.attributes)["service.name"]
            self.spans += [_collected(program, one) for scope in sent.scope_spans for one in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> list[Collected]:
        return [one for one in self.spans if one.name == name]

    def below(self, span: Collected) -> list[str]:
        """The names of the spans right below a span, in their order."""
        return [one.name for one in self.spans if one.parent_id == span.span_id]


def _collected(program: str, span: Any) -> Collected:
    return Collected(
        program,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        [link.trace_id.hex() for link in span.links],
        _values(span.attributes),
        span.status.message,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0)


@contextmanager
def traced(endpoint: str, program: str = "test") -> Iterator[None]:
    """Traces of this process go there; at the end all that is left is sent."""
    tracing.begin(Settings(otel_exporter_otlp_endpoint=endpoint), program)
    try:
        yield
    finally:
        tracing.end()
