"""Spans as a collector gets them, and what traces cost when nobody, or nobody any more, collects them."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest
import structlog
from grpc import StatusCode, aio
from opentelemetry import trace

from analytics import analytics_pb2 as pb
from analytics import telemetry, tracing
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.coalescing import Coalescer
from analytics.errors import StoreUnavailable
from analytics.settings import InvalidSettings, Settings, load
from processor.batch_trace import MOST_ORIGINS, note_origins
from sandbox.ports import free_port
from tests.collector import PARENT_ID, TRACE_ID, TRACEPARENT, collecting, traced
from tests.grpc_world import USER, USER_TOTALS, FailingLookups, FakeLookups, failure, metadata, serving
from tests.lane_world import ScriptedWriter, opened
from tests.processor_world import FakeRecord, as_value, finished_job

ASK = pb.GetUserAnalyticsRequest(user_id=str(USER))
METHOD = "analytics.AnalyticsService/GetUserAnalytics"
OTHER_TRACE_ID = TRACE_ID[::-1]


@pytest.fixture
def collector():
    with collecting() as listening:
        yield listening


@pytest.fixture
def nobody():
    """An endpoint at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def known_user():
    lookups = FakeLookups()
    lookups.users = {USER: USER_TOTALS}
    return lookups


async def call(lookups, *more_metadata):
    async with serving(lookups) as address, aio.insecure_channel(address) as channel:
        return await AnalyticsServiceStub(channel).GetUserAnalytics(
            ASK, metadata=[*metadata(), *more_metadata]
        )


# --- RPCs ---


async def test_a_call_continues_the_trace_of_its_caller(collector):
    with traced(collector.endpoint):
        await call(known_user(), ("traceparent", TRACEPARENT))
    (span,) = collector.spans
    assert (span.name, span.trace_id, span.parent_id) == (METHOD, TRACE_ID, PARENT_ID)


async def test_a_call_without_a_trace_begins_one(collector):
    with traced(collector.endpoint):
        await call(known_user())
    (span,) = collector.spans
    assert span.parent_id == ""


@pytest.mark.parametrize("bad", ["", "00-zz", "x" * 1_000, f"00-{'0' * 32}-{'0' * 16}-01"])
async def test_a_malformed_traceparent_is_as_good_as_none(collector, bad):
    with traced(collector.endpoint):
        await call(known_user(), ("traceparent", bad))
    (span,) = collector.spans
    assert span.parent_id == ""


async def test_a_span_says_method_and_code_and_nothing_of_the_caller(collector):
    with traced(collector.endpoint):
        await call(known_user())
    (span,) = collector.spans
    assert span.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "analytics.AnalyticsService",
        "rpc.method": "GetUserAnalytics",
        "rpc.grpc.status_code": 0,
    }


async def test_a_fault_of_ours_is_an_error_and_one_of_the_caller_is_none(collector):
    with traced(collector.endpoint):
        assert (await failure(call(FailingLookups(StoreUnavailable("secret"))))) == (
            StatusCode.UNAVAILABLE,
            "STORE_UNAVAILABLE",
        )
        assert (await failure(call(FakeLookups())))[0] is StatusCode.NOT_FOUND
    assert [(one.attributes["rpc.grpc.status_code"], one.error) for one in collector.spans] == [
        (14, "UNAVAILABLE"),
        (5, ""),
    ]


# --- queries that are shared ---


class Lookup:
    """A coalescer whose query takes until `go_on`, and callers with traces of their own."""

    def __init__(self):
        self.coalescer = Coalescer(self._read, parallel=1, largest=10, most_waiting=10)

    async def _read(self, keys, within_s):
        with tracing.statement("SELECT analytics"):
            return dict.fromkeys(keys, 1)

    async def ask(self, key, trace_id):
        span = tracing.current().server("/caller", {"traceparent": TRACEPARENT.replace(TRACE_ID, trace_id)})
        with trace.use_span(span, end_on_exit=True):
            await self.coalescer.ask(key, within_s=5)


async def test_a_query_belongs_to_the_trace_of_its_first_caller_and_is_linked_with_the_others(collector):
    with traced(collector.endpoint):
        lookup = Lookup()
        await asyncio.gather(lookup.ask("a", TRACE_ID), lookup.ask("b", OTHER_TRACE_ID))
    (query,) = collector.named("SELECT analytics")
    (shared,) = collector.named("lookup")
    first, second = sorted(collector.named("caller"), key=lambda one: one.trace_id != TRACE_ID)
    assert (shared.trace_id, shared.parent_id, shared.links) == (TRACE_ID, first.span_id, [OTHER_TRACE_ID])
    assert (query.parent_id, second.links) == (shared.span_id, [TRACE_ID])


async def test_a_lookup_of_nobody_with_a_trace_makes_no_span(collector):
    with traced(collector.endpoint):
        await Lookup().coalescer.ask("a", within_s=5)
    assert collector.spans == []


