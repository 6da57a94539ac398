"""Composes the service: settings in, a running gRPC server out."""

import asyncio
import signal
from contextlib import suppress
from typing import Final

import structlog
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from analytics import encoding, tracing
from analytics.analytics_pb2 import DESCRIPTOR
from analytics.analytics_pb2_grpc import add_AnalyticsServiceServicer_to_server
from analytics.auth import Identify, TokenVerifier, allow_everyone, load_public_key
from analytics.endpoints import serve_endpoints
from analytics.errors import CannotListen
from analytics.freshness import FreshnessReader
from analytics.insights.reads import InsightReads
from analytics.interceptors import Admit, Decode, Layer, Layers, Measure, TranslateErrors
from analytics.limits import LimitCallers
from analytics.lookups import StoreLookups
from analytics.readiness import service_problems
from analytics.reads import QueryRunner
from analytics.server_tls import server_credentials
from analytics.service import AnalyticsService, Backends
from analytics.settings import ServiceSettings
from analytics.shards import ShardWatch

SERVICE_NAME: Final = DESCRIPTOR.services_by_name["AnalyticsService"].full_name
HEALTH_NAMES: Final = ("", "analytics-service", SERVICE_NAME)
_PROGRAM: Final = "analytics-service"  # as Chronoverse calls it in its traces
_HEALTH_NOTICE_S: Final = 1.0
_OPTIONS: Final = (
    *encoding.SERVER_OPTIONS,
    ("grpc.max_receive_message_length", encoding.MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", encoding.MAX_ANSWER_BYTES),
    ("grpc.so_reuseport", 0),  # a second server on the same port must fail, not share the calls
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # idle clients may ping every 10 s, as Go's do
)

_log = structlog.get_logger(__name__)


class AnalyticsServer:
    """The gRPC server with health and reflection, over given backends. Make it in a running event loop."""

    def __init__(self, settings: ServiceSettings, backends: Backends, identify: Identify) -> None:
        self._settings = settings
        self._health = health.aio.HealthServicer()
        admit = Admit(identify, settings.grpc_request_timeout)
        limit = LimitCallers.of(settings)
        layers = Layers(*_trace_layers(), Measure(), TranslateErrors(), Decode(), admit, limit)
        self._server = aio.server(interceptors=[layers], options=_OPTIONS)
        self._service = AnalyticsService(settings, backends)
        add_AnalyticsServiceServicer_to_server(self._service, self._server)  # type: ignore[no-untyped-call] # generated
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if not settings.is_production:
            names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        self.port = _bind(self._server, settings)

    async def start(self) -> None:
        """Begin to answer. Health is about this process: without ClickHouse it says SERVING."""
        for name in HEALTH_NAMES:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def drain(self) -> None:
        """Tell health checks, end streams, refuse new calls, let the running ones end within GRPC_DRAIN_TIMEOUT."""
        with suppress(TimeoutError):  # a watcher of health that does not read must not hold up the end
            async with asyncio.timeout(_HEALTH_NOTICE_S):
                await self._health.enter_graceful_shutdown()
        self._service.end_streams()
        await self._server.stop(self._settings.grpc_drain_timeout)


async def serve(settings: ServiceSettings, stop: asyncio.Event | None = None) -> None:
    """Serve until SIGTERM, SIGINT or `stop`, then drain. Raises InvalidSettings or CannotListen at once."""
    identify = _identify(settings)
    stop = stop or _stop_on_signals()
    tracing.begin(settings, _PROGRAM)
    reads = QueryRunner(settings, size=settings.clickhouse_pool_size, timeout_s=settings.grpc_request_timeout)
    progress_reads = QueryRunner(settings, size=1, timeout_s=settings.grpc_request_timeout)
    insight_reads = QueryRunner(
        settings, size=settings.clickhouse_insights_pool_size, timeout_s=settings.grpc_request_timeout
    )
    freshness = FreshnessReader(
        progress_reads, ShardWatch(settings.clickhouse_database, (reads, insight_reads))
    )
    try:
        _serve_endpoints(settings, freshness, stop)
        backends = _backends(settings, reads, insight_reads, freshness)
        await _run(AnalyticsServer(settings, backends, identify), freshness, stop, settings)
    finally:
        reads.close()
        progress_reads.close()
        insight_reads.close()
        tracing.end()


def _backends(
    settings: ServiceSettings, reads: QueryRunner, insight_reads: QueryRunner, freshness: FreshnessReader
) -> Backends:
    most_waiting = settings.analytics_max_waiting
    return Backends(
        StoreLookups(reads, parallel=settings.clickhouse_pool_size, most_waiting=most_waiting),
        InsightReads(
            insight_reads, parallel=settings.clickhouse_insights_pool_size, most_waiting=most_waiting
        ),
        freshness.as_of_ms,
        freshness.topics,
    )


def _serve_endpoints(settings: ServiceSettings, freshness: FreshnessReader, stop: asyncio.Event) -> None:
    """From the signal on it is not ready: so nobody sends calls here who could still go elsewhere."""
    serve_endpoints(
        settings.metrics_port,
        live=freshness.live_problems,
        ready=lambda: service_problems(freshness, stop.is_set, stale_after_s=settings.analytics_stale_after),
    )


def _trace_layers() -> list[Layer]:
    if not tracing.is_on():
        return []
    from analytics.otel import OtelTraces
    from analytics.traced_calls import Trace

    traces = tracing.current()
    return [Trace(traces)] if isinstance(traces, OtelTraces) else []


async def _run(
    server: AnalyticsServer, freshness: FreshnessReader, stop: asyncio.Event, settings: ServiceSettings
) -> None:
    await (
        freshness.refresh()
    )  # which shards there are is known before the first call comes, if ClickHouse answers
    refreshing = asyncio.create_task(freshness.run())
    await server.start()
    _log.info("serving", host=settings.grpc_host, port=server.port, tls=settings.grpc_tls_enabled)
    if not settings.auth_enabled:
        _log.warning("auth_disabled", meaning="everybody who reaches the port reads everything")
    await stop.wait()
    _log.info("draining", within_s=settings.grpc_drain_timeout)
    await server.drain()
    refreshing.cancel()
    _log.info("stopped")


def _identify(settings: ServiceSettings) -> Identify:
    return (
        TokenVerifier(load_public_key(settings.auth_public_key_path))
        if settings.auth_enabled
        else allow_everyone
    )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _bind(server: aio.Server, settings: ServiceSettings) -> int:
    """Return the bound port; GRPC_PORT=0 is any free one. Raises InvalidSettings or CannotListen."""
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    credentials = server_credentials(settings.grpc_tls()) if settings.grpc_tls_enabled else None
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise CannotListen(f"cannot listen on {address}: {error}") from None
