"""The program as an operator sees it: log, exit codes, drain."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.auth import allow_everyone
from analytics.errors import CannotListen
from analytics.server import AnalyticsServer
from tests.collector import TRACE_ID, TRACEPARENT, collecting
from tests.eventually import eventually
from tests.grpc_world import KEY, USER, USER_TOTALS, FakeLookups, backends, metadata, service_settings, token

ASK = pb.GetUserAnalyticsRequest(user_id=str(USER))


class Program:
    """`chronoverse-analytics serve` in a process of its own, without a ClickHouse."""

    def __init__(self, folder, **environment):
        key = folder / "auth.ed.pub"
        key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.log = folder / "log"
        variables = {
            "CLICKHOUSE_HOSTS": "127.0.0.1:1",
            "GRPC_HOST": "127.0.0.1",
            "GRPC_PORT": "0",
            "LOG_FORMAT": "json",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "analytics", "serve"],
                stderr=log,
                env=os.environ | variables | {"AUTH_PUBLIC_KEY_PATH": str(key)} | environment,
            )

    def events(self):
        """The log so far, one dictionary an event."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def port(self):
        """The port, from the event that says so."""
        return eventually(lambda: next((e["port"] for e in self.events() if e["event"] == "serving"), None))


@pytest.fixture
def program(tmp_path):
    started = Program(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()


def test_serves_without_clickhouse(program):
    """No ClickHouse at start: health serves, and calls are UNAVAILABLE."""
    with grpc.insecure_channel(f"127.0.0.1:{program.port()}") as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            AnalyticsServiceStub(channel).GetUserAnalytics(ASK, metadata=metadata())
    assert caught.value.code() is StatusCode.UNAVAILABLE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it(program, number):
    """SIGTERM and SIGINT end it with 0 after a drain."""
    program.port()
    program.process.send_signal(number)
    assert program.process.wait(10) == 0
    assert [event["event"] for event in program.events()][-2:] == ["draining", "stopped"]


def test_tokens_stay_out_of_the_log(program):
    """Neither good nor bad tokens are logged, whatever the outcome."""
    bearers = [token(), token(exp=1), token("internal/x", role="admin")]
    with grpc.insecure_channel(f"127.0.0.1:{program.port()}") as channel:
        for bearer in bearers:
            with pytest.raises(grpc.RpcError):
                AnalyticsServiceStub(channel).GetUserAnalytics(ASK, metadata=metadata(bearer))
    program.process.terminate()
    program.process.wait(10)
    log = program.log.read_text()
    assert not any(part in log for bearer in bearers for part in bearer.split(".")[1:])


def test_a_trace_goes_on_in_the_program_and_in_its_log(tmp_path):
    """The span of a call that failed, and the log line about it, have the trace id that the caller sent."""
    told = [*metadata(), ("traceparent", TRACEPARENT)]
    with collecting() as collector:
        program = Program(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        with grpc.insecure_channel(f"127.0.0.1:{program.port()}") as channel, pytest.raises(grpc.RpcError):
            AnalyticsServiceStub(channel).GetUserAnalytics(ASK, metadata=told)
        program.process.terminate()
        assert program.process.wait(10) == 0
    (span,) = collector.named("analytics.AnalyticsService/GetUserAnalytics")
    (line,) = [event for event in program.events() if event["event"] == "store_failed"]
    assert (span.program, span.trace_id) == ("analytics-service", TRACE_ID)
    assert (line["trace_id"], line["span_id"]) == (TRACE_ID, span.span_id)


def test_it_says_on_its_metrics_port_why_it_is_not_ready(tmp_path):
    """Without ClickHouse it lives and serves, but is not ready."""
    program = Program(tmp_path, METRICS_PORT="0")
    try:
        program.port()
        (port,) = [event["port"] for event in program.events() if event["event"] == "metrics_served"]

        def said(path):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        eventually(lambda: "ClickHouse does not answer" in said("/ready")[1])
        assert said("/ready")[0] == 503
        assert said("/live")[0] == 200
    finally:
        program.process.kill()
        program.process.wait()


async def test_taken_port():
    """A port that is taken is said, not shared."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = service_settings(grpc_port=taken.getsockname()[1])
        with pytest.raises(CannotListen):
            AnalyticsServer(settings, backends(FakeLookups()), allow_everyone)


class WaitingLookups(FakeLookups):
    """A store that answers when it is told to."""

    def __init__(self):
        super().__init__()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def totals(self, key, *, within_s):
        self.asked.set()
        await self.go_on.wait()
        return USER_TOTALS


async def test_drain_lets_running_calls_end():
    """During a drain health says NOT_SERVING, and the call that runs is still answered."""
    lookups = WaitingLookups()
    server = AnalyticsServer(service_settings(grpc_drain_timeout=10), backends(lookups), allow_everyone)
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="analytics-service")
        )
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        call = AnalyticsServiceStub(channel).GetUserAnalytics(ASK)
        await lookups.asked.wait()
        drain = asyncio.create_task(server.drain())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        lookups.go_on.set()
        assert (await call).total_jobs == USER_TOTALS.jobs
        await drain