async def test_a_statement_in_another_thread_stays_in_its_trace(collector):
    def work():
        with tracing.statement("SELECT analytics"):
            pass

    with traced(collector.endpoint), tracing.batch("apply", {}, []):
        await asyncio.get_running_loop().run_in_executor(None, tracing.carried(work))
    assert collector.below(*collector.named("apply")) == ["SELECT analytics"]


# --- batches ---


def with_headers(*headers, offset=0):
    return FakeRecord(as_value(finished_job()), offset, headers=list(headers))


def applied(*records):
    world = opened(ScriptedWriter(0))
    world.lane.feed(list(records), world.now)
    world.step(2)


def test_a_batch_is_a_span_with_links_to_where_its_records_come_from(collector):
    with traced(collector.endpoint):
        applied(with_headers(("traceparent", TRACEPARENT.encode())), with_headers(offset=1))
    (span,) = collector.spans
    assert (span.name, span.links, span.parent_id) == ("apply analytics", [TRACE_ID], "")
    assert span.attributes["messaging.batch.message_count"] == 2


def test_a_header_that_is_no_traceparent_makes_no_link(collector):
    with traced(collector.endpoint):
        applied(
            with_headers(
                ("traceparent", None), ("traceparent", b"\xff" * 55), ("other", TRACEPARENT.encode())
            )
        )
    (span,) = collector.spans
    assert span.links == []


def test_the_origins_of_a_batch_are_bounded(collector):
    origins = []
    with traced(collector.endpoint):
        note_origins([with_headers(("traceparent", TRACEPARENT.encode()))] * 100, origins)
    assert len(origins) == MOST_ORIGINS


def test_an_attempt_that_fails_says_the_type_of_its_error_only(collector):
    with traced(collector.endpoint):
        world = opened(ScriptedWriter(0, StoreUnavailable("some values")))
        world.feed(0)
        world.step(2)
    (span,) = collector.spans
    assert span.error == "StoreUnavailable"


# --- logs ---


def logged(event):
    return telemetry._add_trace(None, "info", event)


def test_a_log_line_has_the_ids_of_its_span(collector):
    with traced(collector.endpoint), tracing.batch("apply", {}, []):
        line = logged({"event": "x"})
    (span,) = collector.spans
    assert line == {"event": "x", "trace_id": span.trace_id, "span_id": span.span_id}


def test_what_the_main_thread_logs_of_a_failed_batch_has_the_ids_of_its_span(collector):
    with traced(collector.endpoint), structlog.testing.capture_logs() as lines:
        world = opened(ScriptedWriter(0, StoreUnavailable("away")))
        world.feed(0)
        world.step(2)
    (span,) = collector.spans
    (line,) = [one for one in lines if one["event"] == "will_try_again"]
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)


def test_without_a_span_a_log_line_has_no_ids():
    assert logged({"event": "x"}) == {"event": "x"}


# --- nobody collects ---


def test_without_an_endpoint_opentelemetry_is_not_loaded():
    program = (
        "import sys, analytics.server, processor.run, processor.__main__, analytics.__main__\n"
        "assert not [one for one in sys.modules if one.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("bad", ["collector:4317", "ftp://collector", "http://", "grpc"])
def test_an_endpoint_that_is_no_url_is_refused(monkeypatch, bad):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", bad)
    with pytest.raises(InvalidSettings, match="OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL"):
        load(Settings)


def test_an_empty_endpoint_is_none(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    assert load(Settings).otel_exporter_otlp_endpoint is None


async def test_a_collector_that_is_away_holds_up_no_call(nobody):
    with traced(nobody):
        started = time.monotonic()
        async with serving(known_user()) as address, aio.insecure_channel(address) as channel:
            stub = AnalyticsServiceStub(channel)
            for _ in range(300):
                assert (await stub.GetUserAnalytics(ASK, metadata=metadata())).total_jobs == USER_TOTALS.jobs
        assert time.monotonic() - started < 5


def test_more_spans_than_the_queue_holds_are_dropped_without_waiting(nobody):
    with traced(nobody):
        started = time.monotonic()
        for _ in range(10_000):
            with tracing.batch("apply", {}, []):
                pass
        assert time.monotonic() - started < 5


def test_a_collector_that_is_away_holds_up_the_end_for_two_seconds_at_most(nobody):
    with traced(nobody), tracing.batch("apply", {}, []):
        started = time.monotonic()
    assert time.monotonic() - started < 3


def test_a_collector_that_hangs_holds_up_the_end_for_two_seconds_at_most():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with traced(f"http://127.0.0.1:{silent.getsockname()[1]}"), tracing.batch("apply", {}, []):
            started = time.monotonic()
        assert time.monotonic() - started < 3


def test_after_the_end_no_spans_are_made(collector):
    with traced(collector.endpoint):
        pass
    with tracing.batch("apply", {}, []):
        assert not tracing.is_on()
